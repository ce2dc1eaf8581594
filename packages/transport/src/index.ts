/**
 * `@zscale/transport`: ZeroMQ in pure TypeScript, wire-compatible with libzmq 4.3, in zeromq.js's words.
 *
 * `Socket`, `Pipe`, `FairQueue`, `LoadBalancer` and `Fifo` are exported for those who write a pattern of their own.
 */

export type { Authenticator } from './authenticator.ts';
export { capability, version } from './capability.ts';
export { Context, type ContextOptions, context } from './context.ts';
export type { ProxyStats, SideStats } from './devices/control.ts';
export {
  Device,
  type DeviceCloseOptions,
  type DeviceEndpoints,
  type DeviceKind,
  type DeviceOptions,
  device,
} from './devices/device.ts';
export { Proxy, type ProxyOptions } from './devices/proxy.ts';
export {
  AuthError,
  ProtocolError,
  type ProtocolErrorCode,
  TransportError,
} from './errors.ts';
export { Fifo } from './fifo.ts';
export { type CurveKeyPair, curveKeyPair } from './mechanisms/curve/keys.ts';
export {
  EMPTY_FRAME,
  type Message as Frames,
  type MessageLike,
  type MessagePart as Message,
  toMessage,
} from './message.ts';
export type { EndpointEvent, ErrorEvent, MonitorEvent as Event } from './monitor-event.ts';
export type { AnySocketOptions, OptionName, ResolvedSocketOptions } from './options.ts';
export type { PeerInfo, ZmtpVersion } from './peer-info.ts';
export { FairQueue } from './pipes/fair-queue.ts';
export { LoadBalancer } from './pipes/load-balancer.ts';
export { Pipe, type PipeLink, type PipeMarks, type PipeSink } from './pipes/pipe.ts';
export { keepFrames, wholeFrame } from './rope.ts';
export type { SocketType } from './socket-type.ts';
export { type BindHook, type HookedSocket, setBindHook } from './sockets/bind-hook.ts';
export { Dealer } from './sockets/dealer.ts';
export {
  type EventSubscriber,
  type MonitorEventOf as EventOfType,
  type MonitorEventType as EventType,
  Observer,
} from './sockets/monitor.ts';
export { Pair } from './sockets/pair.ts';
export { Publisher } from './sockets/publisher.ts';
export { Pull, Upstream } from './sockets/pull.ts';
export { Downstream, Push } from './sockets/push.ts';
export { Reply } from './sockets/reply.ts';
export { Request } from './sockets/request.ts';
export { Router } from './sockets/router.ts';
export { RouterBase, type RouterConnectOptions } from './sockets/router-base.ts';
export {
  defineReadable,
  defineWritable,
  type OpenOptions,
  type Readable,
  Socket,
  type SocketOptions,
  type SocketTraits,
  type SocketWatcher,
  type Writable,
} from './sockets/socket.ts';
export { Stream, type StreamConnectOptions } from './sockets/stream.ts';
export { Subscriber } from './sockets/subscriber.ts';
export { XPublisher } from './sockets/xpublisher.ts';
export { XSubscriber } from './sockets/xsubscriber.ts';
export { checkBind } from './transports/bind-check.ts';
export type { MulticastStats } from './transports/epgm/stats.ts';
export { StreamTraffic, type TrafficStats } from './transports/stream-traffic.ts';
export type { PipeHost } from './transports/transport.ts';
export { decodeZ85, encodeZ85 } from './z85.ts';
