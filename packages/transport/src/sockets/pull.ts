/** PULL (RFC 30): takes messages from the PUSH peers in turn, whole ones each. Once called UPSTREAM. */

import { type OptionName, type PatternOptions, READABLE_OPTION_NAMES } from '../options.ts';
import { PullBase } from './pull-base.ts';
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
  socketType: 'PULL',
  options: [...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

export interface Pull extends Readable, Required<Own> {}

/** The receiving end of a pipeline. */
export class Pull extends PullBase {
  constructor(options: SocketOptions<Pull> = {}) {
    super(TRAITS, options);
  }
}

defineReadable(Pull.prototype);
defineOptionProperties(Pull.prototype, OWN);

/** The name of {@link Pull} in the first versions of ZeroMQ (`ZMQ_UPSTREAM`). */
export { Pull as Upstream };
