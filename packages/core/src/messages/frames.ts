/** What the queue, the worker and the client all need to know about a list of frames. */

/** Bytes of all frames together, from the one at `start` on. Default 0. */
export function bytesOf(frames: readonly Buffer[], start = 0): number {
  let bytes = 0;
  for (let i = start; i < frames.length; i++) bytes += (frames[i] as Buffer).length; // i < length
  return bytes;
}

/** What a frame counts beside its bytes, so that a message of endless empty frames is bounded too (`maxMultipartSize`). */
export const FRAME_OVERHEAD_BYTES = 64;

/**
 * The size of a body as `maxMessageSize` limits it: its bytes, and {@link FRAME_OVERHEAD_BYTES} for each frame after the first.
 *
 * @param start place of the body's first frame. Default 0.
 */
export function sizeOf(frames: readonly Buffer[], start = 0): number {
  let size = 0;
  for (let i = start; i < frames.length; i++) {
    size += (frames[i] as Buffer).length + (i > start ? FRAME_OVERHEAD_BYTES : 0); // i < length
  }
  return size;
}

/**
 * Where the envelope ends: the place of the first empty frame from `start` on that has a body behind it (RFC 28); -1 when
 * there is none.
 */
export function findDelimiter(frames: readonly Buffer[], start: number): number {
  for (let i = start; i < frames.length - 1; i++) {
    if (frames[i]?.length === 0) return i;
  }
  return -1;
}
