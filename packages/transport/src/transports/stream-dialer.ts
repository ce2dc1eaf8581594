/**
 * The connect side of tcp and ipc: keeps one connection to an endpoint, and tries again when it is lost.
 *
 *   DIALING -> CONNECTED -> WAITING -> DIALING ...      DONE from any of them, through `#finish`
 *
 * It owns the pipe, which outlives the connections, and is the link under it while no connection is. After close() it
 * goes on as long as something is unsent and linger lasts. With `immediate` each connection has a pipe of its own.
 */

import type { Socket as NetSocket } from 'node:net';
import type { Authenticator } from '../authenticator.ts';
import type { Blocks } from '../blocks.ts';
import {
  type ConnectionEnd,
  type ConnectionOwner,
  checkConnectionOptions,
} from '../connections/connection.ts';
import type { RawConnectionOwner } from '../connections/raw-connection.ts';
import { TransportError } from '../errors.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import type { PeerInfo } from '../peer-info.ts';
import { Pipe, type PipeLink } from '../pipes/pipe.ts';
import type { Slab } from '../slab.ts';
import type { SocketType } from '../socket-type.ts';
import { reconnectDelay } from './backoff.ts';
import {
  connectionOver,
  rememberError,
  remoteAddressOf,
  reportEnd,
  reportReady,
  type StreamConnection,
  serve,
} from './stream.ts';
import type { Dialer, PipeHost } from './transport.ts';

/** How a dialer gets its streams. */
export interface StreamOpener {
  /** Makes a net.Socket that is connecting; what cannot be is told by the net.Socket, which then closes with an error. */
  open(): NetSocket;
  /**
   * What comes between the stream's connect and the first byte of the connection: a proxy is asked to connect further. Calls `done`
   * with the bytes that came behind, or destroys the stream.
   */
  readonly prepare:
    | ((socket: NetSocket, done: (rest: Buffer | undefined) => void) => void)
    | undefined;
  /** A connection is made or refused at once, and nobody is told of a delay (ipc, as in libzmq). */
  readonly isInstant: boolean;
}

/** How long a proxy may take when there is no `connectTimeout`: silence would hold the dialer for ever. */
const PREPARE_TIMEOUT_MS = 30_000;

/** Keeps one stream connected. */
export class StreamDialer implements Dialer, ConnectionOwner, RawConnectionOwner, PipeLink {
  readonly endpoint: string;
  readonly options: ResolvedSocketOptions;
  readonly #host: PipeHost;
  readonly #opener: StreamOpener;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};
  #pipe: Pipe | undefined = undefined;
  #socket: NetSocket | undefined = undefined;
  #connection: StreamConnection | undefined = undefined;
  /** The connection's handshake is done: it, and not we, is the link under the pipe. */
  #plugged = false;
  #retry: NodeJS.Timeout | undefined = undefined;
  #connectTimer: NodeJS.Timeout | undefined = undefined;
  #lingerTimer: NodeJS.Timeout | undefined = undefined;
  /** Tries since the last handshake that succeeded. */
  #attempt = 0;
  #closing = false;
  #done = false;

  constructor(
    endpoint: string,
    host: PipeHost,
    options: ResolvedSocketOptions,
    opener: StreamOpener,
  ) {
    checkConnectionOptions(options);
    this.endpoint = endpoint;
    this.options = options;
    this.#host = host;
    this.#opener = opener;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    if (!options.immediate) {
      this.#pipe = new Pipe(host, options);
      this.#pipe.endpoint = endpoint;
      host.attach(this.#pipe);
      this.#pipe.plug(this);
    }
    process.nextTick(dial, this);
  }

  get socketType(): SocketType {
    return this.#host.socketType;
  }

  get authenticator(): Authenticator {
    return this.#host.authenticator;
  }

  unfinished(pipe: Pipe, bytes: number): void {
    this.#host.unfinished?.(pipe, bytes);
  }

  get forwards(): boolean {
    return this.#host.forwards ?? false;
  }

  get slab(): Slab {
    return this.#host.context.slab;
  }

  get blocks(): Blocks {
    return this.#host.context.blocks;
  }

  pings(peer: PeerInfo): boolean {
    return this.#host.pings?.(peer) ?? true;
  }

  get isDone(): boolean {
    return this.#done;
  }

