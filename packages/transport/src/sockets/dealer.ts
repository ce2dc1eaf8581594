/**
 * DEALER (RFC 28): sends to its peers in turn, receives from all of them, and adds nothing to messages. To talk to a
 * REP, send `[empty][body...]`. Once called XREQ.
 */

import {
  type OptionName,
  type PatternOptions,
  READABLE_OPTION_NAMES,
  WRITABLE_OPTION_NAMES,
} from '../options.ts';
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

type Own = Pick<PatternOptions, 'routingId' | 'probeRouter' | 'conflate'>;

const OWN: readonly OptionName[] = ['routingId', 'probeRouter', 'conflate'];
const TRAITS: SocketTraits = {
  socketType: 'DEALER',
  options: [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: true,
};

export interface Dealer extends Readable, Writable, Required<Own> {}

/** An asynchronous client. `send` waits while no peer has room. */
export class Dealer extends DealerBase {
  constructor(options: SocketOptions<Dealer> = {}) {
    super(TRAITS, options);
  }
}

defineWritable(Dealer.prototype);
defineReadable(Dealer.prototype);
defineOptionProperties(Dealer.prototype, OWN);
