/** GATHER (draft; zmq_socket(3), "Scatter-gather pattern"): PULL for messages of one frame. */

import type { Message, MessagePart } from '../message.ts';
import { type OptionName, type PatternOptions, READABLE_OPTION_NAMES } from '../options.ts';
import { PullBase } from './pull-base.ts';
import { hasOneFrame, Sieve } from './sieve.ts';
import {
  defineOptionProperties,
  defineReadable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
} from './socket.ts';

type Own = Pick<PatternOptions, 'conflate'>;

const OWN: readonly OptionName[] = ['conflate'];
const TRAITS: SocketTraits = {
  socketType: 'GATHER',
  options: [...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

export interface Gather extends Readable<[MessagePart]>, Required<Own> {}

/** Takes messages from the SCATTER peers in turn. */
export class Gather extends PullBase {
  readonly #sieve = new Sieve(() => super.tryReceive(), hasOneFrame);

  constructor(options: SocketOptions<Gather> = {}) {
    super(TRAITS, options);
  }

  override get readable(): boolean {
    return this.#sieve.readable;
  }

  /** Received messages that were thrown away because they had more than one frame. */
  get discarded(): number {
    return this.#sieve.discarded;
  }

  override tryReceive(): Message | undefined {
    return this.#sieve.receive();
  }
}

defineReadable(Gather.prototype);
defineOptionProperties(Gather.prototype, OWN);
