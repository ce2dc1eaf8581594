/**
 * The headers of an answer as they go to the client: those of the application in their order and spelling. What a worker's node:http
 * said of the connection and of the body's length stands where it stood; how long the connection is kept is for the gateway to say,
 * and whether it ends although it might not.
 */

import type { ResponseHead } from '../messages/http-message.ts';

/** What is known of the answer and its connection. */
export interface ResponsePlan {
  /** Bytes of the body, where it is all here and nothing follows it. */
  readonly length: number | undefined;
  readonly isHttp10: boolean;
  /** Whether an answer of this status to this method has a body at all. */
  readonly hasBody: boolean;
  /** The connection ends behind it. */
  readonly closes: boolean;
  readonly requestId: string | undefined;
  /** The value of a `Set-Cookie` of the gateway's. */
  readonly cookie: string | undefined;
  /** How long a connection is kept for a next request, in ms; Infinity for ever. */
  readonly keepAliveTimeout: number;
}

/** Headers for `writeHead`. */
export interface ResponseHeaders {
  /** Name, value, name, value ... */
  readonly list: string[];
  /** How many bytes the body must have; undefined where that is open. */
  readonly owed: number | undefined;
}

/** As node:http says by itself how long a connection is kept. */
const KEPT = /^timeout=\d+$/;

/** What `writeHead` is given. */
export function responseHeaders(head: ResponseHead, plan: ResponsePlan): ResponseHeaders {
  return head.isComplete === true ? completeHeaders(head, plan) : ownHeaders(head, plan);
}

/** Those of a head that says everything. */
function completeHeaders({ rawHeaders }: ResponseHead, plan: ResponsePlan): ResponseHeaders {
  const list: string[] = [];
  let hasRequestId = false;
  let setsCookie = false;
  let saysEnd = false;
  let length: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    let value = rawHeaders[i + 1] ?? '';
    switch (name.length) {
      case 10:
        if (is(name, 'connection')) {
          if (plan.closes && saysEnd) continue;
          if (plan.closes) value = 'close';
          saysEnd = plan.closes;
        } else if (is(name, 'keep-alive')) {
          if (plan.closes) continue;
          if (KEPT.test(value)) {
            if (plan.keepAliveTimeout === Infinity) continue;
            value = `timeout=${Math.floor(plan.keepAliveTimeout / 1000)}`;
          }
        } else if (plan.cookie !== undefined && is(name, 'set-cookie')) {
          setsCookie ||= value.startsWith(plan.cookie.slice(0, plan.cookie.indexOf('=') + 1));
        }
        break;
      case 12:
        hasRequestId ||= is(name, 'x-request-id');
        break;
      case 14:
        if (is(name, 'content-length')) length = value;
        break;
    }
    list.push(name, value);
  }
  if (plan.requestId !== undefined && !hasRequestId) list.push('X-Request-Id', plan.requestId);
  if (plan.cookie !== undefined && !setsCookie) list.push('Set-Cookie', plan.cookie);
  if (plan.closes && !saysEnd) list.push('Connection', 'close');
  const isNumber = length !== undefined && /^\d{1,15}$/.test(length);
  return { list, owed: isNumber && plan.hasBody ? Number(length) : undefined };
}

/** Those of a head that says nothing of the connection. */
function ownHeaders({ rawHeaders }: ResponseHead, plan: ResponsePlan): ResponseHeaders {
  let closes = plan.closes;
  let length: string | undefined;
  let isChunked = false;
  let hasRequestId = false;
  let setsCookie = false;
  const list: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    switch (name.length) {
      case 10:
        if (is(name, 'connection')) {
          closes ||= /\bclose\b/i.test(value);
          continue;
        }
        if (is(name, 'keep-alive')) continue;
        if (plan.cookie !== undefined && is(name, 'set-cookie')) {
          setsCookie ||= value.startsWith(plan.cookie.slice(0, plan.cookie.indexOf('=') + 1));
        }
        break;
      case 12:
        if (is(name, 'x-request-id')) hasRequestId = true;
        break;
      case 14:
        if (is(name, 'content-length')) {
          length = value;
          continue;
        }
        break;
      case 16:
        if (is(name, 'proxy-connection')) continue;
        break;
      case 17:
        if (is(name, 'transfer-encoding')) {
          isChunked = true;
          continue;
        }
        break;
    }
    list.push(name, value);
  }
  if (plan.requestId !== undefined && !hasRequestId) list.push('X-Request-Id', plan.requestId);
  if (plan.cookie !== undefined && !setsCookie) list.push('Set-Cookie', plan.cookie);
  if (closes) list.push('Connection', 'close');
  if (isChunked || (length !== undefined && !/^\d{1,15}$/.test(length))) length = undefined;
  if (length === undefined && !isChunked && plan.hasBody && plan.length !== undefined) {
    length = String(plan.length);
  }
  if (length !== undefined) list.push('Content-Length', length);
  else if (isChunked && !plan.isHttp10) list.push('Transfer-Encoding', 'chunked');
  return { list, owed: length !== undefined && plan.hasBody ? Number(length) : undefined };
}

function is(name: string, lowerCase: string): boolean {
  return name === lowerCase || name.toLowerCase() === lowerCase;
}
