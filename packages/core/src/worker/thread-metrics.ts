/**
 * What the applications in the threads of this worker measure with prom-client, as one: each thread has a copy of prom-client of
 * its own, so each is asked, and what they say is merged as the supervisor merges what its workers say.
 *
 *   asked      { round }                        to all threads, over the channel of the pool
 *   answers    { thread, round, application }   each over the channel of the answers, which is open only meanwhile
 *
 * A thread that computes cannot answer: what it said before stands for it. What only grows is kept of threads that ended. Nothing
 * is loaded, and no thread asked, before somebody wants metrics of this worker.
 */

import { BroadcastChannel, threadId } from 'node:worker_threads';
import type { ApplicationRegistry } from '../metrics/application-registry.ts';
import type { Metric } from '../metrics/metric.ts';
import { doneWithin, moment } from '../waiting.ts';
import type { MetricsRegistry } from './application-metrics.ts';

/** Asks the threads. */
export interface MetricsQuestion {
  readonly round: number;
}

/** What a thread answers. */
interface MetricsAnswer {
  readonly thread: number;
  readonly round: number;
  /** As in `Measured`. */
  readonly application: string | undefined;
  readonly refused: string | undefined;
}

/** What is needed of a pool. */
export interface AskedThreads {
  /** The ids of those that are there and can answer. */
  readonly ids: readonly number[];
  /** Tells all of them. */
  ask(question: MetricsQuestion): void;
}

/** How long threads may take, in ms: less than the worker's own patience with its application. */
const PATIENCE_MS = 500;

/** The metrics of all threads of a pool. */
export class ThreadMetrics implements MetricsRegistry {
  /** What is wrong with the metrics of threads, in words, as of the last call of {@link getMetricsAsJSON}. */
  faults: readonly string[];
  readonly #threads: AskedThreads;
  readonly #channel: string;
  /** Those that have answered with metrics and were there when we looked last. */
  readonly #known: Set<number>;
  #registry: ApplicationRegistry | undefined;
  #round: number;

  /** @param channel the name of the pool's */
  constructor(threads: AskedThreads, channel: string) {
    this.faults = [];
    this.#threads = threads;
    this.#channel = channel;
    this.#known = new Set();
    this.#registry = undefined;
    this.#round = 0;
  }

  /** Asks all threads, and waits for half a second at most. */
  async getMetricsAsJSON(): Promise<readonly Metric[]> {
    const answers = await this.#ask();
    const faults = new Set<string>();
    for (const { thread, application, refused } of answers) {
      if (refused !== undefined) faults.add(refused);
      if (application === undefined) continue;
      this.#registry ??= await newRegistry();
      for (const fault of this.#registry.report(thread, application)) faults.add(fault);
      this.#known.add(thread);
    }
    this.#forgetEnded(faults);
    this.faults = [...faults];
    if (this.#registry === undefined) return [];
    const { merge } = await import('../metrics/exposition.ts');
    return merge(this.#registry.read());
  }

  async #ask(): Promise<Iterable<MetricsAnswer>> {
    const silent = new Set(this.#threads.ids);
    if (silent.size === 0) return [];
    this.#round += 1;
    const round = this.#round;
    const answers = new Map<number, MetricsAnswer>();
    const done = moment();
    const channel = new BroadcastChannel(answersTo(this.#channel));
    channel.onmessage = (event: unknown): void => {
      const answer = Reflect.get(Object(event), 'data') as MetricsAnswer; // answerMetrics() sends nothing else
      if (answer.round !== round) return; // too late
      answers.set(answer.thread, answer);
      silent.delete(answer.thread);
      if (silent.size === 0) done.resolve();
    };
    try {
      this.#threads.ask({ round });
      await doneWithin(done.promise, PATIENCE_MS);
    } finally {
      channel.close();
    }
    return answers.values();
  }

  #forgetEnded(faults: Set<string>): void {
    const alive = new Set(this.#threads.ids);
    for (const thread of this.#known) {
      if (alive.has(thread)) continue;
      this.#known.delete(thread);
      const fault = this.#registry?.ended(thread);
      if (fault !== undefined) faults.add(fault);
    }
  }
}

/** In a thread: answers. Never rejects. */
export async function answerMetrics(channel: string, { round }: MetricsQuestion): Promise<void> {
  const { readApplicationMetrics } = await import('./application-metrics.ts');
  const answer: MetricsAnswer = { thread: threadId, round, ...(await readApplicationMetrics()) };
  // Posted is delivered: it need not stay open, and so never hears the answers of others.
  const answers = new BroadcastChannel(answersTo(channel));
  answers.postMessage(answer);
  answers.close();
}

function answersTo(channel: string): string {
  return `${channel}-metrics`;
}

/** With prom-client, which most workers do without. */
async function newRegistry(): Promise<ApplicationRegistry> {
  const { ApplicationRegistry } = await import('../metrics/application-registry.ts');
  return new ApplicationRegistry();
}
