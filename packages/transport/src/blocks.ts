/**
 * Memory for large frames that are passed on: used again as soon as the system has taken what was in it.
 *
 * Fresh memory of 64 KiB costs page faults when it is written, and V8 collects for it as if it were kept (docs/performance.md, "Large
 * bodies"). A block that is not given back is no loss: it is collected like any Buffer.
 */

/** Bytes of a block. */
export const BLOCK_BYTES: number = 64 * 1024;
/** So many blocks wait at most to be used again: 4 MiB. */
const SPARE_MAX = 64;

/** The blocks of a context. */
export class Blocks {
  readonly #spare: Buffer[] = [];

  /** A block with any content. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Nobody reads this block any more. */
  give(block: Buffer): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(block);
  }

  /** How many wait to be used again. */
  get spare(): number {
    return this.#spare.length;
  }
}
