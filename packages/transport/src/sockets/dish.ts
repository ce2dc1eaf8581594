/**
 * DISH (draft; RFC 48): receives the messages of the groups it has joined, from every RADIO.
 *
 *   tryReceive and on the wire   [group][frame]
 *
 * Every new connection is told all groups. While a dialer has no connection nothing is written, so that no JOIN waits in its pipe
 * and is sent twice.
 */

import { fail } from '../errors.ts';
import type { Message, MessagePart } from '../message.ts';
import { READABLE_OPTION_NAMES } from '../options.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { encodeJoin, encodeLeave, groupKey, toGroup } from './group.ts';
import { iterate } from './iterate.ts';
import { Sieve } from './sieve.ts';
import {
  defineOptionProperties,
  type Readable,
  Socket,
  type SocketOptions,
  type SocketTraits,
} from './socket.ts';

const TRAITS: SocketTraits = {
  socketType: 'DISH',
  options: READABLE_OPTION_NAMES,
  defaults: { linger: 0 },
  connectsOnce: false,
};

/** The group of a received message. */
export interface DishGroupOptions {
  group: Buffer;
}

export interface Dish extends Readable<[MessagePart, DishGroupOptions]> {}

/** Receives from groups. Its `linger` is 0 by default, as in libzmq. */
export class Dish extends Socket {
  readonly #fairQueue = new FairQueue();
  readonly #sieve = new Sieve(
    () => this.#fairQueue.receive(),
    (message) => this.#fits(message),
  );
  readonly #pipes = new Set<Pipe>();
  readonly #groups = new Set<string>();

  constructor(options: SocketOptions<Dish> = {}) {
    super(TRAITS, options);
  }

  override get readable(): boolean {
    return this.#sieve.readable;
  }

  /** Received messages that were thrown away because their group is not joined. */
  get discarded(): number {
    return this.#sieve.discarded;
  }

  /**
   * Receives the messages of these groups, too, from whomever it is and will be connected to. Those before a group that is
   * refused are joined.
   *
   * @throws TransportError `EINVAL` for what is no group (0 to 255 bytes, none of which is zero) and for one that is joined
   *   already; `EBADF` on a closed socket.
   */
  join(...values: Array<Buffer | string>): void {
    for (const value of values) {
      const key = this.#checkGroup(value);
      if (this.#groups.has(key)) fail('EINVAL', 'Invalid argument: the group is joined already.');
      this.#groups.add(key);
      this.#tell(encodeJoin(key));
    }
  }

  /** Takes a join back. What came before and is not received yet is thrown away. @throws TransportError `EINVAL` for a group that is not joined; `EBADF` on a closed socket. */
  leave(...values: Array<Buffer | string>): void {
    for (const value of values) {
      const key = this.#checkGroup(value);
      if (!this.#groups.delete(key)) fail('EINVAL', 'Invalid argument: the group is not joined.');
      this.#tell(encodeLeave(key));
      this.#sieve.recheck();
    }
  }

  /** The next message and its group; see {@link Readable.receive}. */
  receive(): Promise<[MessagePart, DishGroupOptions]> {
    return this.receiveFrames().then(withGroup);
  }

  override tryReceive(): Message | undefined {
    return this.#sieve.receive();
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    this.#pipes.add(pipe);
    this.#fairQueue.attach(pipe);
  }

  override pipeConnected(pipe: Pipe): void {
    for (const key of this.#groups) pipe.writeBeyondMark([encodeJoin(key)]);
  }

  override pipeReadable(pipe: Pipe): void {
    this.#fairQueue.activate(pipe);
    this.wakeReceivers();
  }

  /** Nobody waits for room. */
  override pipeWritable(_pipe: Pipe): void {}

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#pipes.delete(pipe);
    this.#fairQueue.retire(pipe);
  }

  #checkGroup(value: Buffer | string): string {
    if (this.closed) fail('EBADF', 'Socket is closed');
    return groupKey(toGroup(value));
  }

  #tell(frame: Buffer): void {
    for (const pipe of this.#pipes) {
      if (pipe.isConnected) pipe.writeBeyondMark([frame]);
    }
  }

  #fits(message: Message): boolean {
    const [group] = message;
    if (message.length === 2 && group !== undefined) return this.#groups.has(groupKey(group));
    // A peer that does not speak RADIO: libzmq disconnects it for good, and so do we.
    const pipe = this.#fairQueue.lastPipe;
    if (pipe !== undefined && !pipe.isClosed) pipe.close(0);
    return false;
  }
}

function withGroup(message: Message): [MessagePart, DishGroupOptions] {
  const [group, frame] = message as [Buffer, Buffer]; // the form that #fits lets pass
  return [frame, { group }];
}

defineOptionProperties(Dish.prototype, READABLE_OPTION_NAMES);

// Not a method of the class: its type is one with `this` in it, which only the interface Readable can say.
Object.assign(Dish.prototype, {
  [Symbol.asyncIterator](this: Dish) {
    return iterate(this);
  },
});
