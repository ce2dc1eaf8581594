/** SCATTER (draft; zmq_socket(3), "Scatter-gather pattern"): PUSH for messages of one frame. */

import type { Message, MessageLike } from '../message.ts';
import { type OptionName, type PatternOptions, WRITABLE_OPTION_NAMES } from '../options.ts';
import { PushBase } from './push-base.ts';
import { refuseMultipart } from './sieve.ts';
import {
  defineOptionProperties,
  defineWritable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

type Own = Pick<PatternOptions, 'conflate'>;

const OWN: readonly OptionName[] = ['conflate'];
const TRAITS: SocketTraits = {
  socketType: 'SCATTER',
  options: [...WRITABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

export interface Scatter extends Writable<MessageLike>, Required<Own> {}

/** Deals messages to the GATHER peers in turn. `send` waits while no peer has room, and while there is no peer. */
export class Scatter extends PushBase {
  constructor(options: SocketOptions<Scatter> = {}) {
    super(TRAITS, options);
  }

  /** @throws TransportError `EINVAL` for a message of more than one frame. */
  override trySend(message: Message): boolean {
    refuseMultipart(this.socketType, message.length);
    return super.trySend(message);
  }
}

defineWritable(Scatter.prototype);
defineOptionProperties(Scatter.prototype, OWN);
