/** What a receiver counts: it is told how many messages come, and says how long they took from the first to the last. */

import { listen, sayDone, sayReady } from './line.ts';

/** Counts the messages of one run after the other. What comes between runs is no part of any. */
export class Tally {
  #left = 0;
  #start = 0;
  #hasBegun = false;

  /** The next run is of so many messages. */
  expect(count: number): void {
    this.#left = count;
    this.#hasBegun = false;
  }

  /** One more has come. @returns the seconds since the first, when it was the last. */
  add(): number | undefined {
    if (this.#left === 0) return undefined;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#start = performance.now();
    }
    this.#left -= 1;
    return this.#left === 0 ? (performance.now() - this.#start) / 1000 : undefined;
  }
}

/** A tally that is told by the benchmark how many come, and tells it when they have. @returns what to call for each. */
export function listenAndCount(): () => void {
  const tally = new Tally();
  listen((count) => {
    tally.expect(count);
    sayReady();
  });
  return () => {
    const seconds = tally.add();
    if (seconds !== undefined) sayDone(seconds);
  };
}
