/** Looks for what is over time, often enough for the shortest time that anything open has, and not at all while nothing is open. */

/** A limit is looked after this often within its time, and at least and at most so often, in ms: so much later than said it may fire. */
const SWEEPS_PER_LIMIT = 20;
const SWEEP_MIN_MS = 5;
const SWEEP_MAX_MS = 250;

/** The timer of a queue. */
export class Sweeper {
  readonly #sweep: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;
  #every = 0;

  /** @param sweep called again and again until {@link stop}. */
  constructor(sweep: () => void) {
    this.#sweep = sweep;
  }

  /** Something is open that may take `limit` ms; Infinity for as long as it likes. */
  watch(limit: number): void {
    if (limit === Infinity) return;
    const every = Math.min(Math.max(limit / SWEEPS_PER_LIMIT, SWEEP_MIN_MS), SWEEP_MAX_MS);
    if (this.#timer !== undefined && this.#every <= every) return;
    this.stop();
    this.#every = every;
    this.#timer = setInterval(this.#sweep, every).unref();
  }

  /** Nothing is open. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
