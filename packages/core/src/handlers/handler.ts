/**
 * What answers a request: the seam between a worker, which has frames, and the user's code.
 *
 * A worker knows only `RequestHandler`. Which kind of program stands behind it (a function today)
 * is the business of the other files here; none of them knows a socket.
 */

import type { HandlerContext } from '../current-context.ts';
import type { Exchange } from './exchange.ts';
import type { RequestContext } from './request-context.ts';

/** Answers requests, frames in and frames out. One instance serves a worker for its whole life. */
export interface RequestHandler {
  /**
   * Answers one request. Called again before earlier promises settled, up to the worker's
   * `concurrency`.
   *
   * @param request - the body frames, without envelope; they belong to the handler from here on
   * @param context - what else is known of the request
   * @returns the body frames of the reply, at once where possible: a promise is paid for. They
   *   belong to the worker afterwards.
   * @throws anything, or rejects with it: the worker makes it an error reply (`errorReplyOf`)
   */
  handle(request: Buffer[], context: RequestContext): Buffer[] | Promise<Buffer[]>;

  /**
   * Takes an exchange, for programs whose requests or replies come in several messages. Where it is there, a worker calls it in
   * place of `handle` for every request, and does not count an exchange toward `concurrency` once the head of its reply was sent.
   * The exchange ends with the reply's last message, with `fail`, or with `onAbort`.
   *
   * @throws anything: the same as `exchange.fail`
   */
  readonly accept?: ((exchange: Exchange) => void) | undefined;

  /** Its requests are heads of HTTP and what follows them; default: values, or bytes. */
  readonly speaksHttp?: boolean;

  /** Sends what was recorded of requests and is not sent yet, before the process ends. Never rejects. */
  flush?(): Promise<void>;

  /**
   * Whether this request may be done again should the worker be lost; asked before `handle`, and
   * never throws. Undefined where no request may.
   *
   * @param request - as for `handle`, but still the caller's
   */
  readonly isIdempotent?: ((request: Buffer[]) => boolean) | undefined;
}

/**
 * A user's handler: takes the decoded request, and what else is known of it where it wants that,
 * and returns the reply, or a promise of it. Whatever it throws becomes an error reply.
 *
 * Its parameter is `never` so that a function of any request, or none, is one; the types a client
 * sees are {@link RequestOf} and {@link ReplyOf}.
 */
export interface HandlerFunction {
  (request: never, context: HandlerContext): unknown;
  /**
   * Says of a request that it may be done again, should the worker that does it be lost. Asked
   * before the handler is called; one that throws says no. Default: none may.
   */
  readonly idempotent?: ((request: never) => boolean) | undefined;
}

/** What a client sends to this handler; `unknown` when the handler takes nothing. */
export type RequestOf<H extends HandlerFunction> = H extends (
  request: infer R,
  context: never,
) => unknown
  ? R
  : never;

/** What a client gets from this handler. */
export type ReplyOf<H extends HandlerFunction> = Awaited<ReturnType<H>>;
