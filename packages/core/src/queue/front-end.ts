/**
 * The queue's side towards its clients: a ROUTER that says when there is something to read, without a promise per message, and
 * that drops no answer of a client that is there. A client with more unsent answers than its high-water mark is not read from
 * until it took half of them: so what it can make wait is bounded by what the queue holds of it.
 */

import {
  type Authenticator,
  EMPTY_FRAME,
  type Frames as Message,
  type Pipe,
  Router,
  type SocketOptions,
} from '@zscale/transport';

/** A ROUTER for the queue. */
export class FrontEnd extends Router {
  readonly #readable: () => void;
  readonly #authenticator: Authenticator | undefined;
  #undelivered = 0;

  /**
   * @param readable called when messages wait that were not there before; once per chunk of a peer at most.
   * @param authenticator who is let in by CURVE; undefined for the ZAP handler of the context.
   */
  constructor(readable: () => void, options: SocketOptions<Router>, authenticator?: Authenticator) {
    super(options);
    this.#readable = readable;
    this.#authenticator = authenticator;
  }

  override get authenticator(): Authenticator {
    return this.#authenticator ?? super.authenticator;
  }

  /** Answers whose client was gone. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /** Sends `[routing id][frames...]`, also to a client that is slow to read. */
  answer(message: Message): void {
    const pipe = this.pipeOf(message[0] ?? EMPTY_FRAME);
    message.shift();
    if (pipe === undefined || !pipe.writeBeyondMark(message)) this.#undelivered += 1;
    else if (!pipe.writable) this.stopReading(pipe);
  }

  /** The queue has nothing to do until a client or a worker is heard, and expects that soon. */
  rest(): void {
    this.expectMessages();
  }

  /** Somebody was heard. */
  wake(): void {
    this.messagesCame();
  }

  override pipeReadable(pipe: Pipe): void {
    if (!pipe.writable && !pipe.isClosed) return; // read from when it took its answers
    super.pipeReadable(pipe);
    this.#readable();
  }

  override pipeWritable(pipe: Pipe): void {
    super.pipeWritable(pipe);
    if (pipe.unread > 0) this.pipeReadable(pipe);
  }

  override pipeClosed(pipe: Pipe): void {
    super.pipeClosed(pipe);
    if (pipe.unread > 0) this.pipeReadable(pipe);
  }
}
