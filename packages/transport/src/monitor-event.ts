/**
 * What a socket tells about its connections, in zeromq.js's words (zmq_socket_monitor(3) behind them). Events are told
 * as they happen and never wait for a listener.
 */

import type { AuthError, ProtocolError, TransportError } from './errors.ts';

/** An event about an endpoint. */
export interface EndpointEvent<T extends string> {
  readonly type: T;
  /** For what was bound the real address; for what was connected the endpoint given to `connect()`. */
  readonly address: string;
  /** The other side's address, where the system tells it (tcp). */
  readonly remoteAddress?: string;
}

/** An event that carries its cause. */
export interface ErrorEvent<T extends string, E extends Error> extends EndpointEvent<T> {
  readonly error: E;
}

/** Every event a socket tells. */
export type MonitorEvent =
  /** A listener is up (`ZMQ_EVENT_LISTENING`). */
  | EndpointEvent<'bind'>
  | ErrorEvent<'bind:error', TransportError>
  /** A peer's connection was accepted; its handshake follows (`ZMQ_EVENT_ACCEPTED`). */
  | EndpointEvent<'accept'>
  | ErrorEvent<'accept:error', Error>
  /** A connection is being made (`ZMQ_EVENT_CONNECT_DELAYED`). */
  | EndpointEvent<'connect:delay'>
  /** A connection was made; its handshake follows (`ZMQ_EVENT_CONNECTED`). */
  | EndpointEvent<'connect'>
  /** A connection was refused or lost and will be tried again after `interval` ms (`ZMQ_EVENT_CONNECT_RETRIED`). */
  | (EndpointEvent<'connect:retry'> & { readonly interval: number })
  /** Both sides are ready (`ZMQ_EVENT_HANDSHAKE_SUCCEEDED`). */
  | EndpointEvent<'handshake'>
  /** The peer broke the protocol (`ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL`). */
  | ErrorEvent<'handshake:error:protocol', ProtocolError>
  /** The peer refused our credentials (`ZMQ_EVENT_HANDSHAKE_FAILED_AUTH`). */
  | ErrorEvent<'handshake:error:auth', AuthError>
  /** Timeout or loss during the handshake (`ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL`). */
  | ErrorEvent<'handshake:error:other', Error>
  /** A connection ended; `error` says why where it did not end in order (`ZMQ_EVENT_DISCONNECTED`). */
  | (EndpointEvent<'disconnect'> & { readonly error?: Error })
  /** A listener or a connection attempt was closed (`ZMQ_EVENT_CLOSED`). */
  | EndpointEvent<'close'>
  /** An ipc listener's file could not be removed (`ZMQ_EVENT_CLOSE_FAILED`). */
  | ErrorEvent<'close:error', Error>
  /**
   * Multicast was lost for good: `packets` that never came, with whatever was in them, and `messages` that were dropped because a part
   * was missing or the program did not read. At most ten times a second; counts are those since the last. Not in libzmq.
   */
  | (EndpointEvent<'multicast:loss'> & { readonly packets: number; readonly messages: number })
  /** Never told here; libzmq may have events that zeromq.js does not know. */
  | { readonly type: 'unknown' }
  /** The socket is closed: the last event (`ZMQ_EVENT_MONITOR_STOPPED`). */
  | { readonly type: 'end' };
