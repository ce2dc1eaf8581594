/**
 * What waits for the workers of a pool, in all its lines together: bounded in number and in bytes, and fair where it is full.
 *
 * The bytes of requests that a worker has, and that are kept in case it is lost (`retries`), count as well: what the queue
 * holds of requests stays below `maxQueueBytes`. One that would exceed it is given out all the same, but not kept.
 *
 * When `maxQueue` requests wait, a further one takes the place of the newest of the client that has the most waiting here,
 * unless that is its own client. So who floods the queue fills only what nobody else wants, and many clients share it evenly.
 */

import type { Client, QueuedRequest, RequestLine } from './queued-request.ts';
import { type Refusal, tooManyWaiting, tooMuchWaiting } from './refusals.ts';

/** How much may wait; no limit is Infinity. */
export interface BacklogLimits {
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
}

/** Counts what waits, and decides who may. */
export class Backlog {
  readonly #limits: BacklogLimits;
  #length = 0;
  #bytes = 0;
  #keptBytes = 0;
  #hurried = 0;
  /** Who had the most waiting when it was last compared. */
  #greediest: Client | undefined = undefined;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** What those that wait take up. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What those take up that a worker has and that are kept for another one. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** How many of those that wait have an end of their own, so that the first of a line need not be the first to end. */
  get hurried(): number {
    return this.#hurried;
  }

  /** Puts a request at the end of a line; where there is no place, why. */
  push(request: QueuedRequest, line: RequestLine): Refusal | undefined {
    const { maxQueue, maxQueueBytes } = this.#limits;
    if (this.#length >= maxQueue) return tooManyWaiting(maxQueue);
    if (this.#bytes + this.#keptBytes + request.memory > maxQueueBytes) {
      return tooMuchWaiting(maxQueueBytes);
    }
    line.push(request);
    this.#count(request);
    return undefined;
  }

  /** The waiting request whose place `request` may have, where all are taken; undefined when it may have none. */
  placeFor(request: QueuedRequest): QueuedRequest | undefined {
    const { client, pool } = request;
    if (this.#length < this.#limits.maxQueue) return undefined;
    this.#compare(client, pool);
    const greediest = this.#greediest;
    if (greediest === undefined) return undefined;
    if (greediest.waitingIn(pool) <= client.waitingIn(pool) + 1) return undefined;
    return greediest.newestWaiting(pool);
  }

  /** Puts a request that was lost with its worker in front of a line, beyond any limit: it was let in before. */
  putBack(request: QueuedRequest, line: RequestLine): void {
    line.unshift(request);
    this.#count(request);
  }

  /** One that waits takes up so many bytes more; why not, where there is no room for them. */
  grow(request: QueuedRequest, bytes: number): Refusal | undefined {
    const { maxQueueBytes } = this.#limits;
    if (this.#bytes + this.#keptBytes + bytes > maxQueueBytes) return tooMuchWaiting(maxQueueBytes);
    request.memory += bytes;
    this.#bytes += bytes;
    return undefined;
  }

  /** Takes out one that waits. */
  remove(request: QueuedRequest): void {
    request.line?.remove(request);
    request.client.waits(request.pool, -1);
    this.#length -= 1;
    this.#bytes -= request.memory;
    if (request.isHurried) this.#hurried -= 1;
  }

  /** Keeps a request that a worker is given; false when there is no room for it. */
  keep(request: QueuedRequest): boolean {
    if (this.#bytes + this.#keptBytes + request.memory > this.#limits.maxQueueBytes) return false;
    this.#keptBytes += request.memory;
    return true;
  }

  /** A request that was kept need not be any more. */
  letGo(request: QueuedRequest): void {
    this.#keptBytes -= request.memory;
  }

  #count(request: QueuedRequest): void {
    request.client.waits(request.pool, 1);
    this.#length += 1;
    this.#bytes += request.memory;
    if (request.isHurried) this.#hurried += 1;
    this.#compare(request.client, request.pool);
  }

  #compare(client: Client, pool: number): void {
    if (client.isGateway) return; // it stands for many clients
    const most = this.#greediest?.waitingIn(pool) ?? -1;
    if (client.waitingIn(pool) > most) this.#greediest = client;
  }
}
