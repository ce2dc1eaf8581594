/**
 * The client's socket: DEALER on the wire; each request goes to the connected server that has the fewest of this client's
 * requests, and each reply is told apart by its connection.
 */

import {
  type AnySocketOptions,
  type Frames as Message,
  type Pipe,
  Socket,
} from '@zscale/transport';
import { ZscaleError } from './errors.ts';
import { speaksZscale } from './messages/announcement.ts';

/** A connected server. */
export interface ServerPeer {
  readonly pipe: Pipe;
  readonly speaksZscale: boolean;
  /** Requests sent to it and not yet answered. */
  held: number;
}

/** The client above. Called from the event loop. */
export interface ClientSocketSink {
  /** A connection has room: requests that wait may go. */
  serverWritable(): void;
  serverReply(server: ServerPeer, message: Message): void;
  /** A connection is gone; replies to what was sent on it will not come. */
  serverLost(server: ServerPeer): void;
}

/** A DEALER that tells its peers apart. */
export class ClientSocket extends Socket {
  readonly #sink: ClientSocketSink;
  readonly #servers = new Map<Pipe, ServerPeer>();
  /** Endpoints that are to be disconnected. */
  readonly #leaving = new Set<string>();

  constructor(sink: ClientSocketSink, options: AnySocketOptions) {
    super({ socketType: 'DEALER', connectsOnce: true, redialsAfterFaults: true }, options);
    this.#sink = sink;
  }

  /** Connects, and stays. */
  join(endpoint: string): void {
    if (!this.#leaving.delete(endpoint)) this.connect(endpoint);
  }

  /** Sends nothing more there, and disconnects when every request that was sent is answered. */
  leave(endpoint: string): void {
    this.#leaving.add(endpoint);
    this.#settleLeaving();
  }

  /** The connected server with the fewest requests of ours that has room; undefined when there is none. */
  nextServer(): ServerPeer | undefined {
    let chosen: ServerPeer | undefined;
    for (const server of this.#servers.values()) {
      if (this.#leaving.size > 0 && this.#leaving.has(server.pipe.endpoint ?? '')) continue;
      if (server.pipe.writable && (chosen === undefined || server.held < chosen.held))
        chosen = server;
    }
    return chosen;
  }

  override get writable(): boolean {
    return this.nextServer() !== undefined;
  }

  override trySend(_message: Message): boolean {
    throw new ZscaleError('ENOTSUP', 'A client sends with request().');
  }

  /** Never: replies go to the sink. */
  override tryReceive(): Message | undefined {
    return undefined;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
  }

  override pipeConnected(pipe: Pipe): void {
    const speaks = speaksZscale(pipe.peer?.metadata);
    this.#servers.set(pipe, { pipe, speaksZscale: speaks, held: 0 });
    this.#sink.serverWritable();
  }

  override pipeReadable(pipe: Pipe): void {
    const server = this.#servers.get(pipe);
    if (server === undefined) return;
    for (let message = pipe.read(); message !== undefined; message = pipe.read()) {
      this.#sink.serverReply(server, message);
    }
    if (this.#leaving.size > 0) this.#settleLeaving();
    this.#sink.serverWritable();
  }

  override pipeWritable(_pipe: Pipe): void {
    this.#sink.serverWritable();
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    const server = this.#servers.get(pipe);
    if (server === undefined) return;
    this.#servers.delete(pipe);
    for (let message = pipe.read(); message !== undefined; message = pipe.read()) {
      this.#sink.serverReply(server, message);
    }
    this.#sink.serverLost(server);
    if (this.#leaving.size > 0) this.#settleLeaving();
  }

  /** Disconnects where nothing is open any more. */
  #settleLeaving(): void {
    for (const endpoint of this.#leaving) {
      const servers = [...this.#servers.values()].filter(({ pipe }) => pipe.endpoint === endpoint);
      if (servers.some(({ held }) => held > 0)) continue;
      this.#leaving.delete(endpoint);
      this.disconnect(endpoint);
    }
  }
}
