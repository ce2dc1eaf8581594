/**
 * The gateway: HTTP in front, messages behind.
 *
 *     browser -> node:http -> PendingReply | UpgradeTunnel -> Upstream -> queue -> worker
 *
 * It owns the connections of clients, so that a worker may die, be replaced or live elsewhere and the client's connection does not
 * notice. HTTP is parsed by Node, strictly; what could be read in two ways is refused, for whoever stands before us may have read
 * the other. Everything is bounded: connections, heads, bodies, what is unread in either direction, and the time that each may take.
 */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ZscaleError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { GatewayStats, GatewayTraffic } from '../messages/gateway-message.ts';
import { doneWithin } from '../waiting.ts';
import { ClientConnection } from './client-connection.ts';
import { errorBytes, errorPage } from './error-page.ts';
import type { GatewayRules } from './gateway-rules.ts';
import { parseHttpEndpoint } from './http-endpoint.ts';
import { listen } from './http-listener.ts';
import { PendingReply } from './pending-reply.ts';
import { factsOf } from './request-facts.ts';
import type { TlsSource } from './tls-source.ts';
import { UpgradeTunnel } from './upgrade-tunnel.ts';

/** What a gateway is made from. Durations are ms, sizes bytes; no limit is Infinity. */
export interface HttpGatewayOptions {
  readonly rules: GatewayRules;
  readonly maxHeaderSize: number;
  readonly maxConnections: number;
  readonly headerTimeout: number;
  readonly keepAliveTimeout: number;
  /** For `https://`. */
  readonly tls: TlsSource;
  readonly logger: Logger;
}

/** Connections are looked over for heads that do not come so often, in ms, at least. */
const CHECK_MS = 1000;
/** While stopping, connections are looked over for idle ones so often, in ms. */
const IDLE_CHECK_MS = 50;
/** So long clients that are told the end have to take it, in ms. */
const FAREWELL_MS = 500;
/** A connection that is new when the gateway stops has so long to bring its request, in ms: a round trip across the world, and more. */
const NEWCOMER_MS = 500;
/** Turned away connections are told of so often, in ms. */
const TELL_MS = 10_000;
/** The longest a timer of Node can wait. */
const MAX_TIMER_MS = 2_147_483_647;

/** Words for errors of Node's parser. */
const PARSER_CODES: ReadonlyMap<string, readonly [number, string]> = new Map([
  ['HPE_HEADER_OVERFLOW', [431, 'The head of the request is larger than maxHeaderSize.']],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', [413, 'The extensions of a chunk are too large.']],
  ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'The head of the request did not come within headerTimeout.']],
]);

/** See the top of the file. */
export class HttpGateway {
  readonly #options: HttpGatewayOptions;
  readonly #rules: GatewayRules;
  readonly #servers: Server[];
  readonly #tlsServers: TlsServer[];
  readonly #endpoints: string[];
  readonly #sockets: Set<Socket>;
  /** Of all addresses together. */
  #connections: number;
  #refused: number;
  #toldAt: number;
  #malformed: number;
  #drained: Promise<void> | undefined;

  constructor(options: HttpGatewayOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#servers = [];
    this.#tlsServers = [];
    this.#endpoints = [];
    this.#sockets = new Set();
    this.#connections = 0;
    this.#refused = 0;
    this.#toldAt = Number.NEGATIVE_INFINITY;
    this.#malformed = 0;
    this.#drained = undefined;
  }

  /** Where clients connect. */
  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** A snapshot. */
  stats(): GatewayStats {
    const { requests, cut } = this.#rules;
    return {
      connections: this.#connections,
      heldBytes: this.#rules.held.total,
      greedy: this.#rules.held.ended,
      refused: this.#refused,
      malformed: this.#malformed,
      requests,
      cut,
    };
  }

  /** A snapshot of what went through. */
  traffic(): GatewayTraffic {
    const { byClass, received, sent, durations } = this.#rules;
    return {
      byClass: [...byClass],
      receivedBytes: received,
      sentBytes: sent,
      durations: durations.snapshot(),
    };
  }

