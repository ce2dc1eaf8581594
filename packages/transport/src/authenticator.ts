/**
 * How a security mechanism asks whether a peer may come in (RFC 27, ZAP), without knowing sockets: the frames of a request go
 * out, the frames of the reply come back later, or never.
 */

/** The way to the ZAP handler of a socket's context. */
export interface Authenticator {
  /** Whether a handler is bound to `inproc://zeromq.zap.01` now. */
  readonly present: boolean;
  /**
   * Calls `known` once {@link present} can be relied on: at once, or when the other threads of the process have been asked.
   * Left out where it always can.
   */
  whenKnown?(known: () => void): void;
  /**
   * Sends a ZAP request.
   *
   * @param request the frames from the version on, without the delimiter.
   * @param answered called once with the reply's frames from the version on, or undefined when the reply has no empty
   *   delimiter in front; never from inside `ask`, and not after the returned function was called.
   * @returns withdraws the question.
   */
  ask(request: Buffer[], answered: (reply: Buffer[] | undefined) => void): () => void;
}
