/**
 * Runs of calls that need not wait. Awaited calls that never wait are microtasks, and those let nothing else happen: no bytes leave,
 * no timer fires. So a run has an end: one call of it waits for the next turn of the event loop.
 */

/** A run ends after this many calls, or this many ms. */
const RUN_CALLS = 512;
const RUN_MS = 5;
/** The clock is looked at every so many calls: it costs more than they do. */
const CLOCK_CALLS = 8;

/** Counts the calls of one socket. */
export class Run {
  #calls = 0;
  /** When the first few of them were over. */
  #start = 0;

  /** One more call need not wait. True when it has to, so that others get their turn; a new run begins then. */
  isOver(): boolean {
    this.#calls += 1;
    if (this.#calls % CLOCK_CALLS !== 0) return false;
    const now = performance.now();
    if (this.#calls === CLOCK_CALLS) {
      this.#start = now;
      return false;
    }
    if (this.#calls < RUN_CALLS && now - this.#start < RUN_MS) return false;
    this.#calls = 0;
    return true;
  }

  /** A call waits, which gives the event loop its turn. */
  end(): void {
    this.#calls = 0;
  }
}

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void>;
/** Resolves with `value` in the next turn of the event loop. */
export function nextTurn<T>(value: T): Promise<T>;
export function nextTurn<T>(value?: T): Promise<T | undefined> {
  return new Promise((resolve) => {
    setImmediate(resolve, value);
  });
}
