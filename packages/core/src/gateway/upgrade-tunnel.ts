/**
 * A connection whose client wants to speak another protocol (WebSocket): once its worker takes it, bytes go both ways as they are,
 * and the worker stays the same until either end is done. When it is the service that ends it, a WebSocket is told why.
 *
 *     asking --> tunnel --> ended
 *        |
 *        +-----> answered by HTTP     the application knows nothing of the other protocol
 */

import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { decodeResponseHead, RAW_TUNNEL } from '../messages/http-message.ts';
import type { ClientConnection, OpenExchange } from './client-connection.ts';
import { errorBytes, errorPage, statusOf } from './error-page.ts';
import type { GatewayRules } from './gateway-rules.ts';
import type { Holder } from './held-bytes.ts';
import type { RequestFacts } from './request-facts.ts';
import { responseHeaders } from './response-headers.ts';
import type { UpstreamExchange, UpstreamSink } from './upstream.ts';
import { CLOSE_CODES, type CloseCode, closeFrame, FrameFollower } from './websocket-frames.ts';

const EMPTY: Buffer = Buffer.alloc(0);

/** So long a client may take to answer that it was told the end, in ms. */
const FAREWELL_MS = 1000;

/** What a client of a WebSocket is told, by what became of the exchange. */
const CLOSINGS: ReadonlyMap<string, readonly [CloseCode, string]> = new Map([
  ['ZSCALE_ERR_WORKER_LOST', [CLOSE_CODES.serviceRestart, 'service restart']],
  ['ZSCALE_ERR_CONNECTION_LOST', [CLOSE_CODES.serviceRestart, 'service restart']],
  ['ZSCALE_ERR_CLOSED', [CLOSE_CODES.goingAway, 'going away']],
]);

/** See the top of the file. */
export class UpgradeTunnel implements UpstreamSink, OpenExchange, Holder {
  readonly awaitsClient = false;
  readonly #rules: GatewayRules;
  readonly #connection: ClientConnection;
  readonly #request: IncomingMessage;
  readonly #socket: Socket;
  readonly #accept: string | undefined;
  readonly #startedAt: number;
  readonly #exchange: UpstreamExchange;
  readonly #requestId: string;
  readonly #cookie: string | undefined;
  readonly #client: string;
  #state: 'asking' | 'tunnel' | 'answered' | 'ended';
  #response: ServerResponse | undefined;
  /** Undefined for protocols that are none of WebSocket. */
  #frames: FrameFollower | undefined;
  /** Its client is told the end as soon as a frame has ended. */
  #isLeaving: boolean;
  #status: number;
  #consumed: number;
  #received: number;
  #sent: number;
  #isStalled: boolean;
  #code: string | undefined;

