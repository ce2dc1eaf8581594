/** PEER (draft; zmq_socket(3), "Peer-to-peer pattern"): a SERVER among equals, which also knows by number whom it connects to. */

import { fail } from '../errors.ts';
import type { MessageLike, MessagePart } from '../message.ts';
import { READABLE_OPTION_NAMES, WRITABLE_OPTION_NAMES } from '../options.ts';
import { ServerBase, type ServerRoutingOptions } from './server-base.ts';
import {
  defineOptionProperties,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

const TRAITS: SocketTraits = { socketType: 'PEER', connectsOnce: false };

export interface Peer
  extends Readable<[MessagePart, ServerRoutingOptions]>,
    Writable<MessageLike, [ServerRoutingOptions]> {}

/** One of many that may all bind, connect, and send first. */
export class Peer extends ServerBase {
  constructor(options: SocketOptions<Peer> = {}) {
    super(TRAITS, options);
  }

  /**
   * As `connect`, and gives the routing id of that peer, which it keeps over reconnects. Messages can be sent to it at once and
   * wait until it is there (`zmq_connect_peer`).
   *
   * @throws TransportError as `connect`; `EFAULT` with `immediate`, where a peer has no number before it is there.
   */
  connectPeer(endpoint: string): number {
    if (this.options.immediate) {
      fail('EFAULT', 'connectPeer() needs a pipe at once: it cannot be combined with immediate.');
    }
    this.connect(endpoint); // attaches its pipe before it returns
    return this.lastRoutingId;
  }
}

defineOptionProperties(Peer.prototype, [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES]);
