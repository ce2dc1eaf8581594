/*
 * Waiting for a fact instead of for a time: polls until a condition holds, and says what it waited
 * for when it never did. The deadline is far above what any machine needs, so it is only ever
 * reached by a failure.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';

const DEADLINE_MS = 15_000;
const EAGER_TURNS = 50;
const POLL_MS = 2;

/** How long {@link until} waits at most, ms. */
export interface UntilOptions {
  readonly deadline?: number;
}

/** What is left of `T` once it is known to be true. */
type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/**
 * Waits until `condition` gives something truthy, and resolves with it. A condition that throws
 * counts as not yet true. Rejects after the deadline (15 s) with `what`, a text or a function that
 * makes it then, and the last error as its cause.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string) = condition.toString(),
  { deadline = DEADLINE_MS }: UntilOptions = {},
): Promise<Truthy<T>> {
  const end = performance.now() + deadline;
  let cause: unknown;
  for (let turn = 0; ; turn += 1) {
    try {
      const value = await condition();
      if (value) return value as Truthy<T>; // It is truthy.
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) {
      const text = typeof what === 'string' ? what : what();
      throw new Error(`waited ${deadline} ms for: ${text}`, { cause });
    }
    await (turn < EAGER_TURNS ? nextTurn() : delay(POLL_MS));
  }
}

/** Resolves with what `promise` gives, or rejects after the deadline saying what was awaited. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  { deadline = DEADLINE_MS }: UntilOptions = {},
): Promise<T> {
  const cancel = new AbortController();
  const late = delay(deadline, undefined, { signal: cancel.signal }).then(() => {
    throw new Error(`waited ${deadline} ms for: ${what}`);
  });
  late.catch(() => {}); // Only its rejection by abort ends up here: the race was decided before.
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel.abort();
  }
}
