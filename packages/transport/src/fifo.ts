/**
 * A first-in first-out queue in a ring: push and shift cost the same at any length, and nothing is allocated while it
 * neither grows nor shrinks. It has no limit of its own: who owns it sets one.
 *
 *      head                 head + length
 *       v                    v
 *   [ . a b c d e f g h i j  . . . ]      capacity is a power of two, positions wrap by mask
 */

/** Slots of a new ring, and of one that emptied after it had grown large. */
const SMALL_CAPACITY = 16;
/**
 * A ring that grew beyond this gives its memory back when it runs empty: each idle peer has two, and with 1024 slots those were 16 KiB
 * of a peer that once had a burst. To grow again costs a nanosecond per message.
 */
const KEPT_CAPACITY = 64;
/** Before the first item. Nothing is ever written to it. */
const NO_SLOTS: never[] = [];

/** A queue of `T` without a limit. `T` must not include undefined, which `shift` gives for "nothing there". */
export class Fifo<T> {
  #slots: Array<T | undefined> = NO_SLOTS;
  #mask = -1;
  #head = 0;
  #length = 0;

  /** How many items wait. */
  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length > this.#mask) this.#grow();
    this.#slots[(this.#head + this.#length) & this.#mask] = item;
    this.#length += 1;
  }

  /** The oldest item, taken out; undefined when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length -= 1;
    if (this.#length === 0 && this.#mask >= KEPT_CAPACITY) this.clear();
    return item;
  }

  /** The oldest item, left where it is. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  /** Drops everything and gives the memory back. */
  clear(): void {
    this.#slots = NO_SLOTS;
    this.#mask = -1;
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const capacity = this.#mask < 0 ? SMALL_CAPACITY : (this.#mask + 1) * 2;
    const slots = new Array<T | undefined>(capacity);
    for (let i = 0; i < this.#length; i++) slots[i] = this.#slots[(this.#head + i) & this.#mask];
    this.#slots = slots;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}
