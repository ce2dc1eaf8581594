/**
 * Two things that starting and stopping are made of: a promise that somebody else settles, and
 * waiting that has an end.
 */

/** Something that will have happened, once. */
export interface Moment {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** Makes a moment that has not come yet. */
export function moment(): Moment {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/**
 * Waits for `work`, but no longer than `ms` (`Infinity` for no limit). Resolves to whether it was
 * done; rejects when `work` does. Leaves no timer behind; work that comes later is left alone.
 */
export async function doneWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const done = work.then(() => true);
  if (ms === Number.POSITIVE_INFINITY) return done;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
