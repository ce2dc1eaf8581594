/**
 * Workers that get the same requests, and the requests that wait for one of them.
 *
 * Usually there is one line: whoever has room gets the first request in it. Where requests are pinned (`balance: 'hash'`) each
 * worker has a line of its own, so that those who wait for a busy worker stand in nobody's way, and the common one holds what
 * comes while there is no worker at all. When workers come or go every waiting request is lined up anew.
 */

import { Histogram } from '../metrics/histogram.ts';
import type { Balance } from '../options.ts';
import type { WorkerPeer } from './back-end.ts';
import { Backlog, type BacklogLimits } from './backlog.ts';
import { Line } from './line.ts';
import type { QueuedRequest, RequestLine } from './queued-request.ts';
import { WorkerSet } from './worker-set.ts';

/** Gives a waiting request to a worker with room. False when the worker cannot take it after all: it stays where it is. */
export type Give = (request: QueuedRequest, worker: WorkerPeer) => boolean;

/** Workers and who waits for them. */
export class Pool {
  /** Undefined for the default pool. */
  readonly name: string | undefined;
  readonly workers: WorkerSet;
  readonly backlog: Backlog;
  /** For how long its requests waited until a worker had them. */
  readonly waits: Histogram = new Histogram();
  /** For how long workers had those that they answered. */
  readonly services: Histogram = new Histogram();
  readonly #common = new Line<QueuedRequest>();
  readonly #own: Map<WorkerPeer, RequestLine> | undefined;

  /** @param limits hold for this pool alone. */
  constructor(name: string | undefined, balance: Balance, limits: BacklogLimits) {
    this.name = name;
    this.backlog = new Backlog(limits);
    this.workers = new WorkerSet(balance);
    this.#own = balance === 'hash' ? new Map() : undefined;
  }

  add(worker: WorkerPeer): void {
    this.workers.add(worker);
    this.#own?.set(worker, new Line<QueuedRequest>());
    this.lineUp();
  }

  remove(worker: WorkerPeer): void {
    this.workers.remove(worker);
    const line = this.#own?.get(worker);
    if (line === undefined) return;
    this.lineUp();
    this.#own?.delete(worker);
  }

  /** Who gets a request that comes now; undefined when it has to wait. */
  workerFor(request: QueuedRequest): WorkerPeer | undefined {
    if (this.#own === undefined) {
      return this.#common.length > 0 ? undefined : this.workers.next();
    }
    const worker = this.workers.pinned(request.pin);
    if (worker === undefined || worker.held >= worker.limit) return undefined;
    return this.lineFor(request).length > 0 ? undefined : worker;
  }

  /** Where a request waits. */
  lineFor(request: QueuedRequest): RequestLine {
    const worker = this.#own === undefined ? undefined : this.workers.pinned(request.pin);
    return (worker && this.#own?.get(worker)) ?? this.#common;
  }

  /** Gives out what waits, as far as workers have room. */
  dispatch(give: Give): void {
    this.workers.startTurn();
    if (this.backlog.length === 0) return;
    if (this.#own !== undefined) {
      for (const [worker, line] of this.#own) dispatchLine(line, worker, give);
      return;
    }
    for (let request = this.#common.first; request !== undefined; request = this.#common.first) {
      const worker = this.workers.next();
      if (worker === undefined) {
        this.#giveAhead(give);
        return;
      }
      if (!give(request, worker)) return;
    }
  }

  /**
   * Where more wait than there are workers, each worker may have the next one with it already (`spare`), and begins it without
   * waiting for the queue to be woken. Only what may be done again, or the loss of its worker would cost one that was not begun.
   */
  #giveAhead(give: Give): void {
    const workers = this.workers.all;
    for (const worker of workers) {
      const request = this.#common.first;
      if (request === undefined || this.#common.length <= workers.length) return;
      const mayBeRepeated = request.client.isGateway && request.control?.idempotent === true;
      if (!mayBeRepeated || request.stream !== undefined) return;
      const { held, limit, spare } = worker;
      if (limit > 0 && held < limit + spare && !give(request, worker)) return;
    }
  }

  /** Every line that may hold something. */
  *lines(): Generator<RequestLine> {
    yield this.#common;
    if (this.#own !== undefined) yield* this.#own.values();
  }

  /** Some worker came, is to get no more, or went: with pinned requests, each that waits goes to the line that is now its own. */
  lineUp(): void {
    if (this.#own === undefined) return;
    const waiting: QueuedRequest[] = [];
    for (const line of this.lines()) {
      for (let request = line.first; request !== undefined; request = line.first) {
        line.remove(request);
        waiting.push(request);
      }
    }
    waiting.sort((one, other) => one.number - other.number);
    for (const request of waiting) this.lineFor(request).push(request);
  }
}

function dispatchLine(line: RequestLine, worker: WorkerPeer, give: Give): void {
  for (let request = line.first; request !== undefined; request = line.first) {
    if (worker.held >= worker.limit || !give(request, worker)) return;
  }
}
