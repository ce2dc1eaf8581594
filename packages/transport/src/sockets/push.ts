/**
 * PUSH (RFC 30): deals messages to the PULL peers in turn, whole ones each; peers that are full are passed over. Once called
 * DOWNSTREAM.
 */

import { type OptionName, type PatternOptions, WRITABLE_OPTION_NAMES } from '../options.ts';
import { PushBase } from './push-base.ts';
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
  socketType: 'PUSH',
  options: [...WRITABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

export interface Push extends Writable, Required<Own> {}

/** The sending end of a pipeline. `send` waits while no peer has room, and while there is no peer. */
export class Push extends PushBase {
  constructor(options: SocketOptions<Push> = {}) {
    super(TRAITS, options);
  }
}

defineWritable(Push.prototype);
defineOptionProperties(Push.prototype, OWN);

/** The name of {@link Push} in the first versions of ZeroMQ (`ZMQ_DOWNSTREAM`). */
export { Push as Downstream };