  /**
   * Listens at `endpoint`.
   *
   * @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS`, or the system's code (`EADDRINUSE` ...)
   */
  async bind(text: string): Promise<void> {
    const endpoint = parseHttpEndpoint(text);
    const server = endpoint.encrypted
      ? this.#createTlsServer(text)
      : createServer(this.#settings());
    this.#serve(server);
    this.#endpoints.push(await listen(server, text, endpoint));
    // The system had no descriptor for a connection: it is not the end of those that there are.
    server.on('error', (error) => this.#tellShortage(error));
    this.#servers.push(server);
  }

  /** Reads certificate and key again. @throws ZscaleError `ZSCALE_ERR_OPTIONS`: the old ones stay in use */
  reloadTls(): void {
    if (this.#tlsServers.length === 0) return;
    const context = this.#options.tls.read();
    if (context === undefined) return;
    for (const server of this.#tlsServers) server.setSecureContext(context);
  }

  /**
   * Accepts no connection any more and ends each behind its answer; resolves when all have ended, which those that have no end
   * never do: `close()` cuts them.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  /** Cuts what is open; where the protocol has an end for it, clients have a moment to take it. Idempotent. */
  async close(): Promise<void> {
    const drained = this.drain();
    let isAnyTold = false;
    for (const socket of this.#sockets) {
      const connection = ClientConnection.of(socket);
      if (connection === undefined) continue; // below one that speaks TLS, and ends with it
      if (connection.farewell()) isAnyTold = true;
      else socket.destroy();
    }
    if (isAnyTold) await doneWithin(drained, FAREWELL_MS);
    for (const socket of this.#sockets) socket.destroy();
    await drained;
  }

  async #drain(): Promise<void> {
    this.#rules.isDraining = true;
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const server of this.#servers) server.closeIdleConnections();
    // A connection whose answer had begun before this is idle when that has ended; one that is new may have its request on the way.
    const patience = performance.now() + NEWCOMER_MS;
    const look = (): void => this.#endIdle(performance.now() > patience);
    // Immediates come behind reading: what is there already is read before anybody is judged, however long this process stood still.
    const timer = setInterval(() => setImmediate(look), IDLE_CHECK_MS);
    await Promise.all(closed);
    clearInterval(timer);
  }

  /** Ends connections on which nothing is asked; those on which nothing ever was, when they have had their time. */
  #endIdle(isLate: boolean): void {
    for (const server of this.#servers) server.closeIdleConnections();
    if (!isLate) return;
    for (const socket of this.#sockets) {
      if (socket.bytesRead === 0) socket.destroy();
    }
  }

  #settings(): ServerOptions {
    const { maxHeaderSize, headerTimeout, keepAliveTimeout } = this.#options;
    return {
      insecureHTTPParser: false,
      requireHostHeader: false, // factsOf() looks, and says so
      maxHeaderSize,
      headersTimeout: finite(headerTimeout),
      requestTimeout: 0, // a body may take as long as it goes on
      keepAliveTimeout: finite(keepAliveTimeout),
      connectionsCheckingInterval: Math.max(CHECK_MS, Math.min(headerTimeout / 4, CHECK_MS * 5)),
      noDelay: true,
    };
  }

  #createTlsServer(text: string): Server {
    const context = this.#options.tls.read();
    if (context === undefined) refuseMissingTls(text);
    const server = createTlsServer({
      ...this.#settings(),
      handshakeTimeout: finite(this.#options.headerTimeout),
      ...context,
    });
    server.on('tlsClientError', () => {
      this.#malformed += 1; // no TLS, or none that both speak: the connection is ended by Node
    });
    this.#tlsServers.push(server);
    return server;
  }

  #serve(server: Server): void {
    const { maxConnections } = this.#options;
    if (maxConnections !== Infinity) server.maxConnections = maxConnections;
    server.maxHeadersCount = 0; // maxHeaderSize bounds them
    server.timeout = 0;
    const isTls = this.#tlsServers.some((other) => other === server);
    // Below TLS there is a socket of its own, which holds memory from the first byte on.
    server.on('connection', (socket) => this.#onAccepted(socket, !isTls));
    if (isTls) server.on('secureConnection', (socket) => this.#onConnection(socket, true));
    server.on('request', (request, response) => this.#onRequest(request, response, false));
    server.on('checkContinue', (request, response) => this.#onRequest(request, response, true));
    server.on('checkExpectation', (request, response) => this.#onRequest(request, response, false));
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(server, request, socket, head));
    // CONNECT, which asks for another protocol by its method.
    server.on('connect', (request, socket, head) => this.#onUpgrade(server, request, socket, head));
    server.on('clientError', (error, socket) => this.#onClientError(error, socket));
    server.on('timeout', (socket) => {
      ClientConnection.of(socket)?.timedOut();
    });
    server.on('drop', () => this.#onDrop());
  }

  /** A server counts its own connections alone, and there may be several. */
  #onAccepted(socket: Socket, speaksHttp: boolean): void {
    if (this.#connections >= this.#options.maxConnections) {
      socket.destroy();
      this.#onDrop();
      return;
    }
    this.#connections += 1;
    socket.once('close', () => {
      this.#connections -= 1;
    });
    this.#onConnection(socket, speaksHttp);
  }

  #onConnection(socket: Socket, speaksHttp: boolean): void {
    if (!this.#sockets.has(socket)) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    if (speaksHttp && ClientConnection.of(socket) === undefined) {
      new ClientConnection(socket, this.#rules.bodyTimeout);
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = ClientConnection.of(request.socket);
    if (connection === undefined) return; // the connection is gone
    const facts = factsOf(request);
    const reply = new PendingReply(this.#rules, connection, request, response, facts, {
      expectsContinue,
    });
    if (request.httpVersionMajor !== 1) {
      reply.refuse(505, 'ENOTSUP', 'HTTP/1.1 and HTTP/1.0 are spoken here.');
    } else if (facts.fault !== undefined) {
      this.#malformed += 1;
      reply.refuse(400, 'ZSCALE_ERR_DECODE', `The request is refused: ${facts.fault}.`);
    } else if (!connection.begin(reply)) {
      reply.refuse(
        429,
        'ZSCALE_ERR_BUSY',
        'Too many requests were sent without waiting for answers.',
      );
    }
  }

  #onUpgrade(server: Server, request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    const socket = duplex as Socket; // of node:http's own connections
    const connection = ClientConnection.of(socket);
    const facts = factsOf(request);
    socket.on('error', () => {}); // Node listens no more; its 'close' follows, which the connection hears
    const { upgrade = '' } = request.headers;
    // A message handler is asked by POST, whatever else is offered; and that what follows is no body is known without one alone.
    const staysHttp = this.#rules.face !== undefined || facts.contentLength !== 0;
    const isTunnel =
      request.method === 'CONNECT' ||
      /\bwebsocket\b/i.test(upgrade) ||
      (!staysHttp && !isHttpOrTls(upgrade));
    if (connection === undefined || connection.open > 0) {
      // Nothing can be said that would not be taken for the answer to a request before it.
      socket.destroy();
    } else if (facts.fault !== undefined) {
      this.#malformed += 1;
      refuseUpgrade(socket, facts.fault, facts.accept, this.#rules.nameOf(request, facts));
    } else if (!isTunnel) {
      serveWithoutUpgrade(server, request, socket, head);
    } else if (this.#rules.face !== undefined) {
      const text = 'a message handler speaks no other protocol';
      refuseUpgrade(socket, text, facts.accept, this.#rules.nameOf(request, facts));
    } else {
      new UpgradeTunnel(this.#rules, connection, request, socket, head, facts);
    }
  }

  /** Node's parser could not read on. An answer may stand only where no earlier request waits for its own. */
  #onClientError(
    error: Error & { readonly code?: string; readonly reason?: string },
    duplex: Duplex,
  ): void {
    const socket = duplex as Socket; // as above
    const connection = ClientConnection.of(socket);
    // Whoever has not ended the handshake of TLS can be told nothing, and what is written to him would never be gone.
    const isHandshaking = connection === undefined;
    if (error.code === 'ECONNRESET' || !socket.writable || isHandshaking) {
      socket.destroy();
      return;
    }
    if (!connection.isEnding) this.#malformed += 1;
    const [status, text] = PARSER_CODES.get(error.code ?? '') ?? [
      400,
      `The request is no HTTP that can be read in one way only: ${error.reason ?? error.message}.`,
    ];
    const code = error.code ?? 'ZSCALE_ERR_DECODE';
    if (connection.open > 0 || connection.isEnding) {
      connection.fail(status, code, text);
      return;
    }
    // Whatever it was called is not known: its head was not read.
    socket.end(errorBytes(errorPage(status, code, text, undefined, this.#rules.nextId())));
    socket.once('finish', () => socket.destroy());
  }

  #onDrop(): void {
    this.#refused += 1;
    const { maxConnections } = this.#options;
    const facts = { maxConnections, refused: this.#refused };
    this.#warn(facts, 'turned connections away: there are maxConnections');
  }

  #tellShortage(error: Error): void {
    this.#refused += 1;
    const facts = { err: error, refused: this.#refused };
    this.#warn(facts, 'could not accept a connection: raise ulimit -n, or lower maxConnections');
  }

  #warn(facts: object, text: string): void {
    const now = performance.now();
    if (now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    this.#options.logger.warn(facts, text);
  }
}

/** Versions of what is spoken already, which clients offer with any request, and no program takes over (h2c, TLS). */
function isHttpOrTls(upgrade: string): boolean {
  return upgrade.split(',').every((one) => /^\s*(h2c?|http|tls)(\/[\d.]+)?\s*$/i.test(one));
}

/**
 * A client that offers a protocol which nobody here speaks (h2c) is served by the one it came with (RFC 9110, 7.8). Node has taken
 * its parser away, so the connection begins anew, without the offer.
 */
function serveWithoutUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (/^(upgrade|http2-settings)$/i.test(name)) continue;
    const value = rawHeaders[i + 1] ?? '';
    text += `${name}: ${/^connection$/i.test(name) ? value.replace(/upgrade/gi, 'X-None') : value}\r\n`;
  }
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
}

function refuseUpgrade(
  socket: Socket,
  fault: string,
  accept: string | undefined,
  requestId: string,
): void {
  const text = `The request is refused: ${fault}.`;
  socket.end(errorBytes(errorPage(400, 'ZSCALE_ERR_DECODE', text, accept, requestId)));
  socket.once('finish', () => socket.destroy());
}

function finite(ms: number): number {
  return ms === Infinity ? MAX_TIMER_MS : ms;
}

function refuseMissingTls(text: string): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `${text} needs a certificate and its key: tlsCert and tlsKey (--tls-cert, --tls-key).`,
  );
}
