/**
 * Gives HTTP requests from the queue to a server of node:http that listens nowhere.
 *
 *     server.emit('request' | 'checkContinue' | 'checkExpectation', req, res)
 *     server.emit('upgrade' | 'connect', req, socket, head)
 *
 * Which one is node:http's decision, made here in its place. A listener that throws ends the worker as it would end the program alone:
 * its error goes to 'uncaughtException', and the requests that the worker held are answered by the queue.
 */

import { AsyncResource } from 'node:async_hooks';
import type { Server } from 'node:http';
import { type ContextScope, contextScope } from '../current-context.ts';
import { ZscaleError } from '../errors.ts';
import {
  decodeRequestHead,
  encodeResponseHead,
  type RequestHead,
} from '../messages/http-message.ts';
import type { Exchange } from './exchange.ts';
import type { RequestHandler } from './handler.ts';
import { HttpExchange } from './http-exchange.ts';
import { type NodeRequest, type NodeServer, nodeServerOf, requireNodeHttp } from './node-http.ts';
import { TunnelSocket } from './tunnel-socket.ts';
import { createRequest } from './virtual-request.ts';

const EMPTY: Buffer = Buffer.alloc(0);
const NO_CONNECT: Buffer = encodeResponseHead({
  status: 501,
  statusMessage: 'Not Implemented',
  rawHeaders: ['Connection', 'close', 'Content-Length', '0'],
});

/** What a head says that decides whom to call. */
interface Wishes {
  keepsAlive: boolean;
  expects: string | undefined;
}

/** The program behind a `http.Server`, as a handler. */
export class HttpHandler implements RequestHandler {
  readonly speaksHttp = true;
  readonly #server: Server;
  readonly #host: NodeServer;
  readonly #scope: ContextScope;
  readonly #open: Set<HttpExchange | TunnelSocket>;
  readonly #onOver: (exchange: HttpExchange) => void;

  /**
   * @param server whose listeners are called
   * @throws ZscaleError `ENOTSUP` where node:http cannot do without a socket
   */
  constructor(server: Server) {
    requireNodeHttp();
    this.#server = server;
    this.#host = nodeServerOf(server);
    this.#scope = contextScope();
    this.#open = new Set();
    this.#onOver = (exchange) => void this.#open.delete(exchange);
  }

  /** How many requests and tunnels are open. */
  get connections(): number {
    return this.#open.size;
  }

  /** Cuts whatever is open. */
  destroyAll(): void {
    for (const exchange of [...this.#open]) {
      if (exchange instanceof HttpExchange) exchange.socket.destroy();
      else exchange.destroy();
    }
  }

  /** @throws ZscaleError `ENOTSUP`: a worker that streams calls `accept` */
  handle(): never {
    throw new ZscaleError(
      'ENOTSUP',
      'This handler takes exchanges; a request without one cannot be given to it.',
    );
  }

  /** @throws ZscaleError `ZSCALE_ERR_DECODE` when it is not the head of a request */
  accept(exchange: Exchange): void {
    const head = decodeRequestHead(exchange.head);
    const { context } = exchange;
    const scope = this.#scope;
    if (scope.isWanted || context.isTraced) {
      scope.storage.run(context, () => this.#dispatch(exchange, head));
      return;
    }
    scope.onStack = context;
    try {
      this.#dispatch(exchange, head);
    } finally {
      scope.onStack = undefined;
      if (scope.isWanted) scope.storage.enterWith(undefined);
    }
  }

  #dispatch(exchange: Exchange, head: RequestHead): void {
    if (head.method === 'CONNECT') this.#connect(exchange, head);
    else if (head.isUpgrade && this.#server.listenerCount('upgrade') > 0) {
      this.#tunnel('upgrade', exchange, head);
    } else this.#request(exchange, head);
  }

  #request(exchange: Exchange, head: RequestHead): void {
    const server = this.#server;
    const http = new HttpExchange(exchange, this.#host, head, this.#onOver);
    this.#open.add(http);
    const { res } = http;
    const { keepsAlive, expects } = wishesOf(head);
    res.shouldKeepAlive = keepsAlive;
    res._keepAliveTimeout = server.keepAliveTimeout;
    try {
      if (expects === undefined || head.httpVersion !== '1.1') http.emit('request');
      else if (/(?:^|\W)100-continue(?:$|\W)/i.test(expects)) {
        res._expect_continue = true;
        if (server.listenerCount('checkContinue') > 0) http.emit('checkContinue');
        else {
          res.writeContinue();
          http.emit('request');
        }
      } else if (server.listenerCount('checkExpectation') > 0) {
        http.emit('checkExpectation');
      } else res.writeHead(417).end();
    } catch (error) {
      process.nextTick(rethrow, error);
    }
    // What a client sends behind the offer of another protocol is no body, and here nobody takes the offer.
    if (head.isUpgrade) http.onEnd(undefined);
    else http.begin();
  }

  #connect(exchange: Exchange, head: RequestHead): void {
    if (this.#server.listenerCount('connect') > 0) this.#tunnel('connect', exchange, head);
    else exchange.reply([NO_CONNECT, EMPTY], false, false);
  }

  #tunnel(event: 'upgrade' | 'connect', exchange: Exchange, head: RequestHead): void {
    const socket: TunnelSocket = new TunnelSocket(exchange, this.#server, head, () => {
      this.#open.delete(socket);
    });
    this.#open.add(socket);
    const req: NodeRequest = createRequest(this.#host, socket as never, head); // see tunnel-socket.ts
    req.upgrade = true;
    req.complete = true;
    req.push(null);
    try {
      const scope = new AsyncResource('HTTPINCOMINGMESSAGE', { requireManualDestroy: true });
      const emit = (): boolean =>
        this.#server.emit(event, req, socket as never, exchange.body ?? EMPTY); // so too
      scope.runInAsyncScope(emit);
    } catch (error) {
      process.nextTick(rethrow, error);
    }
    if (exchange.isWhole) socket.onEnd();
  }
}

/** One pass over the names, without the object that `req.headers` makes. */
function wishesOf({ httpVersion, rawHeaders }: RequestHead): Wishes {
  const wishes: Wishes = { keepsAlive: httpVersion === '1.1', expects: undefined };
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === 6 && name.toLowerCase() === 'expect') wishes.expects = rawHeaders[i + 1];
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = (rawHeaders[i + 1] ?? '').toLowerCase();
    if (value.includes('close')) wishes.keepsAlive = false;
    else if (value.includes('keep-alive')) wishes.keepsAlive = true;
  }
  return wishes;
}

function rethrow(error: unknown): never {
  throw error;
}
