/**
 * ROUTER (RFC 28): receives from all peers with the sender's routing id in front, and sends to the peer named by the first frame.
 * Once called XREP.
 */

import {
  type OptionName,
  type PatternOptions,
  READABLE_OPTION_NAMES,
  WRITABLE_OPTION_NAMES,
} from '../options.ts';
import { RouterBase, type RouterConnectOptions } from './router-base.ts';
import {
  defineOptionProperties,
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

type Own = Pick<PatternOptions, 'routingId' | 'probeRouter' | 'mandatory' | 'handover'>;

const OWN: readonly OptionName[] = ['routingId', 'probeRouter', 'mandatory', 'handover'];
const TRAITS: SocketTraits = {
  socketType: 'ROUTER',
  options: [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

export interface Router extends Readable, Writable, Required<Own> {}

/** An asynchronous server. What it cannot deliver it drops and counts, unless `mandatory`. */
export class Router extends RouterBase {
  constructor(options: SocketOptions<Router> = {}) {
    super(TRAITS, options);
  }

  /** @throws TransportError `EINVAL` for a routing id that is in use or, with `immediate`, cannot be given. */
  override connect(endpoint: string, options: RouterConnectOptions = {}): void {
    this.connectAs(endpoint, options.routingId);
  }
}

defineWritable(Router.prototype);
defineReadable(Router.prototype);
defineOptionProperties(Router.prototype, OWN);
