/** PAIR (RFC 31): an exclusive pair of peers, with nothing added to messages. */

import { PairBase } from './pair-base.ts';
import {
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

const TRAITS: SocketTraits = { socketType: 'PAIR', connectsOnce: false };

export interface Pair extends Readable, Writable {}

/** One of two that talk with nobody else. A further peer waits until the first has left. */
export class Pair extends PairBase {
  constructor(options: SocketOptions<Pair> = {}) {
    super(TRAITS, options);
  }
}

defineWritable(Pair.prototype);
defineReadable(Pair.prototype);
