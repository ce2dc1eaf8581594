/** CLIENT (draft; RFC 41): DEALER for messages of one frame; talks with SERVER. */

import type { Message, MessageLike, MessagePart } from '../message.ts';
import { DealerBase } from './dealer-base.ts';
import { hasOneFrame, refuseMultipart, Sieve } from './sieve.ts';
import {
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

const TRAITS: SocketTraits = { socketType: 'CLIENT', connectsOnce: false };

export interface Client extends Readable<[MessagePart]>, Writable<MessageLike> {}

/** Sends to its servers in turn and receives from all of them. `send` waits while none has room, and while there is none. */
export class Client extends DealerBase {
  readonly #sieve = new Sieve(() => super.tryReceive(), hasOneFrame);

  constructor(options: SocketOptions<Client> = {}) {
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

defineWritable(Client.prototype);
defineReadable(Client.prototype);
