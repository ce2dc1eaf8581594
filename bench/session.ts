/**
 * Measuring one contender: how many messages a measurement takes, who is told what, in which order, and whose CPU time counts.
 *
 * Receivers are told first and say when they count; then the senders begin. With receivers the time is theirs, from the first
 * message to the last, and without it is the senders'. A long measurement may be several runs, so that what is
 * on its way at a time stays in bounds.
 */

import type { Cast, Player } from './cast.ts';
import { cpuTimeOf } from './cpu.ts';
import type { Role } from './role.ts';
import type { Contender, Measurement, Session, Side } from './row.ts';
import { SIDES } from './row.ts';

/** Calibration ends when a run takes this part of a measurement. */
const CALIBRATED = 0.25;
/** From one run of the calibration to the next the count grows by no more. */
const GROWTH_MAX = 16;
const CALIBRATION_RUNS_MAX = 12;
/** Warming up goes in steps of so long, or of a measurement where that is shorter. */
const WARM_UP_STEP_MS = 100;
/** A step that is faster than all before it by this factor shows that it is still getting warm ... */
const WARMER = 1.1;
/** ... and after so many in a row that are not, it is warm: Node's compiler, the allocators, the sizes of buffers. */
const WARM_UP_STEPS_ENOUGH = 3;
const WARM_UP_STEPS_MAX = 24;
/** What a receiver times is at least so many messages: from the first to the last of very few is no time at all. */
const TIMED_MESSAGES_MIN = 16;

/** Who does what in a measurement. */
export interface Plan {
  /** The processes of each side. */
  readonly sides: Readonly<Partial<Record<Side, readonly number[]>>>;
  readonly senders: readonly Role[];
  readonly receivers?: readonly Role[];
  /** Whether the value is microseconds per message, or messages per second. */
  readonly value: 'time' | 'rate';
  /** Counts are multiples of it. Default 1. */
  readonly step?: number;
  /** Messages of one run at most. Default: no limit. */
  readonly most?: number;
  /** Messages that arrive for each that is sent. Default 1. */
  readonly copies?: number;
}

interface Run {
  /** Messages that were timed. */
  readonly messages: number;
  readonly seconds: number;
}

/** A contender whose cast is started by `begin`. */
export function contender(
  name: string,
  player: Player,
  begin: (cast: Cast) => Promise<Plan>,
  others: { readonly isSlow?: boolean; readonly unavailable?: Contender['unavailable'] } = {},
): Contender {
  const { isSlow = false, unavailable } = others;
  return {
    name,
    isSlow,
    unavailable: (stage) => player.unavailable(stage) ?? unavailable?.(stage),
    async start(stage) {
      const cast = stage.cast(name, player);
      try {
        return new PlannedSession(cast, await begin(cast));
      } catch (error) {
        await cast.stop();
        throw error;
      }
    },
  };
}

class PlannedSession implements Session {
  readonly #cast: Cast;
  readonly #plan: Plan;
  readonly #step: number;
  /** Counts of one run, at least and at most. */
  readonly #least: number;
  readonly #most: number;
  /** Counts per second, as of the last time. */
  #rate = 1;

  constructor(cast: Cast, plan: Plan) {
    this.#cast = cast;
    this.#plan = plan;
    const { step = 1, copies = 1, most = Number.POSITIVE_INFINITY, receivers = [] } = plan;
    this.#step = step;
    this.#least = receivers.length > 0 ? Math.max(step, TIMED_MESSAGES_MIN / copies) : step;
    this.#most = this.#rounded(most);
  }

  async warmUp(durationMs: number): Promise<void> {
    await this.#calibrate(durationMs / 1000);
    await this.#runUntilSteady(Math.min(WARM_UP_STEP_MS, durationMs) / 1000);
  }

  async measure(durationMs: number): Promise<Measurement> {
    const target = durationMs / 1000;
    const before = this.#cpuTimes();
    const { sent, messages, seconds } = await this.#runFor(target);
    const after = this.#cpuTimes();
    const cpu: Partial<Record<Side, number>> = {};
    for (const side of SIDES) {
      const [start, end] = [before[side], after[side]];
      if (start === undefined || end === undefined) continue;
      cpu[side] = ((end - start) * 1000) / (sent * (this.#plan.copies ?? 1));
    }
    const value = this.#plan.value === 'rate' ? messages / seconds : (seconds * 1e6) / messages;
    return { value, cpu };
  }

  stop(): Promise<void> {
    return this.#cast.stop();
  }

  /** Runs more and more messages until their time can be told. */
  async #calibrate(target: number): Promise<void> {
    let count = this.#rounded(1);
    for (let i = 0; i < CALIBRATION_RUNS_MAX; i++) {
      const start = performance.now();
      await this.#run(count);
      const took = (performance.now() - start) / 1000;
      this.#rate = count / took;
      if (took >= target * CALIBRATED || count === this.#most) break;
      const growth = Math.min(GROWTH_MAX, Math.max(2, target / took));
      count = Math.min(this.#most, this.#rounded(count * growth));
    }
  }

  /** Runs until it gets no faster. */
  async #runUntilSteady(target: number): Promise<void> {
    let best = 0;
    let steady = 0;
    for (let i = 0; i < WARM_UP_STEPS_MAX && steady < WARM_UP_STEPS_ENOUGH; i++) {
      await this.#runFor(target);
      if (this.#rate > best * WARMER) steady = 0;
      else steady += 1;
      best = Math.max(best, this.#rate);
    }
  }

  /** As many runs, of as many messages, as take about so long. */
  async #runFor(target: number): Promise<Run & { readonly sent: number }> {
    const sent = this.#rounded(this.#rate * target);
    const start = performance.now();
    let messages = 0;
    let seconds = 0;
    for (let left = sent; left > 0; left -= this.#most) {
      const run = await this.#run(Math.min(left, this.#most));
      messages += run.messages;
      seconds += run.seconds;
    }
    // By the clock on the wall: what a receiver tells of a few messages may be next to nothing, and the next count too large.
    this.#rate = (sent * 1000) / (performance.now() - start);
    return { sent, messages, seconds };
  }

  async #run(count: number): Promise<Run> {
    const { receivers = [], senders, copies = 1 } = this.#plan;
    for (const role of receivers) role.run(count * copies);
    await Promise.all(receivers.map((role) => role.ready()));
    for (const role of senders) role.run(count);
    const sent = await Promise.all([...senders, ...receivers].map((role) => role.done()));
    const timed = receivers.length > 0 ? sent.slice(senders.length) : sent;
    const seconds = Math.max(...timed);
    // From the first to the last there is one interval less than there are messages.
    const messages = receivers.length > 0 ? Math.max(1, count * copies - 1) : count;
    return { messages, seconds: Math.max(seconds, Number.EPSILON) };
  }

  #cpuTimes(): Partial<Record<Side, number>> {
    const times: Partial<Record<Side, number>> = {};
    for (const side of SIDES) {
      const pids = this.#plan.sides[side];
      if (pids !== undefined) times[side] = cpuTimeOf(pids);
    }
    return times;
  }

  #rounded(count: number): number {
    return Math.ceil(Math.max(this.#least, count) / this.#step) * this.#step;
  }
}
