/**
 * Calls a user's function with the decoded request and encodes what it returns.
 *
 * Most handlers that compute answer at once; for those no promise is made anywhere on the way.
 */
import type { Codec } from '../messages/payload.ts';
import { isThenable } from '../messages/sendable.ts';
import type { HandlerFunction, RequestHandler } from './handler.ts';

/** A plain function as a {@link RequestHandler}. */
export class MessageHandler implements RequestHandler {
  readonly #handler: (request: unknown) => unknown;
  readonly #codec: Codec;

  /** @param handler - called as a function, without `this`, with one argument */
  constructor(handler: HandlerFunction, codec: Codec) {
    // What a client sends is not known before it comes: from here on the parameter is unknown.
    this.#handler = handler as (request: unknown) => unknown;
    this.#codec = codec;
  }

  /**
   * @throws what the handler throws, or ZscaleError: `ZSCALE_ERR_DECODE` for the request,
   *   `ZSCALE_ERR_ENCODE` for the reply. A promise rejects with the same.
   */
  handle(request: Buffer[]): Buffer[] | Promise<Buffer[]> {
    const handler = this.#handler;
    const reply = handler(this.#codec.decode(request));
    return isThenable(reply) ? this.#encodeLater(reply) : this.#codec.encode(reply);
  }

  async #encodeLater(reply: PromiseLike<unknown>): Promise<Buffer[]> {
    return this.#codec.encode(await reply);
  }
}
