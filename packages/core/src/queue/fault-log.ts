/** Tells the operator of peers that break the rules, without letting them fill the log: one line a second, with a count of the rest. */

import type { Logger } from '../logger.ts';

const INTERVAL_MS = 1000;

/** A log for what strangers can cause as often as they like. */
export class FaultLog {
  readonly #logger: Logger;
  #lastLine = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Logs at `warn`, or counts for the next line; every one is logged at `debug`. */
  tell(facts: Readonly<Record<string, unknown>>, text: string): void {
    const now = performance.now();
    if (now - this.#lastLine < INTERVAL_MS) {
      this.#untold += 1;
      this.#logger.debug(facts, text);
      return;
    }
    this.#logger.warn(this.#untold === 0 ? facts : { ...facts, untold: this.#untold }, text);
    this.#lastLine = now;
    this.#untold = 0;
  }
}
