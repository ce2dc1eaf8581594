/**
 * The bind side of tcp and ipc: accepts net.Sockets, makes a pipe of each whose handshake succeeded, and owns both until they end.
 */

import { createServer, type Socket as NetSocket, type Server } from 'node:net';
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
import { Pipe } from '../pipes/pipe.ts';
import type { Slab } from '../slab.ts';
import type { SocketType } from '../socket-type.ts';
import { type ListenTarget, listenNow } from './listen-now.ts';
import {
  connectionOver,
  remoteAddressOf,
  reportEnd,
  reportReady,
  type StreamConnection,
  serve,
  systemError,
} from './stream.ts';
import type { StreamTraffic } from './stream-traffic.ts';
import type { Listener, PipeHost } from './transport.ts';

/** Where a stream listener listens. */
export interface ListenAddress {
  readonly target: ListenTarget;
  /** The endpoint to report, once the server listens. */
  endpointOf(server: Server): string;
  /** Whether an endpoint is another name of the one that was reported. */
  isAt(endpoint: string, reported: string): boolean;
  /** Whether a peer that connected may stay. */
  admits(socket: NetSocket): boolean;
  /** Calls `close`, which closes the server, with whatever has to be done around it. Default: nothing. */
  closing?(close: () => void): void;
  /** Removes what listening left on disk. */
  cleanUp(): Promise<void>;
}

/**
 * Listens and accepts.
 *
 * @param endpoint as it was given, for error texts.
 * @param choose finds the address; what it throws is told by the monitor too.
 * @throws (rejects) TransportError with the system's errno name, or what `choose` throws.
 */
export async function listenStream(
  endpoint: string,
  host: PipeHost,
  options: ResolvedSocketOptions,
  choose: () => Promise<ListenAddress>,
): Promise<Listener> {
  try {
    checkConnectionOptions(options);
    const address = await choose();
    const server = createServer({ noDelay: true });
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ ...address.target, backlog: backlogOf(options) }, resolve);
      });
    } catch (cause) {
      abandon(address, endpoint, host);
      throw cause;
    }
    server.removeAllListeners('error');
    return new StreamListener(server, address, host, options);
  } catch (cause) {
    return refuseBind(cause, endpoint, host);
  }
}

/** As {@link listenStream}, before it returns. @throws TransportError as there; `ENOTSUP` where the runtime cannot. */
export function listenStreamNow(
  endpoint: string,
  host: PipeHost,
  options: ResolvedSocketOptions,
  choose: () => ListenAddress,
): Listener {
  try {
    checkConnectionOptions(options);
    const address = choose();
    const server = createServer({ noDelay: true });
    try {
      listenNow(server, address.target, backlogOf(options), endpoint);
    } catch (cause) {
      abandon(address, endpoint, host);
      throw cause;
    }
    return new StreamListener(server, address, host, options);
  } catch (cause) {
    return refuseBind(cause, endpoint, host);
  }
}

/** libzmq gives 0 to the system, which then keeps one; to Node 0 means its own default. */
function backlogOf(options: ResolvedSocketOptions): number {
  return Math.max(1, options.backlog);
}

/** Listening failed after an address was found. */
function abandon(address: ListenAddress, endpoint: string, host: PipeHost): void {
  void address.cleanUp();
  host.report({ type: 'close', address: endpoint });
}

function refuseBind(cause: unknown, endpoint: string, host: PipeHost): never {
  const error =
    cause instanceof TransportError
      ? cause
      : systemError(cause, `Cannot listen on ${endpoint}`, endpoint);
  host.report({ type: 'bind:error', address: endpoint, error });
  throw error;
}

/** An accepted connection and, once its handshake is done, its pipe. */
interface Accepted {
  readonly stream: NetSocket;
  readonly remoteAddress: string;
  pipe: Pipe | undefined;
}

