/** CHANNEL (draft; zmq_socket(3), "Channel pattern"): PAIR for messages of one frame. */

import type { Message, MessageLike, MessagePart } from '../message.ts';
import { PairBase } from './pair-base.ts';
import { hasOneFrame, refuseMultipart, Sieve } from './sieve.ts';
import {
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

const TRAITS: SocketTraits = { socketType: 'CHANNEL', connectsOnce: false };

export interface Channel extends Readable<[MessagePart]>, Writable<MessageLike> {}

/** One of two that talk with nobody else. A further peer waits until the first has left. */
export class Channel extends PairBase {
  readonly #sieve = new Sieve(() => super.tryReceive(), hasOneFrame);

  constructor(options: SocketOptions<Channel> = {}) {
    super(TRAITS, options);
  }

  override get readable(): boolean {
    return this.#sieve.readable;
  }

  /** Received messages that were thrown away because they had more than one frame. */
  get discarded(): number {
    return this.#sieve.discarded;
  }

  /** @throws TransportError `EINVAL` for a message of more than one frame. */
  override trySend(message: Message): boolean {
    refuseMultipart(this.socketType, message.length);
    return super.trySend(message);
  }

  override tryReceive(): Message | undefined {
    return this.#sieve.receive();
  }
}

defineWritable(Channel.prototype);
defineReadable(Channel.prototype);
