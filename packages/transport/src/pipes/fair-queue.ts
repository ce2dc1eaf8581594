/** The pipes a socket reads from, in turn: one whole message from each that has any (libzmq `fq_t`). */

import { Fifo } from '../fifo.ts';
import type { Message } from '../message.ts';
import type { Pipe } from './pipe.ts';
import { Rotation } from './rotation.ts';

/** Rotates over the pipes that have messages. */
export class FairQueue {
  readonly #rotation = new Rotation();
  /** Pipes whose peer is gone and which still have messages: they are read first, so that a peer that came back is heard in order. */
  readonly #retired = new Fifo<Pipe>();
  /** The pipe that the last message came from; undefined before the first. */
  lastPipe: Pipe | undefined = undefined;

  /** Whether some pipe has a message. */
  get readable(): boolean {
    if (this.#retired.length > 0) return true;
    for (;;) {
      const pipe = this.#rotation.current;
      if (pipe === undefined) return false;
      if (pipe.unread > 0) return true;
      this.#rotation.deactivateCurrent();
    }
  }

  /** Whether the pipe is in turn. */
  has(pipe: Pipe): boolean {
    return this.#rotation.has(pipe);
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

  /** The peer of this pipe is gone: it is out of turn, and what it still had is read before anything else. */
  retire(pipe: Pipe): void {
    if (this.#rotation.detach(pipe) && pipe.unread > 0) this.#retired.push(pipe);
  }

  /** The next message in turn; `lastPipe` is where it came from. */
  receive(): Message | undefined {
    if (this.#retired.length > 0) return this.#receiveRetired();
    for (;;) {
      const pipe = this.#rotation.current;
      if (pipe === undefined) return undefined;
      const message = pipe.read();
      if (message === undefined) {
        this.#rotation.deactivateCurrent();
        continue;
      }
      this.lastPipe = pipe;
      this.#rotation.advance();
      return message;
    }
  }

  #receiveRetired(): Message | undefined {
    const pipe = this.#retired.peek();
    const message = pipe?.read();
    if (pipe === undefined || pipe.unread === 0) this.#retired.shift();
    this.lastPipe = pipe;
    return message;
  }
}