class StreamListener implements Listener, ConnectionOwner, RawConnectionOwner {
  readonly endpoint: string;
  readonly options: ResolvedSocketOptions;
  readonly #server: Server;
  readonly #address: ListenAddress;
  readonly #host: PipeHost;
  readonly #traffic: StreamTraffic | undefined;
  readonly #accepted = new Map<StreamConnection, Accepted>();
  #closing: Promise<void> | undefined = undefined;
  #lastOneEnded: () => void = () => {};

  constructor(
    server: Server,
    address: ListenAddress,
    host: PipeHost,
    options: ResolvedSocketOptions,
  ) {
    this.options = options;
    this.#server = server;
    this.#address = address;
    this.#host = host;
    this.endpoint = address.endpointOf(server);
    this.#traffic = host.trafficAt?.(this.endpoint);
    server.unref();
    server.on('error', (error) =>
      host.report({ type: 'accept:error', address: this.endpoint, error }),
    );
    server.on('connection', (socket) => this.#accept(socket));
    host.report({ type: 'bind', address: this.endpoint });
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

  /** Whether an endpoint names this listener: by the address it reported, or by another name of it. */
  isAt(endpoint: string): boolean {
    return endpoint === this.endpoint || this.#address.isAt(endpoint, this.endpoint);
  }

  close(linger: number): Promise<void> {
    this.#closing ??= this.#close(linger);
    return this.#closing;
  }

  connectionReady(connection: StreamConnection, peer: PeerInfo): Pipe | undefined {
    const accepted = this.#accepted.get(connection);
    if (accepted === undefined) return undefined;
    const pipe = new Pipe(this.#host, this.options);
    pipe.peer = peer;
    accepted.pipe = pipe;
    reportReady(this.#host, this.endpoint, peer.address);
    this.#host.attach(pipe);
    return pipe;
  }

  connectionClosed(connection: StreamConnection, end: ConnectionEnd): void {
    const accepted = this.#accepted.get(connection);
    if (accepted === undefined) return;
    this.#accepted.delete(connection);
    this.#traffic?.closed(accepted.stream);
    reportEnd(this.#host, this.endpoint, accepted.remoteAddress, end);
    accepted.pipe?.end();
    if (this.#accepted.size === 0) this.#lastOneEnded();
  }

  #accept(socket: NetSocket): void {
    socket.unref();
    const remoteAddress = remoteAddressOf(socket, this.endpoint);
    if (!this.#address.admits(socket)) {
      this.#refuse(socket, remoteAddress);
      return;
    }
    const connection = connectionOver(socket, this, remoteAddress);
    this.#accepted.set(connection, { stream: socket, remoteAddress, pipe: undefined });
    this.#traffic?.opened(socket);
    this.#host.report({ type: 'accept', address: this.endpoint, remoteAddress });
    serve(socket, connection, this.options);
  }

  #refuse(socket: NetSocket, remoteAddress: string): void {
    socket.on('error', ignore);
    socket.destroy();
    const error = new TransportError(
      'EACCES',
      `The peer ${remoteAddress} matches no tcpAcceptFilter.`,
      { endpoint: this.endpoint },
    );
    this.#host.report({ type: 'accept:error', address: this.endpoint, remoteAddress, error });
  }

  async #close(linger: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      const close = (): unknown => this.#server.close(() => resolve());
      if (this.#address.closing === undefined) close();
      else this.#address.closing(close);
    });
    const ended = new Promise<void>((resolve) => {
      this.#lastOneEnded = resolve;
      if (this.#accepted.size === 0) resolve();
    });
    for (const [connection, { pipe }] of [...this.#accepted]) {
      if (pipe === undefined) connection.destroy();
      else pipe.retire(linger);
    }
    await ended;
    await closed;
    await this.#address.cleanUp();
    this.#host.report({ type: 'close', address: this.endpoint });
  }
}

/** Of a peer that is refused, nothing is of interest. */
function ignore(): void {}
