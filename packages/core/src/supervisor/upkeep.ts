/**
 * What keeps the workers of a running service well without anybody's doing: those whose time has come are replaced (`recycler.ts`),
 * and there are as many as the load needs (`autoscaler.ts`). What a server and a machine that joined have in common; what is known of
 * requests, each of them says itself.
 */

import type { Logger } from '../logger.ts';
import type { AutoscaleLimits, Look } from './autoscale.ts';
import { Autoscaler } from './autoscaler.ts';
import { type Recyclable, Recycler } from './recycler.ts';
import { type RecyclingLimits, recycles } from './recycling.ts';
import type { Steering } from './steering.ts';
import type { Supervisor } from './supervisor.ts';

/** What is known of the requests of a service at a time. */
export interface RequestFacts {
  /** For how long the one has waited that waits longest, in ms; 0 when none does, and where nobody here knows. */
  readonly wait: number;
  /** How many this process was given. */
  requestsOf(generation: number): number;
  /** Whether this process, which does not say how busy it is, holds requests as far as is known. */
  holds(generation: number): boolean;
}

/** What it is made from. */
export interface UpkeepOptions {
  readonly limits: RecyclingLimits;
  /** Undefined where the number of workers is nobody's business here. */
  readonly autoscale: AutoscaleLimits | undefined;
  readonly supervisor: Supervisor;
  readonly steering: Steering;
  readonly facts: () => RequestFacts;
  /** Told before a worker is replaced. */
  readonly recycling: (worker: Recyclable, reason: string) => void;
  /** Told before the number of workers changes. */
  readonly scaling: (workers: number, reason: string) => void;
  readonly logger: Logger;
}

/** Whether workers have to say how busy they are, and how many requests they have begun. */
export function needsReports(options: Pick<UpkeepOptions, 'limits' | 'autoscale'>): boolean {
  return options.autoscale !== undefined || options.limits.maxRequests < Infinity;
}

/** Looks after workers, from `start()` to `stop()`. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #recycler: Recycler | undefined;
  #autoscaler: Autoscaler | undefined;
  #recycled: number;

  constructor(options: UpkeepOptions) {
    const { limits, autoscale } = options;
    this.#options = options;
    this.#recycler = recycles(limits) ? this.#createRecycler() : undefined;
    this.#autoscaler = autoscale && this.#createAutoscaler(autoscale);
    this.#recycled = 0;
  }

  /** How many workers were replaced. */
  get recycled(): number {
    return this.#recycled;
  }

  /** Begins to look. Does not keep the process alive. */
  start(): void {
    this.#recycler?.start();
    this.#autoscaler?.start();
  }

  /** Changes nothing any more. Idempotent. */
  stop(): void {
    this.#recycler?.stop();
    this.#autoscaler?.stop();
  }

  /** Lets the number of workers follow the load, or stay as it is. False where there are no limits to follow it within. */
  followLoad(follow: boolean): boolean {
    const { autoscale } = this.#options;
    if (autoscale === undefined) return false;
    this.#autoscaler?.stop();
    this.#autoscaler = follow ? this.#createAutoscaler(autoscale) : undefined;
    this.#autoscaler?.start();
    return true;
  }

  #createRecycler(): Recycler {
    const { limits, supervisor, recycling, logger } = this.#options;
    return new Recycler({
      limits,
      workers: () => this.#recyclable(),
      renew: async (generation, limit) => {
        await supervisor.renew(generation, limit);
        this.#recycled += 1;
      },
      recycling,
      logger,
    });
  }

  #recyclable(): readonly Recyclable[] {
    const { supervisor, facts } = this.#options;
    const known = facts();
    return supervisor.workers.flatMap(({ id, generation, pid, state, age }) => {
      if (state !== 'ready' || pid === undefined) return [];
      return [{ id, generation, pid, age, requests: known.requestsOf(generation) }];
    });
  }

  #createAutoscaler(limits: AutoscaleLimits): Autoscaler {
    const { steering, scaling, logger } = this.#options;
    return new Autoscaler({
      limits,
      look: () => this.#look(),
      resize: async (workers, reason) => {
        scaling(workers, reason);
        await steering.resizeFor(workers, reason);
      },
      logger,
    });
  }

  #look(): Look {
    const { steering, facts } = this.#options;
    const known = facts();
    const utilizations = steering.workers.map(
      ({ generation, utilization }) => utilization ?? (known.holds(generation) ? 1 : 0),
    );
    return { at: performance.now(), wait: known.wait, utilizations };
  }
}
