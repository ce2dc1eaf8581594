/**
 * What PAIR and CHANNEL share (RFC 31): one peer at a time, messages in both directions.
 *
 * Further peers wait in line, neither heard nor spoken to; when the peer leaves, the first in line takes its place, with what it
 * had sent meanwhile. libzmq leaves such peers inert for good. To disconnect them would lose what they had sent, and they would
 * only come back, again and again.
 */

import { Fifo } from '../fifo.ts';
import type { Message } from '../message.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { Socket } from './socket.ts';

/** Talks with one peer. `send` waits while it is full, and while there is none. */
export abstract class PairBase extends Socket {
  #pipe: Pipe | undefined = undefined;
  /** What is read from, in order: peers that left something behind, and last the peer. */
  readonly #sources = new Fifo<Pipe>();
  /** In the order they came. */
  readonly #waiting = new Set<Pipe>();

  override get writable(): boolean {
    return this.#pipe?.writable ?? false;
  }

  override get readable(): boolean {
    return this.#source() !== undefined;
  }

  /** Connections, and endpoints given to `connect()`, that wait for the peer to leave. */
  get waitingPeers(): number {
    return this.#waiting.size;
  }

  override trySend(message: Message): boolean {
    return this.#pipe?.write(message) ?? false;
  }

  override tryReceive(): Message | undefined {
    return this.#source()?.read();
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    if (this.#pipe === undefined) this.#take(pipe);
    else this.#waiting.add(pipe);
  }

  override pipeReadable(pipe: Pipe): void {
    if (pipe === this.#pipe) this.wakeReceivers();
  }

  override pipeWritable(pipe: Pipe): void {
    if (pipe === this.#pipe) this.wakeSenders();
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#waiting.delete(pipe);
    if (pipe !== this.#pipe) return;
    this.#pipe = undefined;
    this.#source(); // forgets those that left nothing
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#take(next);
      return;
    }
  }

  #take(pipe: Pipe): void {
    this.#pipe = pipe;
    this.#sources.push(pipe);
    this.wakeSenders();
    if (pipe.unread > 0) this.wakeReceivers();
  }

  /** The pipe that the next message comes from; undefined when there is no message. */
  #source(): Pipe | undefined {
    for (let pipe = this.#sources.peek(); pipe !== undefined; pipe = this.#sources.peek()) {
      if (pipe.unread > 0) return pipe;
      if (!pipe.isClosed) return undefined; // the peer: it is the last
      this.#sources.shift();
    }
    return undefined;
  }
}
