/** Requests that wait for a worker, in the order they came: bounded in number and in bytes. */

import { Fifo } from '@zscale/transport';
import type { QueuedRequest } from './queued-request.ts';
import { type Refusal, tooManyWaiting, tooMuchWaiting } from './refusals.ts';

/** How much may wait; no limit is Infinity. */
export interface BacklogLimits {
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
}

/** The line in front of the workers. */
export class Backlog {
  readonly #limits: BacklogLimits;
  readonly #line = new Fifo<QueuedRequest>();
  #bytes = 0;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#line.length;
  }

  /** What those that wait take up. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Puts a request at the end; where there is no place, why. */
  push(request: QueuedRequest): Refusal | undefined {
    const { maxQueue, maxQueueBytes } = this.#limits;
    if (this.#line.length >= maxQueue) return tooManyWaiting(maxQueue);
    if (this.#bytes + request.memory > maxQueueBytes) return tooMuchWaiting(maxQueueBytes);
    this.#line.push(request);
    this.#bytes += request.memory;
    return undefined;
  }

  /** The request that waits longest. */
  peek(): QueuedRequest | undefined {
    return this.#line.peek();
  }

  /** Takes it out. */
  shift(): QueuedRequest | undefined {
    const request = this.#line.shift();
    if (request !== undefined) this.#bytes -= request.memory;
    return request;
  }
}
