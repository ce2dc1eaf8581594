/** Every pool of a queue: the default one, and those that get some of the requests (option `pools`). */

import type { Balance } from '../options.ts';
import type { WorkerPeer } from './back-end.ts';
import type { BacklogLimits } from './backlog.ts';
import { type Give, Pool } from './pool.ts';
import type { PoolTimes, WorkerStats } from './queue-stats.ts';
import type { QueuedRequest, RequestLine } from './queued-request.ts';

/** A pool beside the default one: which workers are in it, and what they get. */
export interface PoolPlan {
  readonly name: string;
  /** The numbers of its workers, which are ours. */
  readonly workerIds: ReadonlySet<number>;
  /** Patterns of the routes of its requests; see route-pattern.ts. */
  readonly routes: readonly string[];
}

/** The pools; a pool's number is its place, and the default one is 0. */
export class Pools {
  readonly #plans: readonly PoolPlan[];
  readonly #pools: readonly Pool[];

  /** @param limits hold for each. */
  constructor(plans: readonly PoolPlan[], balance: Balance, limits: BacklogLimits) {
    this.#plans = plans;
    this.#pools = [undefined, ...plans.map(({ name }) => name)].map(
      (name) => new Pool(name, balance, limits),
    );
  }

  /** Requests that wait. */
  get queued(): number {
    let queued = 0;
    for (const { backlog } of this.#pools) queued += backlog.length;
    return queued;
  }

  /** What those take up, in bytes. */
  get queuedBytes(): number {
    return this.#pools.reduce((sum, { backlog }) => sum + backlog.bytes, 0);
  }

  /** What those take up that are kept for another worker, in bytes. */
  get keptBytes(): number {
    return this.#pools.reduce((sum, { backlog }) => sum + backlog.keptBytes, 0);
  }

  /** The pool of a request. */
  of(request: QueuedRequest): Pool {
    return this.#pools[request.pool] as Pool; // its number is that of a pool
  }

  /** The pool that a worker is in. One that is not ours is in the default one. */
  ofWorker({ id = -1 }: WorkerPeer): Pool {
    const place = this.#plans.findIndex(({ workerIds }) => workerIds.has(id)) + 1;
    return this.#pools[place] as Pool; // there is one for each plan, behind the first
  }

  /** For how long the request has waited that waits longest, in ms; 0 when none does. @param now of `performance.now()`. */
  longestWait(now: number): number {
    return longestWait(this.lines(), now);
  }

  /** The connections of one process of ours: one, or none before it has connected and after it has gone. */
  ofGeneration(generation: number): WorkerPeer[] {
    return this.#pools.flatMap(({ workers }) => workers.ofGeneration(generation));
  }

  /** Every line that may hold something. */
  *lines(): Generator<RequestLine> {
    for (const pool of this.#pools) yield* pool.lines();
  }

  /** A new turn of the event loop. */
  startTurn(): void {
    for (const { workers } of this.#pools) workers.startTurn();
  }

  /** Gives out what waits, as far as workers have room. */
  dispatch(give: Give): void {
    for (const pool of this.#pools) pool.dispatch(give);
  }

  /** Workers came, went or are to get no more: what is pinned to one of them may have to wait for another. */
  lineUp(): void {
    for (const pool of this.#pools) pool.lineUp();
  }

  /** Every worker, with the name of its pool. */
  *workers(): Generator<readonly [WorkerPeer, string | undefined]> {
    for (const { name, workers } of this.#pools) {
      for (const worker of workers.all) yield [worker, name];
    }
  }

  /** What requests of each pool waited and took. @param now of `performance.now()`. */
  times(now: number): PoolTimes[] {
    return this.#pools.map((pool) => ({
      pool: pool.name,
      queued: pool.backlog.length,
      queuedBytes: pool.backlog.bytes,
      longestWait: longestWait(pool.lines(), now),
      waits: pool.waits.snapshot(),
      services: pool.services.snapshot(),
    }));
  }

  /** A snapshot of each worker. */
  stats(): WorkerStats[] {
    return this.#pools.flatMap(({ name, workers }) => workers.stats(name));
  }
}

function longestWait(lines: Iterable<RequestLine>, now: number): number {
  let earliest = now;
  for (const { first } of lines) earliest = Math.min(earliest, first?.arrived ?? now);
  return now - earliest;
}
