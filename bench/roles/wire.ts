/**
 * Frames as ZMTP has them, for bare node:net: as many bytes as ours and libzmq's, and no more work than that.
 *
 *   flags(1) length(1) body      up to 255 bytes
 *   flags(1) length(8) body      more
 */

const LARGE = 2;
const SHORT_MAX = 255;
const SHORT_HEADER_BYTES = 2;
const LONG_HEADER_BYTES = 9;

/** A frame with its header. */
export function encodeFrame(body: Buffer): Buffer {
  return Buffer.concat([encodeHeader(body.length), body]);
}

/** The header of a frame. */
export function encodeHeader(bytes: number): Buffer {
  if (bytes <= SHORT_MAX) return Buffer.of(0, bytes);
  const header = Buffer.alloc(LONG_HEADER_BYTES);
  header[0] = LARGE;
  header.writeBigUInt64BE(BigInt(bytes), 1);
  return header;
}

/** Finds the ends of frames in chunks that are cut anywhere. */
export class FrameCounter {
  /** Bytes of the current frame that have not come. */
  #missing = 0;
  /** The beginning of a header that was cut. */
  #rest: Buffer = Buffer.alloc(0);

  /** @returns how many frames end in this chunk. */
  count(chunk: Buffer): number {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = this.#missing;
    let frames = 0;
    if (at > bytes.length) {
      this.#missing = at - bytes.length;
      return 0;
    }
    if (at > 0) frames += 1;
    for (;;) {
      const isLarge = bytes[at] === LARGE;
      const headerBytes = isLarge ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
      if (at + headerBytes > bytes.length) {
        this.#rest = bytes.subarray(at);
        this.#missing = 0;
        return frames;
      }
      const length = isLarge ? bytes.readUInt32BE(at + 5) : (bytes[at + 1] ?? 0);
      const end = at + headerBytes + length;
      if (end > bytes.length) {
        this.#rest = Buffer.alloc(0);
        this.#missing = end - bytes.length;
        return frames;
      }
      frames += 1;
      at = end;
    }
  }
}
