/**
 * Bodies of frames out of a chunk that the stream handed us, or of the memory that another thread shares with us: what is kept of a
 * chunk must not keep all of it.
 *
 *   up to 64 B      a copy on the JavaScript heap, which V8 allocates inline
 *   below 512 B     a view of a slab: a piece of 8 KiB of the chunk, copied once for all the bodies in it
 *   from there on   a view of the chunk, which has 64 KiB at most
 *
 * So a receiver that keeps one small body retains it, or 8 KiB, and not the chunk. Small chunks are not cut: what they hold is
 * what came. A chunk that is lent is gone when it is decoded, so no view of it is given away: what would be one is a view of a copy
 * of the rest of it, or, from 16 KiB on, a copy of its own. What else was tried is in docs/performance.md, "Bodies".
 */

import { copyOf, HEAP_BYTES, viewOf } from './bytes.ts';

const SLAB_BYTES = 8 * 1024;
/** A slab of fewer and larger bodies costs more than it is worth (bench: push-pull at 1 KiB). */
const VIEW_BYTES = 512;
/** Chunks up to this size are not worth copying. */
const SMALL_CHUNK_BYTES: number = 2 * SLAB_BYTES;

/** Bodies from this size on are copied each by itself. */
const OWN_BYTES = 16 * 1024;

/** Cuts the bodies of one connection, chunk after chunk. */
export class BodyCutter {
  #isSmall = false;
  #isLent = false;
  readonly #slab = new ChunkSlab();
  /** For larger bodies: a small one that is kept must not keep theirs. */
  readonly #largeSlab = new ChunkSlab();

  /** Another chunk: bodies are cut from this one until {@link end}. @param isLent it is gone then. */
  start(chunk: Buffer, isLent: boolean): void {
    this.end();
    this.#isLent = isLent;
    this.#isSmall = chunk.buffer.byteLength <= SMALL_CHUNK_BYTES;
  }

  /** Nothing more is cut from the chunk. */
  end(): void {
    this.#slab.end();
    this.#largeSlab.end();
  }

  /** The bytes of `chunk`, which is the one that was started, from `start` to `stop`. */
  cut(chunk: Buffer, start: number, stop: number): Buffer {
    const size = stop - start;
    if (size <= HEAP_BYTES) return copyOf(chunk, start, stop);
    if (size < VIEW_BYTES && !this.#isSmall) return this.#slab.cut(chunk, start, stop, SLAB_BYTES);
    if (!this.#isLent) return viewOf(chunk, start, stop);
    if (size >= OWN_BYTES) return copyOf(chunk, start, stop);
    return this.#largeSlab.cut(chunk, start, stop, chunk.length);
  }
}

/** A copy of a piece of the chunk, of which bodies are views. */
class ChunkSlab {
  #bytes: Buffer | undefined = undefined;
  /** Which bytes of the chunk it has. */
  #start = 0;
  #end = 0;

  end(): void {
    this.#bytes = undefined;
    this.#start = 0;
    this.#end = 0;
  }

  /** @param bytes of a new copy, where the chunk has so many. */
  cut(chunk: Buffer, start: number, stop: number, bytes: number): Buffer {
    let slab = this.#bytes;
    if (slab === undefined || stop > this.#end) {
      const end = Math.min(start + bytes, chunk.length);
      slab = Buffer.allocUnsafe(end - start);
      chunk.copy(slab, 0, start, end);
      this.#bytes = slab;
      this.#start = start;
      this.#end = end;
    }
    return viewOf(slab, start - this.#start, stop - this.#start);
  }
}
