/**
 * The access log: one line for each request of HTTP that ended, as JSON.
 *
 * Where lines go is known to `logger.ts`; here is what they say. Nothing of bodies, and of headers only who the client says it is.
 */

import type { IncomingMessage } from 'node:http';
import type { LineWriter } from '../logger.ts';

/** How a request ended. */
export interface Outcome {
  readonly request: IncomingMessage;
  readonly status: number;
  readonly client: string;
  readonly requestId: string | undefined;
  /** Bytes of the request's body that came. */
  readonly received: number;
  /** Bytes of the answer's body that were written. */
  readonly sent: number;
  readonly ms: number;
  /** Of the error, where there was one. */
  readonly code: string | undefined;
}

/** Longer texts of a client's are cut: a line is no place for what somebody wants to store. */
const MAX_CHARACTERS = 1024;

/** See the top of the file. */
export class AccessLog {
  readonly #lines: LineWriter;

  constructor(lines: LineWriter) {
    this.#lines = lines;
  }

  /** Writes the line of one request. */
  write({ request, status, client, requestId, received, sent, ms, code }: Outcome): void {
    const { method, url = '', httpVersion, headers } = request;
    this.#lines.write({
      client: client === '' ? (request.socket?.remoteAddress ?? '') : client,
      method,
      target: url.slice(0, MAX_CHARACTERS),
      http: httpVersion,
      host: headers.host?.slice(0, MAX_CHARACTERS),
      status,
      received,
      sent,
      ms: Math.round(ms * 10) / 10,
      userAgent: headers['user-agent']?.slice(0, MAX_CHARACTERS),
      requestId,
      code,
    });
  }

  /** Opens its file again, which somebody has moved away. */
  reopen(): void {
    this.#lines.reopen();
  }

  /** Writes what is left, for a second at most. */
  close(): Promise<void> {
    return this.#lines.close();
  }
}
