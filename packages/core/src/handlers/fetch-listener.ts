/**
 * A `fetch` function, as Hono, Bun and Deno have it, as a listener of node:http: a web `Request` in, a web `Response` out.
 *
 * Bodies stream both ways and are held back by whoever reads them. `request.signal` aborts when the client goes. A handler that
 * throws, rejects or returns no Response is answered 500 and logged, for that is what all who call such handlers do.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { contextScope, type HandlerContext } from '../current-context.ts';

/** Takes a Request and returns a Response, or a promise of it. */
export type Fetch = (request: Request, environment: FetchEnvironment) => unknown;

/** The second argument: what is below, under the names that @hono/node-server has for it. */
export interface FetchEnvironment {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** Microtasks in which a body that is there already says that it has ended. */
const MICROTASKS = 3;
const FAILED = 500;

/** @param self `this` of the calls */
export function fetchListener(fetch: Fetch, self: unknown): RequestListener {
  return (req, res) => {
    const scope = contextScope();
    const context = scope.storage.getStore() ?? scope.onStack;
    answer(fetch, self, req, res).catch((error: unknown) => failed(error, res, context));
  };
}

async function answer(
  fetch: Fetch,
  self: unknown,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const request = requestOf(req, res);
  const response = await fetch.call(self, request, { incoming: req, outgoing: res });
  if (!isResponse(response)) {
    throw new TypeError(`fetch must return a Response; it returned ${typeof response}.`);
  }
  if (res.destroyed) await response.body?.cancel();
  else await send(response, res);
}

function requestOf(req: IncomingMessage, res: ServerResponse): Request {
  const { method = 'GET', rawHeaders } = req;
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    headers.append(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
  }
  const controller = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) controller.abort(new DOMException('The client went.', 'AbortError'));
  });
  const hasBody = method !== 'GET' && method !== 'HEAD';
  // The types of fetch do not have `duplex` yet, which it insists on.
  const init: RequestInit & { duplex: 'half' } = {
    method,
    headers,
    signal: controller.signal,
    duplex: 'half',
    ...(hasBody && { body: bodyOf(req) }),
  };
  return new Request(urlOf(req), init);
}

function urlOf(req: IncomingMessage): URL {
  const { url = '/', headers, socket } = req;
  if (/^https?:\/\//i.test(url)) return new URL(url);
  const scheme = Reflect.get(socket, 'encrypted') === true ? 'https' : 'http';
  const path = url.startsWith('/') ? url : '/';
  const authority = headers.host ?? 'localhost';
  try {
    return new URL(`${scheme}://${authority}${path}`);
  } catch {
    // What the client calls the host is no host: the path is what counts.
    return new URL(`${scheme}://localhost${path}`);
  }
}

/** Read as far as somebody reads it. */
function bodyOf(req: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Buffer> = req.iterator({ destroyOnReturn: false });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return?.();
        req.resume();
      },
    },
    { highWaterMark: 0 },
  );
}

async function send(response: Response, res: ServerResponse): Promise<void> {
  const headers: string[] = [];
  response.headers.forEach((value, name) => {
    headers.push(name, value);
  });
  const { status, statusText, body } = response;
  if (statusText !== '') res.statusMessage = statusText;
  if (body === null || res.req.method === 'HEAD') {
    await body?.cancel();
    setHead(res, status, headers, undefined);
    res.end();
    return;
  }
  const reader = body.getReader();
  res.once('close', () => {
    if (!res.writableFinished) void reader.cancel().catch(() => {}); // nobody reads what it says
  });
  let next = await reader.read();
  const { value: first } = next;
  if (first === undefined) {
    setHead(res, status, headers, 0);
    res.end();
    return;
  }
  const following = reader.read();
  if (await hasEnded(following)) {
    setHead(res, status, headers, first.length);
    res.end(first);
    return;
  }
  setHead(res, status, headers, undefined);
  res.write(first);
  for (next = await following; !next.done; next = await reader.read()) {
    if (res.destroyed) return;
    if (!res.write(next.value)) await drained(res);
  }
  res.end();
}

function setHead(
  res: ServerResponse,
  status: number,
  headers: string[],
  length: number | undefined,
): void {
  const isFramed = headers.some((name, i) => i % 2 === 0 && /^content-length$/.test(name));
  if (length !== undefined && !isFramed) headers.push('content-length', String(length));
  res.writeHead(status, headers);
}

/** Whether the body is over with what was read; not waited for. */
async function hasEnded(following: Promise<{ done: boolean }>): Promise<boolean> {
  let isOver = false;
  following.then(
    ({ done }) => {
      isOver = done;
    },
    () => {}, // told to whoever reads on
  );
  for (let i = 0; i < MICROTASKS && !isOver; i++) await undefined;
  return isOver;
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      res.off('drain', go);
      res.off('close', go);
      resolve();
    };
    res.on('drain', go);
    res.on('close', go);
  });
}

function failed(error: unknown, res: ServerResponse, context: HandlerContext | undefined): void {
  if (res.destroyed) return; // the client went, and that is all
  context?.logger.error({ err: error }, 'a fetch handler failed');
  if (res.headersSent) {
    res.destroy();
    return;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.writeHead(FAILED, { 'Content-Type': 'text/plain' });
  res.end('Internal Server Error');
}

function isResponse(value: unknown): value is Response {
  // Another copy of fetch has another class.
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value;
}
