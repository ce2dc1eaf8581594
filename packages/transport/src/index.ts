/**
 * `@zscale/transport`: ZeroMQ in pure TypeScript, wire-compatible with libzmq 4.3, in zeromq.js's words.
 *
 * `Socket`, `Pipe`, `FairQueue`, `LoadBalancer` and `Fifo` are exported for those who write a pattern of their own.
 */

export {
  AuthError,
  ProtocolError,
  type ProtocolErrorCode,
  TransportError,
} from './errors.ts';
export { Fifo } from './fifo.ts';
export { EMPTY_FRAME, type Message, type MessageLike, toMessage } from './message.ts';
export type { EndpointEvent, ErrorEvent, MonitorEvent } from './monitor-event.ts';
export type { PatternOptions, ResolvedSocketOptions, SocketOptions } from './options.ts';
export type { PeerInfo, ZmtpVersion } from './peer-info.ts';
export { FairQueue } from './pipes/fair-queue.ts';
export { LoadBalancer } from './pipes/load-balancer.ts';
export { Pipe, type PipeLink, type PipeMarks, type PipeSink } from './pipes/pipe.ts';
export type { SocketType } from './socket-type.ts';
export { Dealer, type DealerOptions } from './sockets/dealer.ts';
export { type MonitorEventOf, type MonitorEventType, Observer } from './sockets/monitor.ts';
export { Reply, type ReplyOptions } from './sockets/reply.ts';
export { Request, type RequestOptions } from './sockets/request.ts';
export { Router, type RouterConnectOptions, type RouterOptions } from './sockets/router.ts';
export { Socket, type SocketTraits } from './sockets/socket.ts';
export type { PipeHost } from './transports/transport.ts';
