/** The queue's side towards its clients: a ROUTER that says when there is something to read, without a promise per message. */

import { type Pipe, Router, type RouterOptions } from '@zscale/transport';

/** A ROUTER for the queue. */
export class FrontEnd extends Router {
  readonly #readable: () => void;

  /** @param readable called when messages wait that were not there before; once per chunk of a peer at most. */
  constructor(readable: () => void, options: RouterOptions) {
    super(options);
    this.#readable = readable;
  }

  override pipeReadable(pipe: Pipe): void {
    super.pipeReadable(pipe);
    this.#readable();
  }
}
