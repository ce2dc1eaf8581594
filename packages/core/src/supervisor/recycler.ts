/**
 * Looks at the workers now and then, and has those replaced whose time has come (`recycling.ts`): one at a time, whatever the
 * reasons are, each when its successor is ready. When a successor does not become ready, the worker stays and is looked at again
 * later. So it does when a worker needs more memory from its start on than it may have, where replacing it could not help.
 */

import type { Logger } from '../logger.ts';
import { memoryOf } from './memory-of.ts';
import { type RecyclingLimits, type RecyclingReason, whyRecycle } from './recycling.ts';

const INTERVAL_MS = 1000;
/** After a successor that did not become ready, or was no better, nobody is replaced for so long. */
const PAUSE_MS = 30_000;

/** A worker that serves. */
export interface Recyclable {
  readonly id: number;
  /** Which process of that id. */
  readonly generation: number;
  readonly pid: number;
  /** Milliseconds since it was started. */
  readonly age: number;
  readonly requests: number;
}

/** What a recycler is made from. */
export interface RecyclerOptions {
  readonly limits: RecyclingLimits;
  /** The workers that are ready. */
  readonly workers: () => readonly Recyclable[];
  /** Replaces one; rejects when its successor did not become ready. */
  readonly renew: (generation: number, limit: RecyclingReason['limit']) => Promise<void>;
  /** Told before a worker is replaced. */
  readonly recycling: (worker: Recyclable, reason: string) => void;
  readonly logger: Logger;
  /** For the jitter. Default `Math.random`. */
  readonly random?: () => number;
}

/** Replaces workers whose time has come, from `start()` to `stop()`. */
export class Recycler {
  readonly #options: RecyclerOptions;
  /** Each process's own number, by generation. */
  #jitters: Map<number, number>;
  #timer: NodeJS.Timeout | undefined;
  /** The id of the worker that was replaced at the last look. */
  #renewed: number | undefined;
  #pausedUntil: number;
  #isStopped: boolean;

  constructor(options: RecyclerOptions) {
    this.#options = options;
    this.#jitters = new Map();
    this.#timer = undefined;
    this.#renewed = undefined;
    this.#pausedUntil = 0;
    this.#isStopped = false;
  }

  /** Begins to look. Does not keep the process alive. */
  start(): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#look(), INTERVAL_MS).unref();
  }

  /** Replaces nobody any more. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    if (performance.now() >= this.#pausedUntil) await this.#recycleOne();
    this.start();
  }

  async #recycleOne(): Promise<void> {
    const { limits, recycling, renew, logger } = this.#options;
    const fresh = this.#renewed;
    this.#renewed = undefined;
    for (const worker of this.#known()) {
      const { id, generation, pid, age, requests } = worker;
      const memory = limits.maxMemory < Infinity ? await memoryOf(pid) : undefined;
      const jitter = this.#jitters.get(generation) ?? 0;
      const why = whyRecycle({ memory, requests, age, jitter }, limits);
      if (why === undefined || this.#isStopped) continue;
      const reason = why.text;
      if (id === fresh && memory !== undefined && memory > limits.maxMemory) {
        const advice = 'maxMemory must be above what a worker needs';
        this.#pause(`a worker is not replaced: ${reason} right after its start; ${advice}`, {
          worker: id,
        });
        return;
      }
      logger.info({ worker: id, workerPid: pid, reason }, 'replacing a worker');
      recycling(worker, reason);
      try {
        await renew(generation, why.limit);
        this.#renewed = id;
      } catch (error) {
        if (this.#isStopped) return;
        this.#pause('the worker was not replaced', { worker: id, err: error });
      }
      return;
    }
  }

  #pause(text: string, facts: object): void {
    this.#pausedUntil = performance.now() + PAUSE_MS;
    this.#options.logger.error({ ...facts, pause: PAUSE_MS }, text);
  }

  /** The workers there are, the oldest process first, each with its number. Another order might never come to some of them. */
  #known(): readonly Recyclable[] {
    const { workers, random = Math.random } = this.#options;
    const present = [...workers()].sort((one, other) => one.generation - other.generation);
    this.#jitters = new Map(
      present.map(({ generation }) => [generation, this.#jitters.get(generation) ?? random()]),
    );
    return present;
  }
}
