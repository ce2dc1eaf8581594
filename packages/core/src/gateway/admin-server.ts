/**
 * A server for those who operate the service, apart from its clients:
 *
 *     GET /healthz    200 while this process lives and its event loop turns
 *     GET /readyz     200 while requests are answered; 503 before that, and from the moment the service begins to stop
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parseHttpEndpoint } from './http-endpoint.ts';
import { listen } from './http-listener.ts';

/** See the top of the file. */
export class AdminServer {
  readonly #text: string;
  readonly #isReady: () => boolean;
  readonly #server: Server;
  #endpoint: string | undefined;

  /** @param text where it listens; @param isReady what `/readyz` says */
  constructor(text: string, isReady: () => boolean) {
    this.#text = text;
    this.#isReady = isReady;
    this.#server = createServer((request, response) => this.#onRequest(request, response));
    this.#endpoint = undefined;
  }

  /** Where it listens; undefined before that. */
  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  /** @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS`, or the system's code (`EADDRINUSE` ...) */
  async start(): Promise<void> {
    this.#endpoint = await listen(this.#server, this.#text, parseHttpEndpoint(this.#text));
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #onRequest({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const [path] = url.split('?');
    if (method !== 'GET' && method !== 'HEAD') reply(response, 405, 'GET is answered here');
    else if (path === '/healthz') reply(response, 200, 'ok');
    else if (path !== '/readyz') reply(response, 404, '/healthz and /readyz are answered here');
    else if (this.#isReady()) reply(response, 200, 'ready');
    else reply(response, 503, 'not ready');
  }
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' });
  response.end(`${text}\n`);
}
