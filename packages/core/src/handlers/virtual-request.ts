/**
 * `req`: a real `http.IncomingMessage` that is fed from an exchange and not by a parser.
 *
 * It is made as node:http makes its own: by the class that the server names, with a socket, `_addHeaderLines` for what `headers` and
 * `rawHeaders` say, and `push` for the body; from there on everything that it does is Node's code. Its `_read` calls `resume()` on
 * the socket, which is how it is known that the body is wanted. `_addHeaderLines` is not documented, and is there in every Node since
 * 0.11 and in Bun and Deno; `node-http.ts` looks before anything is served.
 */

import type { IncomingMessage } from 'node:http';
import { decodeTrailers, type RequestHead } from '../messages/http-message.ts';
import type { NodeRequest, NodeServer } from './node-http.ts';
import type { VirtualSocket } from './virtual-socket.ts';

/** `maxHeadersCount` of a server that says nothing else; it counts names and values, as Node does. */
const MAX_HEADERS_COUNT = 2000;
/** Node's parser hands over as many names and values at once, and looks at the limit between. */
const HEADERS_STEP = 62;

/** Makes `req`. Its body is to come. */
export function createRequest(
  { server, Request }: NodeServer,
  socket: VirtualSocket | IncomingMessage['socket'],
  head: RequestHead,
): NodeRequest {
  const req = new Request(socket as IncomingMessage['socket']); // see virtual-socket.ts
  const { httpVersion, rawHeaders } = head;
  req.httpVersion = httpVersion;
  req.httpVersionMajor = httpVersion.charCodeAt(0) - 48;
  req.httpVersionMinor = httpVersion.charCodeAt(2) - 48;
  req.method = head.method;
  req.url = head.target;
  req.upgrade = false;
  req.joinDuplicateHeaders = Reflect.get(server, 'joinDuplicateHeaders') === true;
  const { maxHeadersCount: most } = server;
  const limit = typeof most === 'number' ? most * 2 : MAX_HEADERS_COUNT;
  if (limit <= 0 || rawHeaders.length <= limit) req._addHeaderLines(rawHeaders, rawHeaders.length);
  else req._addHeaderLines(withinLimit(rawHeaders, limit), limit);
  return req;
}

/** What is left of so many headers: in `headers` as many as may be, in `rawHeaders` those that had come by then. */
function withinLimit(rawHeaders: readonly string[], limit: number): string[] {
  return rawHeaders.slice(0, Math.ceil(limit / HEADERS_STEP) * HEADERS_STEP);
}

/** The body has ended. */
export function completeRequest(req: NodeRequest, trailers: Buffer | undefined): void {
  if (req.complete) return;
  req.complete = true; // from here on lines are trailers
  if (trailers !== undefined && trailers.length > 0) {
    const lines = decodeTrailers(trailers);
    req._addHeaderLines(lines, lines.length);
  }
  if (!req.destroyed) req.push(null);
}

/** The client went: what Node says of it. */
export function abortRequest(req: NodeRequest): void {
  req.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
}
