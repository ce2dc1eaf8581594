/**
 * What a client of HTTP is told when there is no answer: a status, and a body that names the code and the cause, as JSON or as
 * text, whichever it accepts.
 *
 *     {"error":{"code":"ZSCALE_ERR_TIMEOUT","message":"There was no reply within 30000 ms (timeout). ..."}}
 */

import { STATUS_CODES } from 'node:http';

/** Seconds after which it may be tried again, with 503. */
const RETRY_AFTER_S = 1;

/** Statuses of the errors that zscale itself makes, and of those that handlers commonly name. All others are 500. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['ZSCALE_ERR_BUSY', 503],
  ['ZSCALE_ERR_QUEUE_WAIT', 503],
  ['ZSCALE_ERR_STOPPING', 503],
  ['ZSCALE_ERR_CLOSED', 503],
  ['ZSCALE_ERR_TIMEOUT', 504],
  ['ZSCALE_ERR_WORKER_LOST', 502],
  ['ZSCALE_ERR_CONNECTION_LOST', 502],
  ['ZSCALE_ERR_ENVELOPE', 502],
  ['ZSCALE_ERR_DECODE', 400],
  ['ZSCALE_ERR_KEY', 400],
  ['EMSGSIZE', 413],
  ['EINVAL', 400],
  ['BAD_REQUEST', 400],
  ['UNAUTHORIZED', 401],
  ['EACCES', 403],
  ['EPERM', 403],
  ['FORBIDDEN', 403],
  ['ENOENT', 404],
  ['NOT_FOUND', 404],
  ['EEXIST', 409],
  ['CONFLICT', 409],
  ['ENOTSUP', 501],
]);

/** A whole response. */
export interface ErrorPage {
  readonly status: number;
  /** Name, value, name, value ... */
  readonly headers: string[];
  readonly body: Buffer;
}

/** The status that stands for an error code. */
export function statusOf(code: string): number {
  return STATUSES.get(code) ?? 500;
}

/**
 * @param accept the client's header `Accept`, if it has one
 * @param requestId how the request is called in logs
 */
export function errorPage(
  status: number,
  code: string,
  message: string,
  accept: string | undefined,
  requestId: string,
): ErrorPage {
  const isText = prefersText(accept);
  const body = Buffer.from(
    isText
      ? `${status} ${STATUS_CODES[status] ?? ''}\n${code}: ${message}\n`
      : `${JSON.stringify({ error: { code, message } })}\n`,
  );
  const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
  const headers = [
    'Content-Type',
    type,
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
    'Date',
    new Date().toUTCString(),
    'X-Request-Id',
    requestId,
  ];
  if (status === 503) headers.push('Retry-After', String(RETRY_AFTER_S));
  return { status, headers, body };
}

/** The page as bytes, for a connection that has no request to answer and is closed behind it. */
export function errorBytes(page: ErrorPage): Buffer {
  let head = `HTTP/1.1 ${page.status} ${STATUS_CODES[page.status] ?? ''}\r\nConnection: close\r\n`;
  for (let i = 0; i < page.headers.length; i += 2) {
    head += `${page.headers[i]}: ${page.headers[i + 1]}\r\n`;
  }
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), page.body]);
}

/** People have browsers, which want text; programs get JSON unless they ask for text. */
function prefersText(accept: string | undefined): boolean {
  if (accept === undefined || /\bjson\b/.test(accept)) return false;
  return /(^|[,\s])text\/(plain|html|\*)/.test(accept);
}
