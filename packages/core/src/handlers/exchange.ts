/**
 * One request and its reply as they pass through a worker in several messages: the seam between the worker's socket, which has
 * frames and windows, and a handler that streams (docs/reference/messages.md, "Streamed requests and replies").
 *
 *   head, body?   part ... last part, trailers?        the request: given with `accept`, and then to the sink
 *   head, body?   part ... last part, trailers?        the reply: `interim` heads, then `reply`
 *
 * Both directions run at once. The exchange is over when the reply has ended; of a request that had not, the rest is dropped. Either
 * side may have `WINDOW_BYTES` (messages/streams.ts) on the way that the other's reader has not taken, and no more.
 */

import type { RequestContext } from './request-context.ts';

/** One request in the worker, as its handler sees it. */
export interface Exchange {
  /** The first frame of the body: what the request is. Empty where the request had no body at all. */
  readonly head: Buffer;
  /** What came with the head; undefined for nothing. It counts toward the sender's window: grant it when it is consumed. */
  readonly body: Buffer | undefined;
  /** All frames of the first message's body, the head among them; those after the second are what a codec makes of them. */
  readonly frames: readonly Buffer[];
  /** Nothing more of the request follows: the sink gets neither `onPart` nor `onEnd`. */
  readonly isWhole: boolean;
  /**
   * What else is known of the request. Its `signal` aborts when the exchange is aborted. Its `deadline` moves on with each part, and is
   * `Infinity` once the head of the reply was sent.
   */
  readonly context: RequestContext;
  /** Whom to tell what happens next; set before `accept` returns. */
  sink: ExchangeSink | undefined;
  /**
   * Bytes of the request that its reader has consumed, so that its sender may send as many more. Words go out in steps of half a
   * window. Does nothing for a whole request, or when the request has ended.
   *
   * @param bytes 0 or more
   */
  grant(bytes: number): void;
  /**
   * Sends a head that is not yet the reply's, any number of them before that (HTTP: status 1xx). Not sent where the client
   * would not know what it is, or has not taken those before.
   *
   * @param head belongs to the exchange from here on
   */
  interim(head: Buffer): void;
  /**
   * Sends a message of the reply: first the head, `[head][bytes?][trailers?]` with `isPart` false; then parts,
   * `[bytes][trailers?]` with `isPart` true. The last message has `more` false; trailers go with it alone. What the window
   * does not allow yet is kept and sent when it does, so look at what this returns. A client that takes no parts gets all of it in
   * one message, when the reply has ended.
   *
   * @param frames belong to the exchange from here on, also their bytes
   * @returns false when the window is used up: send nothing before `onWindow`. True, too, where the exchange is over already.
   * @throws Error for a part before the head, a second head, or anything after the last message: bugs of the handler.
   */
  reply(frames: Buffer[], isPart: boolean, more: boolean): boolean;
  /**
   * Ends the exchange with an error reply, in whatever state it is; a reply that had begun is cut. Nothing is sent where it is over already.
   *
   * @param error as a handler throws it: see `errorReplyOf`
   */
  fail(error: unknown): void;
}

/**
 * What a handler is told of its exchange. Called from the worker's turn, never from inside `accept`, `reply`, `grant` or `fail`.
 * Buffers are views that belong to the handler.
 */
export interface ExchangeSink {
  /** More of the request. The sender may go on when as many bytes are granted. */
  onPart(bytes: Buffer): void;
  /** The request has ended; `trailers` where there are any. */
  onEnd(trailers: Buffer | undefined): void;
  /** The other side took what was sent: `reply` may go on after it returned false. */
  onWindow(): void;
  /**
   * The exchange is over before its end: cancelled by the client (`ZSCALE_ERR_CANCELLED`), over time (`ZSCALE_ERR_TIMEOUT`), or
   * the queue is gone. Nothing else is called after it, and nothing can be sent.
   */
  onAbort(reason: Error): void;
}
