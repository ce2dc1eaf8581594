/**
 * A large frame for those who pass it on unread: in blocks of memory that are used again once it was sent.
 *
 * To a socket that forwards, a Buffer of a frame's size, which is fresh memory for each, is worth nothing. A socket that says so
 * (`Socket.forwards`) gets ropes in the place of large frames. A rope stands where a Buffer stands and has its `length`; nothing else of
 * a Buffer may be asked of it before {@link wholeFrame} made it one. Encoders write it piece by piece, and then it is gone: whoever
 * wants to send it a second time says `keep()` before the first.
 */

import { BLOCK_BYTES, type Blocks } from './blocks.ts';
import { viewOf } from './bytes.ts';

/** A last piece below this size has memory of its own, so that a rope takes at most twice its size. */
const OWN_BYTES = BLOCK_BYTES / 2;

/** Pieces that are one frame. */
export class Rope {
  /** What has come of it, in order; all of it once it is {@link isWhole}. */
  readonly pieces: Buffer[] = [];
  /** Of all pieces together. */
  readonly length: number;
  readonly #blocks: Blocks;
  /** The memory of the pieces; the last may be none of a block. */
  readonly #memory: Buffer[] = [];
  #filled = 0;
  #isKept = false;

  /** @param length of the whole frame, 1 or more. */
  constructor(length: number, blocks: Blocks) {
    this.length = length;
    this.#blocks = blocks;
  }

  /** How many of its bytes have come. */
  get filled(): number {
    return this.#filled;
  }

  get isWhole(): boolean {
    return this.#filled === this.length;
  }

  /** Copies the next bytes of it out of a chunk; no more than it lacks. */
  add(chunk: Buffer, start: number, stop: number): void {
    for (let from = start; from < stop; ) {
      const place = this.#filled % BLOCK_BYTES;
      const memory = this.#memoryOfNext();
      const count = Math.min(memory.length - place, stop - from);
      chunk.copy(memory, place, from, from + count);
      this.#filled += count;
      from += count;
    }
  }

  /** Where its next bytes go: as many as lie together. Not for one that is whole. */
  get place(): Buffer {
    const start = this.#filled % BLOCK_BYTES;
    const memory = this.#memoryOfNext();
    return viewOf(memory, start, Math.min(memory.length, start + this.length - this.#filled));
  }

  /** So many of its next bytes lie in {@link place}. */
  placed(count: number): void {
    this.#filled += count;
  }

  /** Where the next byte goes; grown for it where what there is is full. */
  #memoryOfNext(): Buffer {
    const last = this.#memory[this.#memory.length - 1];
    if (last !== undefined && this.#filled < this.#memory.length * BLOCK_BYTES) return last;
    const left = this.length - this.#filled;
    const memory = left < OWN_BYTES ? Buffer.allocUnsafeSlow(left) : this.#blocks.take();
    this.#memory.push(memory);
    this.pieces.push(left < memory.length ? viewOf(memory, 0, left) : memory);
    return memory;
  }

  /** It will be sent or read more than once: its memory is its own for good. */
  keep(): void {
    this.#isKept = true;
  }

  /** It was sent, and nobody reads it any more unless it is kept. Idempotent. */
  release(): void {
    if (this.#isKept) return;
    this.pieces.length = 0;
    for (const memory of this.#memory.splice(0)) {
      if (memory.length === BLOCK_BYTES) this.#blocks.give(memory);
    }
  }

  /** All of it in one Buffer: its only piece, which is the caller's from here on, or a copy. */
  toBuffer(): Buffer {
    this.keep();
    const [first] = this.pieces;
    return first !== undefined && this.pieces.length === 1
      ? first
      : Buffer.concat(this.pieces, this.length);
  }
}

/** The rope as a frame of a message. */
export function ropeFrame(rope: Rope): Buffer {
  return rope as unknown as Buffer; // only sockets that ask for it get one, and they know
}

/** A frame of a forwarding socket as one Buffer: itself, or what a rope has. The rope can still be sent. */
export function wholeFrame(frame: Buffer): Buffer {
  const given: Buffer | Rope = frame;
  return isRope(given) ? given.toBuffer() : frame;
}

/** Before a message of a forwarding socket is sent or read more than once. */
export function keepFrames(message: readonly Buffer[]): void {
  for (const frame of message) if (isRope(frame)) frame.keep();
}

/** Whether a frame is in pieces. */
export function isRope(frame: Buffer | Rope): frame is Rope {
  return frame instanceof Rope;
}