  /** Also called by the pipe, as its link, when a pattern closes it. */
  close(linger: number): Promise<void> {
    if (this.#closing || this.#done) return this.#ended;
    this.#closing = true;
    if (linger > 0) this.#lingerTimer = setTimeout(finish, linger, this);
    this.#pipe?.close(linger);
    if (this.#unsent() > 0) this.wake();
    else if (!this.#plugged) this.#finish();
    return this.#ended;
  }

  // The pipe's link while there is no connection.

  /** Something waits for the next connection: the process stays until it is there. */
  wake(): void {
    if ((this.#host.linger ?? this.options.linger) === 0) return; // it would be dropped in the end
    this.#socket?.ref();
    this.#retry?.ref();
  }

  pause(): void {}

  resume(): void {}

  // From the connection.

  connectionReady(_connection: StreamConnection, peer: PeerInfo): Pipe | undefined {
    this.#attempt = 0;
    this.#socket?.unref();
    reportReady(this.#host, this.endpoint, peer.address);
    if (this.#pipe === undefined && !this.#closing) {
      this.#pipe = new Pipe(this.#host, this.options);
      this.#pipe.endpoint = this.endpoint;
      this.#pipe.peer = peer;
      this.#host.attach(this.#pipe);
    }
    this.#plugged = this.#pipe !== undefined;
    return this.#pipe;
  }

  connectionClosed(_connection: StreamConnection, end: ConnectionEnd): void {
    const remoteAddress =
      this.#socket === undefined ? this.endpoint : remoteAddressOf(this.#socket, this.endpoint);
    reportEnd(this.#host, this.endpoint, remoteAddress, end);
    this.#disconnected(end.permanent && !this.#host.redialsAfterFaults);
  }

  /** Tries now. */
  dial(): void {
    if (this.#done) return;
    this.#retry = undefined;
    const socket = this.#opener.open();
    this.#socket = socket;
    if (this.#unsent() === 0) socket.unref();
    const limit = this.options.connectTimeout;
    if (limit > 0) this.#connectTimer = setTimeout(connectTimedOut, limit, socket, limit).unref();
    socket.on('error', rememberError);
    socket.once('connect', () => this.#prepare(socket));
    socket.once('close', () => this.#closed(socket));
    if (!this.#opener.isInstant) {
      this.#host.report({ type: 'connect:delay', address: this.endpoint });
    }
  }

  /** Ends now, whatever is unsent. */
  finish(): void {
    this.#finish();
  }

  #unsent(): number {
    return this.#pipe?.unsent ?? 0;
  }

  #prepare(socket: NetSocket): void {
    const { prepare } = this.#opener;
    if (prepare === undefined) {
      this.#connected(socket, undefined);
      return;
    }
    this.#connectTimer ??= setTimeout(
      connectTimedOut,
      PREPARE_TIMEOUT_MS,
      socket,
      PREPARE_TIMEOUT_MS,
    ).unref();
    prepare(socket, (rest) => this.#connected(socket, rest));
  }

  /** @param rest what the peer sent already. */
  #connected(socket: NetSocket, rest: Buffer | undefined): void {
    this.#clearConnectTimer();
    socket.removeListener('error', rememberError); // serve() puts it back among its own
    this.#host.report({ type: 'connect', address: this.endpoint });
    const connection = connectionOver(socket, this, remoteAddressOf(socket, this.endpoint));
    this.#connection = connection;
    serve(socket, connection, this.options);
    if (rest !== undefined) connection.receive(rest);
  }

  /** A stream that was never connected: the connection tells of the others. */
  #closed(socket: NetSocket): void {
    this.#clearConnectTimer();
    if (this.#socket !== socket || this.#connection !== undefined) return;
    this.#host.report({ type: 'close', address: this.endpoint });
    this.#disconnected(false);
  }

  #disconnected(permanent: boolean): void {
    this.#connection = undefined;
    this.#socket = undefined;
    this.#plugged = false;
    if (this.#done) return;
    if (this.options.immediate && !this.#closing) this.#dropPipe();
    const { isClosed } = this.#pipe ?? { isClosed: this.#closing };
    const delay = permanent
      ? undefined
      : reconnectDelay(this.options, this.#attempt, Math.random());
    if (delay === undefined || (isClosed && this.#unsent() === 0)) {
      this.#finish();
      return;
    }
    this.#attempt += 1;
    this.#retry = setTimeout(dial, delay, this).unref();
    this.#pipe?.plug(this); // wakes us if messages wait
    this.#host.report({ type: 'connect:retry', address: this.endpoint, interval: delay });
  }

  #clearConnectTimer(): void {
    clearTimeout(this.#connectTimer);
    this.#connectTimer = undefined;
  }

  /** `immediate`: what was queued goes with the connection it was queued for. */
  #dropPipe(): void {
    const pipe = this.#pipe;
    this.#pipe = undefined;
    pipe?.end();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#retry);
    this.#clearConnectTimer();
    clearTimeout(this.#lingerTimer);
    const connection = this.#connection;
    const socket = this.#socket;
    this.#pipe?.end();
    if (connection !== undefined) connection.destroy();
    else socket?.destroy();
    this.#resolveEnded();
  }
}

function dial(dialer: StreamDialer): void {
  dialer.dial();
}

function finish(dialer: StreamDialer): void {
  dialer.finish();
}

function connectTimedOut(socket: NetSocket, limit: number): void {
  socket.destroy(
    new TransportError('ETIMEDOUT', `No connection within ${limit} ms (connectTimeout).`),
  );
}
