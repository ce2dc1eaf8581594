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

/** Those who wait for something to be so. Whoever changes what they look at calls {@link Waiters.look}. */
export class Waiters {
  readonly #waiters: Array<{ readonly done: () => boolean; readonly resolve: () => void }> = [];

  /** Whether anybody waits. */
  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** Resolves once `done` gives true: at once, or when it does after a {@link look}. */
  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ done, resolve }));
  }

  /** Something has changed. */
  look(): void {
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      const waiter = this.#waiters[i];
      if (waiter === undefined || !waiter.done()) continue;
      this.#waiters.splice(i, 1);
      waiter.resolve();
    }
  }
}
