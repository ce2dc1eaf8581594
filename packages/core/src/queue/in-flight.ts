/**
 * Requests that were given to a worker and not yet answered, by ticket.
 *
 * A ticket is eight bytes that only the queue understands; the worker sends them back in front of its reply:
 *
 *   slot(4, big-endian) generation(4, big-endian)
 *
 * The slot is a place in an array, so looking up costs no hashing. The generation changes each time a slot is used again, and
 * starts at random, so a late or forged ticket, or one of an earlier queue, finds nothing.
 */

import { randomInt } from 'node:crypto';

const TICKET_BYTES = 8;
const GENERATIONS = 0x1_0000_0000;

interface Slot<T> {
  generation: number;
  entry: T | undefined;
  /** The ticket of its entry. */
  readonly ticket: Buffer;
}

/** Entries by ticket. */
export class InFlight<T> {
  readonly #slots: Array<Slot<T>> = [];
  readonly #free: number[] = [];
  #size = 0;

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** Enters a request. Its ticket is another one's when this one was removed: whoever sends it after that needs a copy. */
  add(entry: T): Buffer {
    let index = this.#free.pop();
    if (index === undefined) {
      index = this.#slots.length;
      this.#slots.push(slotOf(index));
    }
    const slot = this.#slots[index] as Slot<T>; // taken from the free list or just made
    slot.entry = entry;
    this.#size += 1;
    slot.ticket.writeUInt32BE(slot.generation, 4);
    return slot.ticket;
  }

  /** The request of this ticket; undefined for a late, duplicate or malformed one. */
  find(ticket: Buffer): T | undefined {
    if (ticket.length !== TICKET_BYTES) return undefined;
    const slot = this.#slots[ticket.readUInt32BE(0)];
    return slot !== undefined && slot.generation === ticket.readUInt32BE(4)
      ? slot.entry
      : undefined;
  }

  /** Takes a request out; its ticket finds nothing any more. The ticket is one that {@link find} knows. */
  remove(ticket: Buffer): void {
    const index = ticket.readUInt32BE(0);
    const slot = this.#slots[index];
    if (slot?.entry === undefined) return;
    slot.entry = undefined;
    slot.generation = (slot.generation + 1) % GENERATIONS;
    this.#free.push(index);
    this.#size -= 1;
  }

  /** Every entry, in no order that means anything. Entries may be removed meanwhile. */
  *entries(): Generator<T> {
    for (const slot of this.#slots) {
      if (slot.entry !== undefined) yield slot.entry;
    }
  }
}

function slotOf<T>(index: number): Slot<T> {
  const ticket = Buffer.alloc(TICKET_BYTES);
  ticket.writeUInt32BE(index, 0);
  return { generation: randomInt(GENERATIONS), entry: undefined, ticket };
}
