/**
 * Notices that nothing is heard any more of a process that should be heard several times within a limit: it is stopped as a whole
 * (SIGSTOP), or the machine gives it no time at all.
 *
 * Time counts by the turns of this process, so that one which was itself stopped, or slept with its machine, takes nobody for silent;
 * what was said meanwhile is heard before the limit is reached.
 */

/** How often it is looked within the limit. */
const LOOKS_PER_LIMIT = 4;
const SLOWEST_LOOK_MS = 1000;

/** One turn counts for no more than so many of what it should have been. */
const LATE_TURNS = 2;

/** See the top of the file. */
export class Silence {
  readonly #limit: number;
  readonly #onTooLong: (ms: number) => void;
  #timer: NodeJS.Timeout | undefined;
  /** So long nothing was heard, in ms. */
  #silent: number;

  /**
   * @param limit ms, from 1; Infinity: for ever
   * @param onTooLong told once, with for how long it was silent; nothing is looked at any more then
   */
  constructor(limit: number, onTooLong: (ms: number) => void) {
    this.#limit = limit;
    this.#onTooLong = onTooLong;
    this.#timer = undefined;
    this.#silent = 0;
  }

  /** From here on it should be heard. Does not keep the process alive. */
  start(): void {
    if (this.#timer !== undefined || this.#limit === Number.POSITIVE_INFINITY) return;
    const every = Math.min(this.#limit / LOOKS_PER_LIMIT, SLOWEST_LOOK_MS);
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#silent += Math.min(now - last, LATE_TURNS * every);
      last = now;
      if (this.#silent < this.#limit) return;
      this.stop();
      this.#onTooLong(Math.round(this.#silent));
    }, every).unref();
  }

  /** It was heard. */
  heard(): void {
    this.#silent = 0;
  }

  /** It need not be heard any more. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
