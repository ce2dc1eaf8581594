/** What DEALER and REQ share (RFC 28): sending to peers in turn, receiving from all of them. */

import { EMPTY_FRAME, type Message } from '../message.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import { LoadBalancer } from '../pipes/load-balancer.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { Socket } from './socket.ts';

/** Sends in turn, receives fairly. `send` waits while no peer has room. */
export abstract class DealerBase extends Socket {
  readonly #fairQueue = new FairQueue();
  readonly #loadBalancer = new LoadBalancer();

  override get writable(): boolean {
    return this.#loadBalancer.writable;
  }

  override get readable(): boolean {
    return this.#fairQueue.readable;
  }

  override trySend(message: Message): boolean {
    return this.sendToNext(message) !== undefined;
  }

  override tryReceive(): Message | undefined {
    return this.#fairQueue.receive();
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    this.#fairQueue.attach(pipe);
    this.#loadBalancer.attach(pipe);
    this.wakeSenders();
  }

  override pipeConnected(pipe: Pipe): void {
    if (this.options.probeRouter) pipe.write([EMPTY_FRAME]);
  }

  override pipeReadable(pipe: Pipe): void {
    this.#fairQueue.activate(pipe);
    this.wakeReceivers();
  }

  override pipeWritable(pipe: Pipe): void {
    this.#loadBalancer.activate(pipe);
    this.wakeSenders();
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#loadBalancer.detach(pipe);
    this.#fairQueue.retire(pipe);
  }

  /** For REQ: sends in turn and tells to whom. */
  protected sendToNext(message: Message): Pipe | undefined {
    return this.#loadBalancer.send(message);
  }

  /** For REQ: where the last received message came from. */
  protected get lastPipe(): Pipe | undefined {
    return this.#fairQueue.lastPipe;
  }
}
