/**
 * The load of a bench, and what it measured.
 *
 * Closed: so many clients, each of which asks again when it was answered; a slow service is asked less. Open: requests come at random
 * times (a Poisson process), however slow the service is, and each is timed from when it was due and not from when it could be sent:
 * so a service that stands still for a second shows it in every request that came within that second.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { BenchTarget } from './bench-target.ts';

/** Bounds and precision of what is measured, in µs. */
const LONGEST_US = 3_600_000_000;
const US_PER_MS = 1000;
const FIGURES = 3;
/** Requests that come by themselves and may be open; those that come beyond are counted and not sent. */
const MAX_OPEN = 50_000;
/** The finest that Node's timers are. */
const TICK_MS = 1;
/** Bars of the picture: each end is 1, 2 or 5 times a power of ten, in µs. */
const BARS: readonly number[] = Array.from(
  { length: 30 },
  (_, i) => (['1', '2', '5'].map(Number)[i % 3] ?? 1) * 10 ** Math.floor(i / 3),
);
/** The code of requests that were not sent because too many were open. */
const UNSENT = 'NOT_SENT';

/** What the load is. */
export interface LoadPlan {
  /** Requests per second that come by themselves; undefined: `concurrency` clients. */
  readonly rate: number | undefined;
  readonly concurrency: number;
  /** Ms; Infinity for no limit. */
  readonly duration: number;
  /** Infinity for no limit. */
  readonly requests: number;
}

/** What was measured. Times are ms. */
export interface Measured {
  /** From the first request to the last answer. */
  readonly elapsed: number;
  readonly sent: number;
  readonly answered: number;
  /** By code. */
  readonly errors: ReadonlyMap<string, number>;
  /** Of the requests that were answered well. */
  readonly latency: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
    readonly mean: number;
  };
  /** How many took less than `below`, and not less than the one before; without empty ones at both ends. */
  readonly bars: readonly { readonly below: number; readonly count: number }[];
}

/** One run. */
export class BenchLoad {
  readonly #target: BenchTarget;
  readonly #plan: LoadPlan;
  readonly #histogram: RecordableHistogram;
  readonly #bars: number[];
  readonly #errors: Map<string, number>;
  #sent: number;
  #answered: number;
  #open: number;
  #startedAt: number;
  #endedAt: number;
  #isStopped: boolean;
  #wake: () => void;
  /** Told when the last of the open ones is answered. */
  #onEmpty: () => void;

  constructor(target: BenchTarget, plan: LoadPlan) {
    this.#target = target;
    this.#plan = plan;
    this.#histogram = createHistogram({ lowest: 1, highest: LONGEST_US, figures: FIGURES });
    this.#bars = BARS.map(() => 0);
    this.#errors = new Map();
    this.#sent = 0;
    this.#answered = 0;
    this.#open = 0;
    this.#startedAt = 0;
    this.#endedAt = 0;
    this.#isStopped = false;
    this.#wake = () => {};
    this.#onEmpty = () => {};
  }

  /** How far it is. */
  get progress(): {
    readonly elapsed: number;
    /** 0 to 1. */
    readonly part: number;
    readonly answered: number;
    readonly errors: number;
  } {
    const elapsed = performance.now() - this.#startedAt;
    const { duration, requests } = this.#plan;
    const part = Math.min(1, Math.max(elapsed / duration, this.#sent / requests));
    let errors = 0;
    for (const count of this.#errors.values()) errors += count;
    return { elapsed, part, answered: this.#answered, errors };
  }

  /** Resolves when the last request is answered or given up. */
  async run(): Promise<Measured> {
    const { duration, rate, concurrency } = this.#plan;
    this.#startedAt = performance.now();
    const end = Number.isFinite(duration) ? setTimeout(() => this.stop(), duration) : undefined;
    if (rate === undefined) {
      await Promise.all(Array.from({ length: concurrency }, () => this.#askInTurn()));
    } else {
      await this.#askAt(rate);
      if (this.#open > 0) {
        await new Promise<void>((resolve) => {
          this.#onEmpty = resolve;
        });
      }
    }
    clearTimeout(end);
    return this.#measured();
  }

  /** Asks no more; what is open is waited for. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  get #isDone(): boolean {
    return this.#isStopped || this.#sent >= this.#plan.requests;
  }

  async #askInTurn(): Promise<void> {
    while (!this.#isDone) await this.#ask(performance.now());
  }

  async #askAt(rate: number): Promise<void> {
    let due = this.#startedAt + pauseBefore(rate);
    while (!this.#isDone) {
      const now = performance.now();
      for (; due <= now && !this.#isDone; due += pauseBefore(rate)) {
        if (this.#open < MAX_OPEN) void this.#ask(due);
        else this.#count(UNSENT);
      }
      await this.#pause(Math.max(TICK_MS, due - performance.now()));
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #ask(since: number): Promise<void> {
    this.#sent += 1;
    this.#open += 1;
    const code = await this.#target.ask();
    this.#endedAt = performance.now();
    this.#open -= 1;
    if (code === undefined) this.#record((this.#endedAt - since) * US_PER_MS);
    else this.#count(code);
    if (this.#open === 0) this.#onEmpty();
  }

  #record(us: number): void {
    this.#answered += 1;
    const whole = Math.min(Math.max(1, Math.round(us)), LONGEST_US);
    this.#histogram.record(whole);
    const bar = BARS.findIndex((below) => whole < below);
    this.#bars[bar] = (this.#bars[bar] ?? 0) + 1;
  }

  #count(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  #measured(): Measured {
    const { max, mean } = this.#histogram;
    const at = (percentile: number): number =>
      this.#answered === 0 ? 0 : this.#histogram.percentile(percentile) / US_PER_MS;
    const first = this.#bars.findIndex((count) => count > 0);
    const last = this.#bars.findLastIndex((count) => count > 0);
    const bars = this.#bars.map((count, i) => ({ below: (BARS[i] ?? 0) / US_PER_MS, count }));
    return {
      elapsed: Math.max(0, this.#endedAt - this.#startedAt),
      sent: this.#sent,
      answered: this.#answered,
      errors: this.#errors,
      latency: {
        p50: at(50),
        p90: at(90),
        p99: at(99),
        p999: at(99.9),
        max: this.#answered === 0 ? 0 : max / US_PER_MS,
        mean: this.#answered === 0 ? 0 : mean / US_PER_MS,
      },
      bars: first < 0 ? [] : bars.slice(first, last + 1),
    };
  }
}

/** Ms until the next of requests that come at random times. */
function pauseBefore(rate: number): number {
  return (-Math.log(1 - Math.random()) / rate) * 1000;
}
