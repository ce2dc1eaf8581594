/**
 * The bind side of tcp and ipc: accepts net.Sockets, makes a pipe of each whose handshake succeeded, and owns both until they end.
 */

import { createServer, type Socket as NetSocket, type Server } from 'node:net';
import { Connection, type ConnectionEnd, type ConnectionOwner } from '../connections/connection.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import type { PeerInfo } from '../peer-info.ts';
import { Pipe } from '../pipes/pipe.ts';
import type { SocketType } from '../socket-type.ts';
import { remoteAddressOf, reportEnd, serve, systemError } from './stream.ts';
import type { Listener, PipeHost } from './transport.ts';

/** Where a stream listener listens. */
export interface ListenAddress {
  /** For `net.Server.listen`. */
  readonly listen:
    | { readonly path: string }
    | { readonly host: string; readonly port: number; readonly ipv6Only: boolean };
  /** The endpoint to report, once the server listens. */
  endpointOf(server: Server): string;
  /** Removes what listening left on disk. */
  cleanUp(): Promise<void>;
}

/**
 * Listens and accepts.
 *
 * @param endpoint as it was given, for error texts.
 * @throws (rejects) TransportError with the system's errno name.
 */
export async function listenStream(
  endpoint: string,
  address: ListenAddress,
  host: PipeHost,
): Promise<Listener> {
  const server = createServer({ noDelay: true });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ ...address.listen, backlog: Math.max(1, host.options.backlog) }, resolve);
    });
  } catch (cause) {
    const error = systemError(cause, `Cannot listen on ${endpoint}`, endpoint);
    host.report({ type: 'bind:error', address: endpoint, error });
    throw error;
  }
  server.removeAllListeners('error');
  server.unref();
  return new StreamListener(server, address, host);
}

/** An accepted connection and, once its handshake is done, its pipe. */
interface Accepted {
  readonly remoteAddress: string;
  pipe: Pipe | undefined;
}

class StreamListener implements Listener, ConnectionOwner {
  readonly endpoint: string;
  readonly #server: Server;
  readonly #address: ListenAddress;
  readonly #host: PipeHost;
  readonly #accepted = new Map<Connection, Accepted>();
  #closing: Promise<void> | undefined = undefined;
  #lastOneEnded: () => void = () => {};

  constructor(server: Server, address: ListenAddress, host: PipeHost) {
    this.#server = server;
    this.#address = address;
    this.#host = host;
    this.endpoint = address.endpointOf(server);
    server.on('error', (error) =>
      host.report({ type: 'accept:error', address: this.endpoint, error }),
    );
    server.on('connection', (socket) => this.#accept(socket));
    host.report({ type: 'bind', address: this.endpoint });
  }

  get socketType(): SocketType {
    return this.#host.socketType;
  }

  get options(): ResolvedSocketOptions {
    return this.#host.options;
  }

  close(linger: number): Promise<void> {
    this.#closing ??= this.#close(linger);
    return this.#closing;
  }

  connectionReady(connection: Connection, peer: PeerInfo): Pipe | undefined {
    const accepted = this.#accepted.get(connection);
    if (accepted === undefined) return undefined;
    const pipe = new Pipe(this.#host, this.#host.options);
    pipe.peer = peer;
    accepted.pipe = pipe;
    this.#host.report({ type: 'handshake', address: this.endpoint, remoteAddress: peer.address });
    this.#host.attach(pipe);
    return pipe;
  }

  connectionClosed(connection: Connection, end: ConnectionEnd): void {
    const accepted = this.#accepted.get(connection);
    if (accepted === undefined) return;
    this.#accepted.delete(connection);
    reportEnd(this.#host, this.endpoint, accepted.remoteAddress, end);
    accepted.pipe?.end();
    if (this.#accepted.size === 0) this.#lastOneEnded();
  }

  #accept(socket: NetSocket): void {
    socket.unref();
    const remoteAddress = remoteAddressOf(socket, this.endpoint);
    const connection = new Connection(socket, this, remoteAddress);
    this.#accepted.set(connection, { remoteAddress, pipe: undefined });
    this.#host.report({ type: 'accept', address: this.endpoint, remoteAddress });
    serve(socket, connection, this.#host.options);
  }

  async #close(linger: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
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
