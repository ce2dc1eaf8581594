/** The pipes a socket reads from, in turn: one whole message from each that has any (libzmq `fq_t`). */

import type { Message } from '../message.ts';
import type { Pipe } from './pipe.ts';
import { Rotation } from './rotation.ts';

/** Rotates over the pipes that have messages. */
export class FairQueue {
  readonly #rotation = new Rotation();
  /** The pipe that the last message came from; undefined before the first. */
  lastPipe: Pipe | undefined = undefined;

  /** Whether some pipe has a message. */
  get readable(): boolean {
    for (;;) {
      const pipe = this.#rotation.current;
      if (pipe === undefined) return false;
      if (pipe.unread > 0) return true;
      this.#rotation.deactivateCurrent();
    }
  }

  /** Adds a pipe, counted as silent until {@link activate}. */
  attach(pipe: Pipe): void {
    this.#rotation.attach(pipe);
  }

  /** The pipe has messages. */
  activate(pipe: Pipe): void {
    this.#rotation.activate(pipe);
  }

  /** Reads nothing from the pipe until it is activated again. */
  deactivate(pipe: Pipe): void {
    this.#rotation.deactivate(pipe);
  }

  /** Takes a pipe out, with whatever it still had. */
  detach(pipe: Pipe): void {
    this.#rotation.detach(pipe);
  }

  /** The peer of this pipe is gone: it leaves now if it is silent, or else after its last message. */
  retire(pipe: Pipe): void {
    if (pipe.unread === 0) this.#rotation.detach(pipe);
  }

  /** The next message in turn; `lastPipe` is where it came from. */
  receive(): Message | undefined {
    for (;;) {
      const pipe = this.#rotation.current;
      if (pipe === undefined) return undefined;
      const message = pipe.read();
      if (message === undefined) {
        this.#rotation.deactivateCurrent();
        if (pipe.isClosed) this.#rotation.detach(pipe);
        continue;
      }
      this.lastPipe = pipe;
      if (pipe.isClosed && pipe.unread === 0) this.#rotation.detach(pipe);
      else this.#rotation.advance();
      return message;
    }
  }
}
