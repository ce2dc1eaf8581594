/**
 * Whether and when a worker that crashed is started again: pure, so each number can be tested.
 *
 * Each worker id has its own history. Eight workers that the kernel kills at once are eight first
 * crashes, not a loop; one worker that dies each time it starts is a loop, whatever the others do.
 *
 * - Each further crash doubles the wait, from `restartDelay` up to `restartMaxDelay`, with jitter
 *   so that workers that died together do not start together.
 * - A worker that served for `restartWindow` before it crashed starts again from `restartDelay`.
 * - More than `maxRestarts` crashes within `restartWindow` are a crash loop. The time a worker took to
 *   fail at starting does not count: one that hangs until `startTimeout` each time is a loop too.
 * - A worker that was lost with what another one had been lost with is not to blame, the request is, and that ends by
 *   itself (`retries`): it starts again from `restartDelay`, and its history stays as it was.
 */

/** A wait is spread over 75 % to 125 % of its value. */
const JITTER = 0.25;

/** Doublings after which the wait no longer grows, so that the arithmetic stays finite. */
const MAX_DOUBLINGS = 32;

/** The four options of `scale()` that decide. All durations are milliseconds. */
export interface RestartPolicy {
  /** How many crashes within `restartWindow` are answered with a restart. */
  readonly maxRestarts: number;
  readonly restartWindow: number;
  /** The wait after a first crash. */
  readonly restartDelay: number;
  /** The wait never grows beyond this, jitter not counted. */
  readonly restartMaxDelay: number;
}

/** What is remembered of one worker id. */
export interface RestartHistory {
  /** When it crashed, oldest first; crashes older than the window are forgotten. */
  readonly crashes: readonly number[];
  /** Crashes since the worker last served for a whole window. */
  readonly attempt: number;
}

/** One crash: when, and for how long the worker had served (0 when it never became ready). */
export interface Crash {
  readonly at: number;
  readonly served: number;
  /** For how long it had been starting when it failed to become ready. Default 0. */
  readonly startup?: number;
  /** It held a request that another worker had been lost with. Default false. */
  readonly isOfRequest?: boolean;
}

/** What to do about a crash, and the history to keep. */
export type RestartDecision =
  | { readonly action: 'restart'; readonly delay: number; readonly history: RestartHistory }
  | { readonly action: 'give-up'; readonly history: RestartHistory };

/** The history of a worker that never crashed. */
export const NO_CRASHES: RestartHistory = { crashes: [], attempt: 0 };

/**
 * Decides about one crash. `random` gives numbers from 0 to 1; at 0.5 the wait has no jitter.
 * The delay is in whole milliseconds.
 */
export function decideRestart(
  history: RestartHistory,
  crash: Crash,
  policy: RestartPolicy,
  random: () => number,
): RestartDecision {
  const { startup = 0, isOfRequest = false } = crash;
  if (isOfRequest) return { action: 'restart', delay: policy.restartDelay, history };
  const recent = history.crashes
    .map((at) => at + startup)
    .filter((at) => crash.at - at < policy.restartWindow);
  const attempt = crash.served >= policy.restartWindow ? 1 : history.attempt + 1;
  const next: RestartHistory = { crashes: [...recent, crash.at], attempt };
  if (next.crashes.length > policy.maxRestarts) return { action: 'give-up', history: next };

  const doublings = Math.min(attempt - 1, MAX_DOUBLINGS);
  const wait = Math.min(policy.restartDelay * 2 ** doublings, policy.restartMaxDelay);
  const delay = Math.round(wait * (1 - JITTER + 2 * JITTER * random()));
  return { action: 'restart', delay, history: next };
}
