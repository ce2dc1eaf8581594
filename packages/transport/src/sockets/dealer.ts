/**
 * DEALER (RFC 28): sends to its peers in turn, receives from all of them, and adds nothing to messages. To talk to a
 * REP, send `[empty][body...]`.
 */

import { EMPTY_FRAME, type Message } from '../message.ts';
import type { PatternOptionName, PatternOptions, SocketOptions } from '../options.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import { LoadBalancer } from '../pipes/load-balancer.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { defineOptionProperties, Socket, type SocketTraits } from './socket.ts';

/** What `new Dealer()` takes. */
export type DealerOptions = SocketOptions & Pick<PatternOptions, 'routingId' | 'probeRouter'>;

const PATTERN_OPTIONS: readonly PatternOptionName[] = ['routingId', 'probeRouter'];
const TRAITS: SocketTraits = {
  socketType: 'DEALER',
  patternOptions: PATTERN_OPTIONS,
  connectsOnce: true,
};

export interface Dealer extends Required<Pick<PatternOptions, 'routingId' | 'probeRouter'>> {}

/** An asynchronous client. `send` waits while no peer has room. */
export class Dealer extends Socket {
  readonly #fairQueue = new FairQueue();
  readonly #loadBalancer = new LoadBalancer();

  constructor(options: DealerOptions = {}, traits: SocketTraits = TRAITS) {
    super(traits, options);
  }

  override get writable(): boolean {
    return this.#loadBalancer.writable;
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

defineOptionProperties(Dealer.prototype, PATTERN_OPTIONS);
