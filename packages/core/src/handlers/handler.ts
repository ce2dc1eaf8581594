/**
 * What answers a request: the seam between a worker, which has frames, and the user's code.
 *
 * A worker knows only `RequestHandler`. Which kind of program stands behind it (a function today)
 * is the business of the other files here; none of them knows a socket.
 */

/** Answers requests, frames in and frames out. One instance serves a worker for its whole life. */
export interface RequestHandler {
  /**
   * Answers one request. Called again before earlier promises settled, up to the worker's
   * `concurrency`.
   *
   * @param request - the body frames, without envelope; they belong to the handler from here on
   * @returns the body frames of the reply, at once where possible: a promise is paid for. They
   *   belong to the worker afterwards.
   * @throws anything, or rejects with it: the worker makes it an error reply (`errorReplyOf`)
   */
  handle(request: Buffer[]): Buffer[] | Promise<Buffer[]>;
}

/**
 * A user's handler: takes the decoded request and returns the reply, or a promise of it. Whatever
 * it throws becomes an error reply.
 *
 * Its parameter is `never` so that a function of any one parameter, or none, is one; the types a
 * client sees are {@link RequestOf} and {@link ReplyOf}.
 */
export type HandlerFunction = (request: never) => unknown;

/** What a client sends to this handler; `unknown` when the handler takes nothing. */
export type RequestOf<H extends HandlerFunction> = H extends (request: infer R) => unknown
  ? R
  : never;

/** What a client gets from this handler. */
export type ReplyOf<H extends HandlerFunction> = Awaited<ReturnType<H>>;
