/**
 * Memory in which a batch is put together before it is written. One for all connections of a context: the system mostly takes a
 * batch while it is being written, and then the same memory, still in the CPU's cache, serves the next one. Fresh memory for
 * each batch costs a third of sending (docs/performance.md, "The slab").
 *
 *   take() ... encode, write ...  release()   the system has taken it all
 *                                 abandon()   the stream still holds it: the next take() gets other memory
 */

/** Bytes of a slab: a batch that is full, and what may come on top. */
export const SLAB_BYTES: number = 80 * 1024;

/** Lends out its memory to one at a time. */
export class Slab {
  #memory: Buffer | undefined = undefined;
  #isTaken = false;

  /** {@link SLAB_BYTES} of memory with any content; undefined while it is taken. */
  take(): Buffer | undefined {
    if (this.#isTaken) return undefined;
    this.#isTaken = true;
    this.#memory ??= Buffer.allocUnsafeSlow(SLAB_BYTES);
    return this.#memory;
  }

  /** Nobody reads what was taken any more. */
  release(): void {
    this.#isTaken = false;
  }

  /** What was taken belongs to whoever reads it. */
  abandon(): void {
    this.#isTaken = false;
    this.#memory = undefined;
  }
}
