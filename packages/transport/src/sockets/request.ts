/**
 * REQ (RFC 28): one request, one reply, in lock-step. A request goes to the next peer in turn, and only that peer's reply
 * counts.
 *
 *   on the wire   [empty][body...]        with `correlate`   [id(4)][empty][body...]
 *
 *   IDLE --send--> WAITING --reply received--> IDLE          `relaxed`: send is allowed in WAITING, the old request is given up
 */

import { randomInt } from 'node:crypto';
import { fail } from '../errors.ts';
import { EMPTY_FRAME, type Message } from '../message.ts';
import {
  type OptionName,
  type PatternOptions,
  READABLE_OPTION_NAMES,
  WRITABLE_OPTION_NAMES,
} from '../options.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { DealerBase } from './dealer-base.ts';
import {
  defineOptionProperties,
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

type Own = Pick<PatternOptions, 'routingId' | 'probeRouter' | 'correlate' | 'relaxed'>;

const OWN: readonly OptionName[] = ['routingId', 'probeRouter', 'correlate', 'relaxed'];
const TRAITS: SocketTraits = {
  socketType: 'REQ',
  options: [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: true,
};

const REQUEST_ID_BYTES = 4;

export interface Request extends Readable, Writable, Required<Own> {}

/** A client that asks and waits. If its peer dies with the request, nothing is sent again: see `relaxed` and `correlate`. */
export class Request extends DealerBase {
  #requestId: number = randomInt(0x1_0000_0000);
  /** The peer whose reply is awaited; undefined in IDLE, or when that peer's pipe is gone. */
  #asked: Pipe | undefined = undefined;
  #waiting = false;
  /** The reply, once it is there and until it is received. */
  #reply: Message | undefined = undefined;

  constructor(options: SocketOptions<Request> = {}) {
    super(TRAITS, options);
  }

  override get writable(): boolean {
    return (!this.#waiting || this.options.relaxed) && super.writable;
  }

  override get readable(): boolean {
    return this.#reply !== undefined;
  }

  /** @throws TransportError `EFSM` while a reply is awaited, unless `relaxed`. */
  override trySend(message: Message): boolean {
    const { correlate, relaxed } = this.options;
    if (this.#waiting && !relaxed) {
      fail(
        'EFSM',
        'A REQ socket receives the reply before it sends again. Set relaxed: true to give the request up.',
      );
    }
    this.#sift(); // what came before this request is no reply to it
    this.#reply = undefined;
    const bodyFrames = message.length;
    message.unshift(EMPTY_FRAME);
    if (correlate) message.unshift(this.#nextId());
    const pipe = this.sendToNext(message);
    if (pipe === undefined) {
      message.splice(0, message.length - bodyFrames); // it stays the caller's, as it was
      return false;
    }
    this.#asked = pipe;
    this.#waiting = true;
    return true;
  }

  /** @throws TransportError `EFSM` before a request was sent. */
  override tryReceive(): Message | undefined {
    if (!this.#waiting) {
      fail('EFSM', 'A REQ socket sends a request before it receives; nothing was asked.');
    }
    this.#sift();
    const reply = this.#reply;
    if (reply === undefined) return undefined;
    this.#reply = undefined;
    this.#waiting = false;
    this.#asked = undefined;
    this.wakeSendersLater(); // a request may wait for its turn
    return reply;
  }

  override pipeReadable(pipe: Pipe): void {
    super.pipeReadable(pipe);
    this.#sift(); // at once: a peer that breaks the rules is disconnected also when nobody receives
  }

  /** The reply's body, or undefined for what is no reply to the request that waits. */
  #open(message: Message, from: Pipe | undefined): Message | undefined {
    const hasId = message[0]?.length === REQUEST_ID_BYTES;
    const delimiter = hasId ? 1 : 0;
    if (message.length < delimiter + 2 || message[delimiter]?.length !== 0) {
      // A peer that does not speak REQ/REP: libzmq disconnects it for good, and so do we.
      if (from !== undefined && !from.isClosed) from.close(0);
      return undefined;
    }
    if (hasId !== this.options.correlate) return undefined;
    if (hasId && message.shift()?.readUInt32LE(0) !== this.#requestId) return undefined;
    message.shift();
    return message;
  }

  /** Reads everything there is: keeps the reply that is awaited and drops the rest, so that nothing piles up. */
  #sift(): void {
    for (let message = super.tryReceive(); message !== undefined; message = super.tryReceive()) {
      const from = this.lastPipe;
      const body = this.#open(message, from);
      if (this.#waiting && this.#reply === undefined && from === this.#asked) this.#reply = body;
    }
  }

  #nextId(): Buffer {
    this.#requestId = (this.#requestId + 1) >>> 0;
    const id = Buffer.allocUnsafe(REQUEST_ID_BYTES);
    id.writeUInt32LE(this.#requestId);
    return id;
  }
}

defineWritable(Request.prototype);
defineReadable(Request.prototype);
defineOptionProperties(Request.prototype, OWN);