  /** @param first what the client sent behind the head of its request already */
  constructor(
    rules: GatewayRules,
    connection: ClientConnection,
    request: IncomingMessage,
    socket: Socket,
    first: Buffer,
    facts: RequestFacts,
  ) {
    this.#rules = rules;
    this.#connection = connection;
    this.#request = request;
    this.#socket = socket;
    this.#accept = facts.accept;
    this.#startedAt = performance.now();
    this.#state = 'asking';
    this.#response = undefined;
    this.#frames = undefined;
    this.#isLeaving = false;
    this.#status = 101;
    this.#consumed = 0;
    this.#received = first.length;
    this.#sent = 0;
    this.#isStalled = false;
    this.#code = undefined;
    connection.take(this);
    connection.watch();
    const { head, control, ...described } = rules.describe(request, facts, this.#startedAt, {
      isUpgrade: true,
    });
    this.#requestId = described.requestId;
    this.#cookie = described.cookie;
    this.#client = described.client;
    const frames = first.length > 0 ? [head, first] : [head];
    const words = { ...control, idempotent: false };
    this.#exchange = rules.upstream.open({ frames, more: true, control: words }, this);
  }

  get isIncoming(): boolean {
    return true;
  }

  clientFailed(): boolean {
    return false;
  }

  clientGone(): void {
    if (this.#state === 'ended') return;
    this.#exchange.cancel();
    this.#end();
  }

  onInterim(): void {} // of no use to a client that asks for another protocol

  onHead([frame = EMPTY, body]: Buffer[], ended: boolean): void {
    if (this.#state !== 'asking') return;
    try {
      const head = decodeResponseHead(frame);
      if (head.status === RAW_TUNNEL) this.#openTunnel();
      else this.#answer(head, ended ? (body?.length ?? 0) : undefined);
    } catch {
      if (!ended) this.#exchange.cancel();
      this.#refuse(502, 'ZSCALE_ERR_HANDLER', 'The head of the answer cannot be sent.');
      return;
    }
    if (body !== undefined && body.length > 0) this.onPart(body);
    if (ended) this.onEnd();
  }

  onPart(bytes: Buffer): void {
    if (this.#state !== 'tunnel' && this.#state !== 'answered') return;
    this.#sent += bytes.length;
    this.#consumed += bytes.length;
    const end = this.#frames?.passed(bytes);
    if (this.#isLeaving && end !== undefined) {
      this.#socket.write(bytes.subarray(0, end));
      this.#leave();
      return;
    }
    const target = this.#response ?? this.#socket;
    if (target.write(bytes)) {
      this.#grant();
      return;
    }
    if (!this.#isStalled) {
      this.#isStalled = true;
      target.once('drain', () => {
        this.#isStalled = false;
        this.#rules.held.forget(this);
        if (this.#state !== 'ended') this.#grant();
      });
    }
    this.#rules.held.add(this, bytes.length);
  }

  endGreediest(): void {
    this.#code = 'ZSCALE_ERR_BUSY';
    this.#rules.tellCut(
      'its client does not take it, and has the most (maxUnsentBytes)',
      this.#request,
    );
    this.#socket.destroy(); // its 'close' ends the rest
  }

  onEnd(): void {
    if (this.#state === 'ended') return;
    if (this.#response !== undefined) this.#response.end(() => this.#socket.destroySoon());
    else this.#socket.destroySoon();
    this.#end();
  }

  onWindow(): void {
    if (this.#state === 'tunnel') this.#socket.resume();
  }

  onError(code: string, message: string): void {
    if (this.#state === 'asking') {
      this.#refuse(statusOf(code), code, message);
      return;
    }
    if (this.#state === 'ended') return;
    this.#code = code;
    const [closing, reason] = CLOSINGS.get(code) ?? [CLOSE_CODES.internalError, 'service failed'];
    if (this.#frames?.isBetween === true) this.#close(closing, reason);
    else this.#socket.destroy();
    this.#end();
  }

  farewell(): boolean {
    if (this.#state !== 'tunnel' || this.#frames === undefined || this.#frames.isOver) return false;
    if (this.#frames.isBetween) this.#leave();
    else this.#isLeaving = true;
    return true;
  }

  #leave(): void {
    this.#close(CLOSE_CODES.goingAway, 'going away');
    this.#exchange.cancel();
    this.#end();
  }

  /** Says why a WebSocket ends, behind a whole frame. Its client has a moment to answer. */
  #close(code: CloseCode, reason: string): void {
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.end(closeFrame(code, reason));
    socket.resume(); // what it still sends is read, or the system would cut what it was told
  }

  #openTunnel(): void {
    this.#state = 'tunnel';
    if (/\bwebsocket\b/i.test(this.#request.headers.upgrade ?? '')) {
      this.#frames = new FrameFollower();
    }
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      if (this.#state !== 'tunnel') return;
      this.#received += bytes.length;
      if (!this.#exchange.send(bytes, true)) socket.pause();
    });
    socket.on('end', () => {
      if (this.#state === 'tunnel') this.#exchange.send(EMPTY, false);
    });
  }

  /** The application answered by HTTP after all: the connection ends behind it, for its parser is gone. */
  #answer(head: Parameters<typeof responseHeaders>[0], length: number | undefined): void {
    this.#state = 'answered';
    this.#status = head.status;
    const response = new ServerResponse(this.#request);
    response.sendDate = false;
    response.assignSocket(this.#socket);
    const { list } = responseHeaders(head, {
      length,
      isHttp10: this.#request.httpVersionMinor === 0,
      hasBody: this.#request.method !== 'HEAD',
      closes: true,
      requestId: this.#requestId,
      cookie: this.#cookie,
      keepAliveTimeout: this.#rules.keepAliveTimeout,
    });
    response.writeHead(head.status, head.statusMessage, list);
    this.#response = response;
    this.#exchange.send(EMPTY, false);
  }

  #grant(): void {
    this.#exchange.grant(this.#consumed);
    this.#consumed = 0;
  }

  #refuse(status: number, code: string, message: string): void {
    this.#status = status;
    this.#code = code;
    const page = errorPage(status, code, message, this.#accept, this.#requestId);
    this.#socket.end(errorBytes(page));
    this.#socket.resume();
    this.#end();
  }

  #end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#rules.ended({
      request: this.#request,
      status: this.#status,
      client: this.#client,
      requestId: this.#requestId,
      received: this.#received,
      sent: this.#sent,
      ms: performance.now() - this.#startedAt,
      code: this.#code,
    });
    this.#rules.held.forget(this);
    this.#connection.left(this);
  }
}
