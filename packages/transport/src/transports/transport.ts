/**
 * The seam between sockets and transports: each scheme yields pipes to a host.
 *
 * A host is what a socket is from down here. Transports never call into it before `bind` or `connect` returned, except for
 * `attach` of a dialer's pipe, which happens inside `connect`.
 */

import type { Authenticator } from '../authenticator.ts';
import type { Context } from '../context.ts';
import type { MonitorEvent } from '../monitor-event.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import type { PeerInfo } from '../peer-info.ts';
import type { Pipe, PipeSink } from '../pipes/pipe.ts';
import type { SocketType } from '../socket-type.ts';
import type { MulticastStats } from './epgm/stats.ts';
import type { StreamTraffic } from './stream-traffic.ts';

/** A socket, as its transports see it. */
export interface PipeHost extends PipeSink {
  readonly socketType: SocketType;
  /** A dialer tries again after a fault of the peer, too. */
  readonly redialsAfterFaults: boolean;
  /** It passes messages on unread: large frames may come as ropes (`rope.ts`). Default false. */
  readonly forwards?: boolean;
  /**
   * So many bytes are kept of a message of this pipe's peer that is not whole (tcp and ipc). May close pipes. Told at the end of a
   * chunk; not again when the pipe closes.
   */
  unfinished?(pipe: Pipe, bytes: number): void;
  /** The scope of inproc names. */
  readonly context: Context;
  /** For mechanisms that ask before they let a peer in. */
  readonly authenticator: Authenticator;
  /** Where the streams are counted that a listener accepts; undefined, or left out, where nobody wants to know. Asked once, when it listens. */
  trafficAt?(endpoint: string): StreamTraffic | undefined;
  /** What is queued when its program has nothing more to do is given up with 0; undefined for the option of the connect. */
  readonly linger?: number;
  /** Whether this peer is sent PINGs, where `heartbeatInterval` asks for them; left out: every peer that knows them. */
  pings?(peer: PeerInfo): boolean;
  /** A new pipe; messages may be written to it from here on. */
  attach(pipe: Pipe): void;
  /** Something happened that a monitor may want to know. Never throws. */
  report(event: MonitorEvent): void;
}

/** What bind() leaves behind. */
export interface Listener {
  /** The real address, with wildcards resolved. */
  readonly endpoint: string;
  /**
   * Accepts no more and closes what was accepted through it. Resolves when the address is free and every connection
   * ended. Idempotent.
   *
   * @param linger how long queued messages may still be sent, ms; 0 drops them; -1 no limit.
   */
  close(linger: number): Promise<void>;
  /**
   * Where connections outlive an unbind (inproc): frees the address at once and leaves the connections alone, which end by
   * `close` at the latest. Resolves when none of them is left. Without it an unbind is a `close`.
   */
  release?(): Promise<void>;
  /** Whether another way of writing this listener's endpoint was given: `tcp://localhost:5555`. */
  isAt?(endpoint: string): boolean;
}

/** What connect() leaves behind: it keeps one connection up. */
export interface Dialer {
  /** As it was given to connect(). */
  readonly endpoint: string;
  /** It will never connect again: closed, or the peer broke the protocol. */
  readonly isDone: boolean;
  /** Ends the connection and tries no more; see {@link Listener.close}. */
  close(linger: number): Promise<void>;
  /** What it counts, where it is a multicast endpoint. */
  stats?(): MulticastStats;
}

/**
 * One scheme. `options` are those of the socket at the time of the call; they hold for every connection that comes of it,
 * also when the socket's options change later.
 */
export interface Transport {
  /** To bind is to connect, and to unbind to disconnect, as with multicast: nobody is the one that listens. Default false. */
  readonly bindsByConnecting?: true;
  /**
   * @throws (rejects) TransportError `EINVAL` for a malformed address; `EADDRINUSE`, `EADDRNOTAVAIL`, `ENODEV`, `EACCES`,
   *   `ENOENT`, `ENAMETOOLONG` from the system.
   */
  bind(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Promise<Listener>;
  /** As bind, but before it returns. @throws TransportError as bind; `ENOTSUP` where the runtime cannot. */
  bindSync(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Listener;
  /** Network problems are told by the monitor, not here. @throws TransportError `EINVAL` for a malformed address. */
  connect(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Dialer;
}
