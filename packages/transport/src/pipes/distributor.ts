/**
 * The pipes a socket writes one message to, many at a time (libzmq `dist_t`): first select, then send.
 *
 * The Buffers of a message are shared by all who get it; the array is not, because each reader may cut its own. A pipe that is
 * full misses the message, alone, and that is counted: nobody waits for it, unless the caller looks at `hasRoom` first.
 */

import type { Message } from '../message.ts';
import type { Pipe } from './pipe.ts';
import type { SubscriptionTrie } from './subscription-trie.ts';

/** Writes to a selection of its pipes. */
export class Distributor {
  readonly #pipes: Pipe[] = [];
  readonly #places = new Map<Pipe, number>();
  /** Those that get everything. They hold no subscription. */
  #wantingAll: readonly Pipe[] = [];
  /** Its first `#count` pipes are selected. It is used again and again. */
  #selected: Pipe[] = [];
  #count = 0;
  #dropped = 0;

  /** Messages that a full pipe missed, counted once for each such pipe. */
  get dropped(): number {
    return this.#dropped;
  }

  /** How many pipes are selected. */
  get selected(): number {
    return this.#count;
  }

  /** Whether every selected pipe takes a message. */
  get hasRoom(): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (!(this.#selected[i] as Pipe).writable) return false; // i < count
    }
    return true;
  }

  /** Every pipe there is, in no order that means anything. */
  get pipes(): readonly Pipe[] {
    return this.#pipes;
  }

  attach(pipe: Pipe): void {
    this.#places.set(pipe, this.#pipes.length);
    this.#pipes.push(pipe);
    if (pipe.wantsAll) this.#wantingAll = [...this.#wantingAll, pipe];
  }

  /** Takes a pipe out. The selection is empty afterwards. */
  detach(pipe: Pipe): void {
    const place = this.#places.get(pipe);
    if (place === undefined) return;
    this.#places.delete(pipe);
    const last = this.#pipes.pop() as Pipe; // not empty: it has a place
    if (last !== pipe) {
      this.#pipes[place] = last;
      this.#places.set(last, place);
    }
    if (pipe.wantsAll) this.#wantingAll = this.#wantingAll.filter((other) => other !== pipe);
    this.#selected = []; // it may still know the pipe behind its count
    this.#count = 0;
  }

  /** Selects every pipe. */
  selectAll(): void {
    const pipes = this.#pipes;
    for (let i = 0; i < pipes.length; i++) this.#selected[i] = pipes[i] as Pipe; // i < length
    this.#count = pipes.length;
  }

  /** Selects those who hold a prefix of `topic`, and those who get everything. Every holder must be attached. */
  selectMatching(subscriptions: SubscriptionTrie<Pipe>, topic: Buffer): void {
    this.#count = subscriptions.match(topic, this.#selected);
    const wanting = this.#wantingAll;
    for (let i = 0; i < wanting.length; i++) {
      this.#selected[this.#count] = wanting[i] as Pipe; // i < length
      this.#count += 1;
    }
  }

  /** Selects those who hold no prefix of `topic` (`ZMQ_INVERT_MATCHING`). */
  selectOthers(subscriptions: SubscriptionTrie<Pipe>, topic: Buffer): void {
    subscriptions.match(topic, this.#selected);
    let count = 0;
    const pipes = this.#pipes;
    for (let i = 0; i < pipes.length; i++) {
      const pipe = pipes[i] as Pipe; // i < length
      if (subscriptions.wasMatched(pipe)) continue;
      this.#selected[count] = pipe;
      count += 1;
    }
    this.#count = count;
  }

  /** Writes the message to every selected pipe that takes it. It belongs to them afterwards. */
  send(message: Message): void {
    const last = this.#count - 1;
    for (let i = 0; i <= last; i++) {
      const pipe = this.#selected[i] as Pipe; // i < count
      if (!pipe.writable) pipe.flush(); // what is full may be so only because the turn is long
      if (pipe.writable) pipe.write(i === last ? message : copyOf(message));
      else this.#dropped += 1;
    }
  }
}

function copyOf(message: Message): Message {
  return message.length === 1 ? [message[0] as Buffer] : message.slice(); // length 1
}
