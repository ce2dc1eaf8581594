/** SERVER (draft; RFC 41): talks with many CLIENTs, each known by a number, in messages of one frame. */

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

const TRAITS: SocketTraits = { socketType: 'SERVER', connectsOnce: false };

export interface Server
  extends Readable<[MessagePart, ServerRoutingOptions]>,
    Writable<MessageLike, [ServerRoutingOptions]> {}

/** Answers by the routing id that came with a message. */
export class Server extends ServerBase {
  constructor(options: SocketOptions<Server> = {}) {
    super(TRAITS, options);
  }
}

defineOptionProperties(Server.prototype, [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES]);
