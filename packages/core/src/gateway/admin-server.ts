/**
 * A server for those who operate the service, apart from its clients:
 *
 *     GET /healthz    200 while this process lives and its event loop turns
 *     GET /readyz     200 while requests are answered; 503 before that, and from the moment the service begins to stop
 *
 * and whatever routes it is given beside them.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AdminRoute } from '../admin-route.ts';
import type { Logger } from '../logger.ts';
import { parseHttpEndpoint } from './http-endpoint.ts';
import { listen } from './http-listener.ts';

/** What it is made from. */
export interface AdminServerOptions {
  /** Where it listens. */
  readonly endpoint: string;
  /** What `/readyz` says. */
  readonly isReady: () => boolean;
  /** What is answered beside the probes. */
  readonly routes: readonly AdminRoute[];
  readonly logger: Logger;
}

/** Connections at once: those who look are few, and each takes a descriptor of the service. */
const MAX_CONNECTIONS = 256;
/** In ms. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  connectionsCheckingInterval: 5000,
};

/** See the top of the file. */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #routes: readonly AdminRoute[];
  readonly #server: Server;
  #endpoint: string | undefined;

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#routes = [...probes(options.isReady), ...options.routes];
    this.#server = createServer(LIMITS, (request, response) => this.#onRequest(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#endpoint = undefined;
  }

  /** Where it listens; undefined before that. */
  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  /** @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS`, or the system's code (`EADDRINUSE` ...) */
  async start(): Promise<void> {
    const { endpoint } = this.#options;
    const parsed = parseHttpEndpoint(endpoint);
    this.#endpoint = await listen(this.#server, endpoint, parsed, '--admin (option admin)');
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const [path] = (request.url ?? '').split('?');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const here = this.#routes.filter((route) => route.path === path);
    const route = here.find((one) => one.method === method);
    if (route !== undefined) {
      void this.#answer(route, request, response);
    } else if (here.length > 0) {
      const methods = here.map((one) => one.method).join(', ');
      response.setHeader('Allow', methods);
      reply(response, 405, `${methods} is answered here`);
    } else {
      // What is deeper belongs to a page, and is of no interest for itself.
      const paths = this.#routes.map((one) => one.path).filter((one) => one.lastIndexOf('/') === 0);
      reply(response, 404, `${[...new Set(paths)].join(', ')} are answered here`);
    }
  }

  async #answer(
    route: AdminRoute,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    try {
      await route.answer(request, response);
    } catch (err) {
      this.#options.logger.error({ err, path: route.path }, 'the admin address failed to answer');
      if (response.headersSent) response.destroy();
      else reply(response, 500, `${route.path} failed: the service's log says why`);
    }
  }
}

function probes(isReady: () => boolean): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/healthz',
      answer: (_, response) => reply(response, 200, 'ok'),
    },
    {
      method: 'GET',
      path: '/readyz',
      answer: (_, response) =>
        isReady() ? reply(response, 200, 'ready') : reply(response, 503, 'not ready'),
    },
  ];
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' });
  response.end(`${text}\n`);
}
