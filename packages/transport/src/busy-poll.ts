/**
 * Waiting without sleeping. A process that waits for a reply mostly sleeps in the system until bytes come, and to be woken costs
 * more than the whole round trip: on virtual machines 20 to 60 us each way, and CPU time as well (docs/performance.md). So who
 * waits for a message may keep the event loop turning for a moment, which asks the system again and again without sleeping.
 *
 *   waits begin ... [ the loop turns, at most `limit` ms ] ... then it sleeps as ever
 *
 * It never delays anything: timers, other sockets and everything else of the process have their turns meanwhile. It does not
 * go on where it does not pay: see {@link Vigil}. A process in which nothing happens uses no CPU.
 */

/** Keeps the event loop of this thread turning. One for each context. */
export class BusyPoll {
  /** How long one wait may be spent awake, ms; 0 for never. */
  limit = 0;
  #until = 0;
  #turning = false;
  /** Turns made, for tests and counters. */
  turns = 0;

  /** Turns until `performance.now()` gives `until`, ms. */
  turnUntil(until: number): void {
    if (until > this.#until) this.#until = until;
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(turn, this);
  }

  /** Called by its own schedule only. */
  turn(): void {
    this.turns += 1;
    if (performance.now() < this.#until) setImmediate(turn, this);
    else this.#turning = false;
  }
}

function turn(poll: BusyPoll): void {
  poll.turn();
}

const SCORE_START = 4;
const SCORE_MAX = 8;
/** Turning in vain costs about twice what a sleep that was spared had cost. */
const MISS = 2;
/** Where it did not pay, it is tried again after so many waits. */
const PROBE_WAITS = 64;

/**
 * The waits of one socket, and whether it pays to stay awake in them: while most waits end within the limit it does; while they
 * do not, only one wait in {@link PROBE_WAITS} is spent awake, to see whether that has changed.
 */
export class Vigil {
  readonly #poll: BusyPoll;
  #since = 0;
  #score = SCORE_START;
  #sleeps = 0;

  constructor(poll: BusyPoll) {
    this.#poll = poll;
  }

  /** Somebody begins to wait. */
  begins(): void {
    const { limit } = this.#poll;
    if (limit === 0) return;
    this.#since = performance.now();
    if (this.#score === 0) {
      this.#sleeps += 1;
      if (this.#sleeps < PROBE_WAITS) return;
      this.#sleeps = 0;
    }
    this.#poll.turnUntil(this.#since + limit);
  }

  /** What was waited for has come. */
  ends(): void {
    const { limit } = this.#poll;
    if (limit === 0) return;
    if (performance.now() - this.#since <= limit) {
      if (this.#score < SCORE_MAX) this.#score += 1;
    } else {
      this.#score = Math.max(0, this.#score - MISS);
    }
  }
}
