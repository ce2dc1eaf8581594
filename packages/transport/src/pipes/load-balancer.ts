/** The pipes a socket writes to, in turn: one whole message to each that has room (libzmq `lb_t`). */

import type { Message } from '../message.ts';
import type { Pipe } from './pipe.ts';
import { Rotation } from './rotation.ts';

/** Rotates over the pipes that have room. */
export class LoadBalancer {
  readonly #rotation = new Rotation();

  /** Whether some pipe has room. */
  get writable(): boolean {
    for (;;) {
      const pipe = this.#rotation.current;
      if (pipe === undefined) return false;
      if (pipe.writable) return true;
      this.#rotation.deactivateCurrent();
    }
  }

  /** Adds a pipe, counted as having room. */
  attach(pipe: Pipe): void {
    this.#rotation.attach(pipe);
    this.#rotation.activate(pipe);
  }

  /** The pipe has room again. */
  activate(pipe: Pipe): void {
    this.#rotation.activate(pipe);
  }

  detach(pipe: Pipe): void {
    this.#rotation.detach(pipe);
  }

  /** Gives the message to the next pipe in turn that takes it; undefined when none does, and it stays the caller's. */
  send(message: Message): Pipe | undefined {
    for (;;) {
      const pipe = this.#rotation.current;
      if (pipe === undefined) return undefined;
      if (pipe.write(message)) {
        this.#rotation.advance();
        return pipe;
      }
      this.#rotation.deactivateCurrent();
    }
  }
}
