/**
 * PUB (RFC 29): sends each message to every peer that subscribed to a prefix of its first frame. It receives nothing but
 * subscriptions, which its program does not see: see `XPublisher`.
 */

import { type OptionName, type PatternOptions, WRITABLE_OPTION_NAMES } from '../options.ts';
import { PublisherBase } from './publisher-base.ts';
import {
  defineOptionProperties,
  defineWritable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

type Own = Pick<PatternOptions, 'noDrop' | 'conflate' | 'invertMatching'>;

const OWN: readonly OptionName[] = ['noDrop', 'conflate', 'invertMatching'];
const TRAITS: SocketTraits = {
  socketType: 'PUB',
  options: [...WRITABLE_OPTION_NAMES, ...OWN],
  connectsOnce: true,
};

export interface Publisher extends Writable, Required<Own> {}

/** Distributes messages. `send` never waits, unless `noDrop`: who is full or not there misses the message. */
export class Publisher extends PublisherBase {
  constructor(options: SocketOptions<Publisher> = {}) {
    super(TRAITS, options);
  }
}

defineWritable(Publisher.prototype);
defineOptionProperties(Publisher.prototype, OWN);
