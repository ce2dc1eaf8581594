/**
 * What the gateway must know of a request, found in one pass over its headers as they came: how its body is framed, what is to be
 * told to the queue, and whether it is one that could be read in two ways.
 */

import type { IncomingMessage } from 'node:http';
import { isBaggage } from '../messages/control.ts';

/** Methods whose requests may be done again (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** Methods whose requests change nothing (RFC 9110, 9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** W3C Trace Context, and the ids of requests, as control frames take them. */
const TRACE = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}(-[\x21-\x7e]{0,64})?$/;
const STATE = /^[\x20-\x7e]{1,512}$/;
const ID = /^[\x21-\x7e]{1,64}$/;

/** See the top of the file. */
export interface RequestFacts {
  readonly isSafe: boolean;
  readonly isIdempotent: boolean;
  /** Bytes of the body; undefined when it is chunked; 0 when there is none. */
  readonly contentLength: number | undefined;
  readonly accept: string | undefined;
  readonly requestId: string | undefined;
  readonly trace: string | undefined;
  readonly state: string | undefined;
  readonly baggage: string | undefined;
  /** Why it is refused; undefined for one that is sound. */
  readonly fault: string | undefined;
}

/** @returns what the headers say; never throws */
export function factsOf(request: IncomingMessage): RequestFacts {
  const { rawHeaders, method = '' } = request;
  let contentLength: number | undefined = 0;
  let hosts = 0;
  let hasKey = false;
  let accept: string | undefined;
  let requestId: string | undefined;
  let trace: string | undefined;
  let state: string | undefined;
  let baggage: string | undefined;
  let fault: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    switch (name.length) {
      case 4:
        if (is(name, 'host') && ++hosts > 1) fault = 'it has the header Host twice';
        break;
      case 6:
        if (is(name, 'accept')) accept = value;
        break;
      case 7:
        if (is(name, 'baggage')) baggage = baggage === undefined ? value : `${baggage},${value}`;
        break;
      case 10:
        if (is(name, 'tracestate') && STATE.test(value)) state = value;
        break;
      case 11:
        if (is(name, 'traceparent') && TRACE.test(value)) trace = value;
        break;
      case 12:
        if (is(name, 'x-request-id') && ID.test(value)) requestId = value;
        break;
      case 14:
        if (is(name, 'content-length') && contentLength !== undefined)
          contentLength = Number(value);
        break;
      case 15:
        if (is(name, 'idempotency-key')) hasKey = true;
        break;
      case 17:
        if (!is(name, 'transfer-encoding')) break;
        contentLength = undefined;
        if (value.toLowerCase() !== 'chunked') fault = 'its Transfer-Encoding is not chunked alone';
        if (request.httpVersionMinor === 0) fault = 'HTTP/1.0 has no Transfer-Encoding';
        break;
    }
  }
  if (hosts === 0 && request.httpVersionMinor > 0) fault = 'it has no header Host';
  return {
    isSafe: SAFE.has(method),
    isIdempotent: IDEMPOTENT.has(method) || hasKey,
    contentLength,
    accept,
    requestId,
    trace,
    state,
    baggage: baggage === undefined || !isBaggage(baggage) ? undefined : baggage,
    fault,
  };
}

function is(name: string, lowerCase: string): boolean {
  return name === lowerCase || name.toLowerCase() === lowerCase;
}
