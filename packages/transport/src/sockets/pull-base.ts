/** What PULL and GATHER share (RFC 30): receiving from all peers in turn. */

import type { Message } from '../message.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { Socket } from './socket.ts';

/** Receives fairly, one whole message from each peer that has any. */
export abstract class PullBase extends Socket {
  readonly #fairQueue = new FairQueue();

  override get readable(): boolean {
    return this.#fairQueue.readable;
  }

  override tryReceive(): Message | undefined {
    return this.#fairQueue.receive();
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    this.#fairQueue.attach(pipe);
  }

  override pipeReadable(pipe: Pipe): void {
    this.#fairQueue.activate(pipe);
    this.wakeReceivers();
  }

  /** Nothing is written. */
  override pipeWritable(_pipe: Pipe): void {}

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#fairQueue.retire(pipe);
  }
}
