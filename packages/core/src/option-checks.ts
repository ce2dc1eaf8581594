/**
 * What the checks of options are made from: what is expected, in words, and whether a value is that.
 */

/** The longest a timer of Node can wait; above that it fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** A check of one option. */
export interface Check {
  /** Completes "must be ...". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** A sentence for those who got it wrong, where there is something to say. */
  readonly advice?: string;
}

/** How many of something, or no limit. */
export function count(least: number): Check {
  return {
    expected: `a whole number from ${least}, or Infinity`,
    accepts: (value) => value === Infinity || isInteger(value, least, Number.MAX_SAFE_INTEGER),
  };
}

/** Milliseconds that a timer can wait, or no limit. */
export function duration(least: number): Check {
  return {
    expected: `milliseconds from ${least} to ${MAX_TIMER_MS}, or Infinity`,
    accepts: (value) =>
      typeof value === 'number' &&
      (value === Infinity || (value >= least && value <= MAX_TIMER_MS)),
  };
}

/** Whether it is a whole number of a range. */
export function isInteger(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** Whether it is a text. */
export function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** Whether it is a list whose items are all such. */
export function isListOf<T>(isItem: (item: unknown) => item is T, value: unknown): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}

/** Whether it is an object, and no list. */
export function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
