/**
 * The workers that are connected, and whose turn it is. It decides nothing by itself (`dispatch.ts` does) and owns no request:
 * it keeps what a choice needs between two of them.
 */

import type { WorkerPeer } from './back-end.ts';
import { chooseWorker, grainOf } from './dispatch.ts';
import type { WorkerStats } from './queue-stats.ts';

/** The connected workers. */
export class WorkerSet {
  readonly #workers: WorkerPeer[] = [];
  /** Where the next search starts, so that equals take turns. */
  #start = 0;
  /** Who gets the requests of this turn of the event loop, until it holds `#chosenUntil`. */
  #chosen: WorkerPeer | undefined = undefined;
  #chosenUntil = 0;

  add(worker: WorkerPeer): void {
    this.#workers.push(worker);
  }

  remove(worker: WorkerPeer): void {
    const place = this.#workers.indexOf(worker);
    if (place >= 0) this.#workers.splice(place, 1);
    if (this.#start >= this.#workers.length) this.#start = 0;
    if (this.#chosen === worker) this.#chosen = undefined;
  }

  /** Those of ours that have this number: one, or for a moment the old and the new. */
  withId(workerId: number): WorkerPeer[] {
    return this.#workers.filter((worker) => worker.id === workerId);
  }

  /** A new turn of the event loop: whoever is the least busy now is looked for anew. */
  startTurn(): void {
    this.#chosen = undefined;
  }

  /**
   * The least busy worker that wants a request; within one turn the same one for a few requests, if it takes many: they leave
   * in one write. Undefined when none wants any.
   */
  next(): WorkerPeer | undefined {
    const chosen = this.#chosen;
    if (chosen !== undefined && chosen.held < Math.min(this.#chosenUntil, chosen.limit))
      return chosen;
    const place = chooseWorker(this.#workers, this.#start);
    const worker = this.#workers[place];
    this.#chosen = worker;
    if (worker === undefined) return undefined;
    this.#chosenUntil = worker.held + grainOf(worker.limit);
    this.#start = place + 1 < this.#workers.length ? place + 1 : 0;
    return worker;
  }

  /** A snapshot of each. */
  stats(): WorkerStats[] {
    return this.#workers.map((worker) => ({
      id: worker.id,
      inFlight: worker.held,
      credit: worker.limit,
      requests: worker.requests,
      zscale: worker.speaksZscale,
      address: worker.address,
      machine: worker.machine,
    }));
  }
}
