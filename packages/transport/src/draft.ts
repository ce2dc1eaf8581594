/**
 * `@zscale/transport/draft`: the socket types that ZeroMQ calls drafts, in zeromq.js's words. All but RADIO and DISH over tcp, ipc
 * and inproc look like others on the wire; their messages have one frame. They may change where ZeroMQ changes them.
 */

export { Channel } from './sockets/channel.ts';
export { Client } from './sockets/client.ts';
export { Dish, type DishGroupOptions } from './sockets/dish.ts';
export { Gather } from './sockets/gather.ts';
export { Peer } from './sockets/peer.ts';
export { Radio, type RadioGroupOptions } from './sockets/radio.ts';
export { Scatter } from './sockets/scatter.ts';
export { Server } from './sockets/server.ts';
export type { ServerRoutingOptions } from './sockets/server-base.ts';
