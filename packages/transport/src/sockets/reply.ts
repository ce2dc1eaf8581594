/**
 * REP (RFC 28): receives a request, sends its reply, in lock-step; requests are taken from all peers in turn.
 *
 *   on the wire   [routing ids of ROUTERs on the way...][empty][body...]
 *                 \------------- envelope ------------/         kept, and put in front of the reply
 *
 *   IDLE --receive--> REPLYING --send--> IDLE
 */

import { fail } from '../errors.ts';
import type { Message } from '../message.ts';
import {
  type OptionName,
  type PatternOptions,
  READABLE_OPTION_NAMES,
  WRITABLE_OPTION_NAMES,
} from '../options.ts';
import { RouterBase } from './router-base.ts';
import {
  defineOptionProperties,
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

type Own = Pick<PatternOptions, 'routingId'>;

const OWN: readonly OptionName[] = ['routingId'];
const TRAITS: SocketTraits = {
  socketType: 'REP',
  options: [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

export interface Reply extends Readable, Writable, Required<Own> {}

/** A server that answers one request after the other. */
export class Reply extends RouterBase {
  /** Of the request being answered; undefined in IDLE. */
  #envelope: Message | undefined = undefined;

  constructor(options: SocketOptions<Reply> = {}) {
    super(TRAITS, options);
  }

  override get writable(): boolean {
    return this.#envelope !== undefined;
  }

  override get readable(): boolean {
    return this.#envelope === undefined && super.readable;
  }

  /** A reply whose requester is gone or full is dropped, and counts as sent. @throws TransportError `EFSM` when no request is being answered. */
  override trySend(message: Message): boolean {
    const envelope = this.#envelope;
    if (envelope === undefined) {
      return fail(
        'EFSM',
        'A REP socket receives a request before it sends; there is none to reply to.',
      );
    }
    this.#envelope = undefined;
    for (let i = 0; i < message.length; i++) envelope.push(message[i] as Buffer); // i < length
    super.trySend(envelope);
    this.wakeReceivers();
    return true;
  }

  /** @throws TransportError `EFSM` before the last request was answered. */
  override tryReceive(): Message | undefined {
    if (this.#envelope !== undefined) {
      fail('EFSM', 'A REP socket sends its reply before it receives the next request.');
    }
    for (let message = super.tryReceive(); message !== undefined; message = super.tryReceive()) {
      const delimiter = findDelimiter(message);
      if (delimiter < 0) continue; // no envelope: nobody could be answered
      const body = message.splice(delimiter + 1);
      this.#envelope = message;
      this.wakeSendersLater(); // a reply may wait for its turn
      return body;
    }
    return undefined;
  }
}

/** The first empty frame that is neither the routing id nor the last frame; -1 when there is none. */
function findDelimiter(message: Message): number {
  for (let i = 1; i < message.length - 1; i++) {
    if (message[i]?.length === 0) return i;
  }
  return -1;
}

defineWritable(Reply.prototype);
defineReadable(Reply.prototype);
defineOptionProperties(Reply.prototype, OWN);
