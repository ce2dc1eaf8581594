/**
 * The workers that are connected, and whose turn it is. It decides nothing by itself (`dispatch.ts` and `rendezvous.ts` do) and owns no request:
 * it keeps what a choice needs between two of them.
 */

import type { Balance } from '../options.ts';
import type { WorkerPeer } from './back-end.ts';
import { chooseWorker, grainOf, nextInTurn } from './dispatch.ts';
import type { WorkerStats } from './queue-stats.ts';
import { pinnedWorker } from './rendezvous.ts';

/** The connected workers. */
export class WorkerSet {
  readonly #workers: WorkerPeer[] = [];
  /** Where the next search starts, so that equals take turns. */
  #start = 0;
  /** Who gets the requests of this turn of the event loop, until it holds `#chosenUntil`. */
  #chosen: WorkerPeer | undefined = undefined;
  #chosenUntil = 0;
  readonly #isBlind: boolean;

  /** @param balance how {@link next} chooses. Default `'least'`. */
  constructor(balance: Balance = 'least') {
    this.#isBlind = balance === 'round-robin';
  }

  /** Each of them, in the order in which they came. */
  get all(): readonly WorkerPeer[] {
    return this.#workers;
  }

  add(worker: WorkerPeer): void {
    this.#workers.push(worker);
  }

  remove(worker: WorkerPeer): void {
    const place = this.#workers.indexOf(worker);
    if (place >= 0) this.#workers.splice(place, 1);
    if (this.#start >= this.#workers.length) this.#start = 0;
    if (this.#chosen === worker) this.#chosen = undefined;
  }

  /** The connections of one process of ours: one, or for a moment its old and its new one. */
  ofGeneration(generation: number): WorkerPeer[] {
    return this.#workers.filter((worker) => worker.generation === generation);
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
    if (this.#isBlind) return this.#nextInTurn();
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

  /** The worker that this pin belongs to, busy or not; undefined when there is none. */
  pinned(pin: number): WorkerPeer | undefined {
    return this.#workers[pinnedWorker(this.#workers, pin)];
  }

  #nextInTurn(): WorkerPeer | undefined {
    const place = nextInTurn(this.#workers, this.#start);
    const worker = this.#workers[place];
    if (worker !== undefined) this.#start = place + 1 < this.#workers.length ? place + 1 : 0;
    return worker;
  }

  /** A snapshot of each. @param pool the name of the pool that they are. */
  stats(pool: string | undefined): WorkerStats[] {
    return this.#workers.map((worker) => ({
      id: worker.id,
      generation: worker.generation,
      pool,
      inFlight: worker.held + worker.streams,
      credit: worker.limit,
      requests: worker.requests,
      zscale: worker.speaksZscale,
      address: worker.address,
      machine: worker.machine,
    }));
  }
}
