/**
 * How many workers there should be, by how long requests wait and how busy the workers' event loops are. Pure: a look at the service
 * goes in, a number and its reason come out; `autoscaler.ts` takes the looks and acts.
 *
 * One more worker when requests wait, or the workers are busy for more than most of the time, in several looks in a row; one fewer
 * when nothing waits and one fewer would still be far from busy, for much longer. After a change the service is given time to show
 * what it did. A worker that computes gives no account of itself: whoever holds requests and is silent is taken for busy.
 */

/** Between which numbers of workers. */
export interface AutoscaleLimits {
  readonly min: number;
  readonly max: number;
}

/** One look at the service. Times are ms. */
export interface Look {
  /** When, on a clock that only rises. */
  readonly at: number;
  /** For how long the request has waited that waits longest; 0 when none does. */
  readonly wait: number;
  /** How busy each worker's event loop was since the last look, 0 to 1. */
  readonly utilizations: readonly number[];
}

/** What is remembered from look to look. */
export interface AutoscaleHistory {
  /** So many looks in a row spoke for more workers. */
  readonly high: number;
  /** So many looks in a row spoke for fewer. */
  readonly low: number;
  /** When the number changed last. */
  readonly changedAt: number;
}

/** What to do after a look, and what to remember. */
export interface AutoscaleDecision {
  /** How many workers there should be. */
  readonly count: number;
  /** Why it is another number than now, for people; undefined when it is not. */
  readonly reason: string | undefined;
  readonly history: AutoscaleHistory;
}

/** Requests that wait longer than this, in ms, speak for one worker more. */
export const WAIT_HIGH_MS = 100;
/** So do event loops that are busy for more than this part of the time, on the average. */
export const UTILIZATION_HIGH = 0.8;
/** With one worker fewer they must be below this. */
export const UTILIZATION_LOW = 0.5;
/** Looks in a row before there is one worker more ... */
export const LOOKS_HIGH = 3;
/** ... and before there is one fewer. */
export const LOOKS_LOW = 30;
/** So long after a change there is no other, in ms: a new worker has to load and to get warm. */
export const SETTLE_MS = 3000;

/** The history of a service that has just started. @param at the time. */
export function freshHistory(at: number): AutoscaleHistory {
  return { high: 0, low: 0, changedAt: at };
}

/** Decides after one look. */
export function decideCount(
  look: Look,
  history: AutoscaleHistory,
  { min, max }: AutoscaleLimits,
): AutoscaleDecision {
  const count = look.utilizations.length;
  if (count < min) return changed(min, `at least ${min} (autoscale.min)`, look);
  if (count > max) return changed(max, `at most ${max} (autoscale.max)`, look);

  const busy = look.utilizations.reduce((sum, utilization) => sum + utilization, 0);
  const waits = look.wait > WAIT_HIGH_MS;
  const isHigh = waits || busy / count > UTILIZATION_HIGH;
  const isLow = look.wait === 0 && busy / Math.max(count - 1, 1) < UTILIZATION_LOW;
  const high = isHigh ? history.high + 1 : 0;
  const low = isLow ? history.low + 1 : 0;
  const isSettled = look.at - history.changedAt >= SETTLE_MS;

  if (isSettled && high >= LOOKS_HIGH && count < max) {
    const reason = waits
      ? `requests waited for ${Math.round(look.wait)} ms`
      : `the workers were busy for ${percent(busy / count)} of the time`;
    return changed(count + 1, reason, look);
  }
  if (isSettled && low >= LOOKS_LOW && count > min) {
    const reason = `nothing waited, and the workers were busy for ${percent(busy / count)} of the time`;
    return changed(count - 1, reason, look);
  }
  return { count, reason: undefined, history: { ...history, high, low } };
}

function changed(count: number, reason: string, look: Look): AutoscaleDecision {
  return { count, reason, history: freshHistory(look.at) };
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
