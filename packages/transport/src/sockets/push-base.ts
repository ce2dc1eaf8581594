/** What PUSH and SCATTER share (RFC 30): sending to peers in turn, and waiting while none of them has room. */

import type { Message } from '../message.ts';
import { LoadBalancer } from '../pipes/load-balancer.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { Socket } from './socket.ts';

/** Sends in turn. `send` waits while no peer has room, and while there is no peer. */
export abstract class PushBase extends Socket {
  readonly #loadBalancer = new LoadBalancer();
  #discarded = 0;

  override get writable(): boolean {
    return this.#loadBalancer.writable;
  }

  /** Messages that peers sent although nobody receives them here. */
  get discarded(): number {
    return this.#discarded;
  }

  override trySend(message: Message): boolean {
    return this.#loadBalancer.send(message) !== undefined;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    this.#loadBalancer.attach(pipe);
    this.wakeSenders();
  }

  /** A peer that sends to us breaks the pattern: read and forgotten, so that nothing piles up. */
  override pipeReadable(pipe: Pipe): void {
    while (pipe.read() !== undefined) this.#discarded += 1;
  }

  override pipeWritable(pipe: Pipe): void {
    this.#loadBalancer.activate(pipe);
    this.wakeSenders();
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#loadBalancer.detach(pipe);
  }
}
