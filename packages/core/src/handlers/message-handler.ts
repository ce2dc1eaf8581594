/**
 * Calls a user's function with the decoded request and encodes what it returns.
 *
 * Most handlers that compute answer at once; for those no promise is made anywhere on the way.
 */
import { type ContextScope, contextScope, type HandlerContext } from '../current-context.ts';
import type { Codec } from '../messages/payload.ts';
import { isThenable } from '../messages/sendable.ts';
import type { HandlerFunction, RequestHandler } from './handler.ts';
import type { RequestContext } from './request-context.ts';

/** What a client sends is not known before it comes: from here on the parameter is unknown. */
type UserFunction = (request: unknown, context: HandlerContext) => unknown;

/** A plain function as a {@link RequestHandler}. */
export class MessageHandler implements RequestHandler {
  /** Undefined where the handler has no `idempotent`. */
  readonly isIdempotent: ((request: Buffer[]) => boolean) | undefined;
  readonly #handler: UserFunction;
  readonly #codec: Codec;
  readonly #scope: ContextScope;

  /** @param handler - called as a function, without `this`, with the request and its context */
  constructor(handler: HandlerFunction, codec: Codec) {
    this.#handler = handler as UserFunction; // see UserFunction
    this.#codec = codec;
    this.#scope = contextScope();
    const idempotent = handler.idempotent as ((request: unknown) => unknown) | undefined; // so too
    this.isIdempotent =
      idempotent === undefined ? undefined : (request) => this.#judge(idempotent, request);
  }

  /**
   * @throws what the handler throws, or ZscaleError: `ZSCALE_ERR_DECODE` for the request,
   *   `ZSCALE_ERR_ENCODE` for the reply. A promise rejects with the same.
   */
  handle(request: Buffer[], context: RequestContext): Buffer[] | Promise<Buffer[]> {
    const value = this.#codec.decode(request);
    const scope = this.#scope;
    const reply =
      scope.isWanted || context.isTraced
        ? scope.storage.run(context, this.#handler, value, context)
        : this.#call(value, context);
    return isThenable(reply) ? this.#encodeLater(reply) : this.#codec.encode(reply);
  }

  /** Without the storage, unless the handler asks for it meanwhile. */
  #call(value: unknown, context: RequestContext): unknown {
    const scope = this.#scope;
    const handler = this.#handler;
    scope.onStack = context;
    try {
      return handler(value, context);
    } finally {
      scope.onStack = undefined;
      if (scope.isWanted) scope.storage.enterWith(undefined);
    }
  }

  async #encodeLater(reply: PromiseLike<unknown>): Promise<Buffer[]> {
    return this.#codec.encode(await reply);
  }

  #judge(idempotent: (request: unknown) => unknown, request: Buffer[]): boolean {
    try {
      return idempotent(this.#codec.decode(request)) === true;
    } catch {
      // It cannot say so: then the request is not done again.
      return false;
    }
  }
}
