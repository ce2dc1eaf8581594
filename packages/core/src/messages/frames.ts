/** What the queue, the worker and the client all need to know about a list of frames. */

/** Bytes of all frames together. */
export function bytesOf(frames: readonly Buffer[]): number {
  let bytes = 0;
  for (let i = 0; i < frames.length; i++) bytes += (frames[i] as Buffer).length; // i < length
  return bytes;
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
