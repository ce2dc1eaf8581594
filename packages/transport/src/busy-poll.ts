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

/** What another thread may bring about without the system knowing of it. None of the calls may throw, `look` excepted. */
export interface Lookout {
  /** From now on it is looked at in each turn: nobody need wake this thread for it. */
  stayAwake(): void;
  /** Takes what has come, if anything. */
  look(): void;
  /** From now on this thread must be woken for it, also for what came since the last look. */
  fallAsleep(): void;
}

/** Keeps the event loop of this thread turning. One for each context. */
export class BusyPoll {
  /** How long one wait may be spent awake, ms; 0 for never. */
  limit = 0;
  #until = 0;
  #turning = false;
  /** Replaced when it changes, because a look may change it. */
  #lookouts: readonly Lookout[] = [];
  /** Turns made, for tests and counters. */
  turns = 0;

  /** Whether there will be another turn. */
  get isTurning(): boolean {
    return this.#turning;
  }

  /** Looks at it in each turn from now on. */
  add(lookout: Lookout): void {
    this.#lookouts = [...this.#lookouts, lookout];
    if (this.#turning) lookout.stayAwake();
  }

  /** There is nothing more to look for. Idempotent. */
  remove(lookout: Lookout): void {
    this.#lookouts = this.#lookouts.filter((other) => other !== lookout);
  }

  /** Turns until `performance.now()` gives `until`, ms. */
  turnUntil(until: number): void {
    if (until > this.#until) this.#until = until;
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(turn, this);
    for (const lookout of this.#lookouts) lookout.stayAwake();
  }

  /** Called by its own schedule only. */
  turn(): void {
    this.turns += 1;
    if (performance.now() < this.#until) {
      setImmediate(turn, this); // before the looks: whatever they throw, there is a next turn
      for (const lookout of this.#lookouts) lookout.look();
    } else {
      this.#turning = false;
      for (const lookout of this.#lookouts) lookout.fallAsleep();
    }
  }
}

function turn(poll: BusyPoll): void {
  poll.turn();
}

/** Waits in one stretch, all of them awake or all asleep. */
const STRETCH_WAITS = 32;
/** An awake stretch ends at so many waits that were longer than the limit: what they cost was spent for nothing. */
const MISSES_MAX = 4;
/** After so many stretches of one kind the other kind is tried again. */
const PROBE_STRETCHES = 64;
/** Awake is kept to only where its waits are shorter by a tenth. */
const SHORTER = 0.9;
/**
 * For who serves many: awake is kept to unless its waits are longer by a quarter. They are short either way; what it spares is
 * being woken by each peer that writes (bench: queue). Longer they are where those peers need this CPU.
 */
export const NOT_LONGER: number = 1.25;
/** Longer waits count as this many limits: one pause must not decide. */
const COUNTED_LIMITS = 10;

/**
 * The waits of one socket, and whether to stay awake in them. It tries both, a stretch of waits each, and keeps to what made
 * the waits shorter: two processes that share one CPU, for example, answer each other sooner when both sleep. Where messages
 * do not come within the limit it sleeps.
 */
export class Vigil {
  readonly #poll: BusyPoll;
  #isWaiting = false;
  /** When the event loop had nothing else to do, ms; negative until then. */
  #since = -1;
  #isScheduled = false;
  #isAwake = true;
  /** Of this stretch. */
  #waits = 0;
  #misses = 0;
  #sum = 0;
  /** Mean wait in ms, in the last stretch of each kind; NaN before the first. */
  #awakeMean = Number.NaN;
  #asleepMean = Number.NaN;
  /** Stretches since the other kind was tried. */
  #stretches = 0;
  #worth = SHORTER;

  constructor(poll: BusyPoll) {
    this.#poll = poll;
  }

  /**
   * Somebody begins to wait. The clock starts when the rest of this turn is done: writing, for one, may take longer than the wait.
   *
   * @param worth how long a wait awake may be for one asleep, at most. Default: 0.9.
   */
  begins(worth: number = SHORTER): void {
    if (this.#poll.limit === 0) return;
    this.#worth = worth;
    this.#isWaiting = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(settle, this);
  }

  /** The event loop has nothing else to do. Called by its own schedule only. */
  settle(): void {
    this.#isScheduled = false;
    if (!this.#isWaiting) return;
    this.#since = performance.now();
    if (this.#isAwake) this.#poll.turnUntil(this.#since + this.#poll.limit);
  }

  /** What was waited for has come. */
  ends(): void {
    this.#isWaiting = false;
    if (this.#since < 0) return;
    const { limit } = this.#poll;
    const wait = performance.now() - this.#since;
    this.#since = -1;
    this.#waits += 1;
    this.#sum += Math.min(wait, limit * COUNTED_LIMITS);
    if (wait > limit) this.#misses += 1;
    if (this.#waits === STRETCH_WAITS || (this.#isAwake && this.#misses === MISSES_MAX))
      this.#endStretch(limit);
  }

  #endStretch(limit: number): void {
    const mean = this.#sum / this.#waits;
    if (this.#isAwake) this.#awakeMean = mean;
    else this.#asleepMean = mean;
    this.#waits = 0;
    this.#misses = 0;
    this.#sum = 0;
    this.#stretches += 1;
    const other = this.#isAwake ? this.#asleepMean : this.#awakeMean;
    const isDue = Number.isNaN(other) || this.#stretches >= PROBE_STRETCHES;
    const next = isDue
      ? !this.#isAwake
      : this.#awakeMean <= limit && this.#awakeMean < this.#asleepMean * this.#worth;
    if (isDue) this.#stretches = 0;
    this.#isAwake = next;
  }
}

function settle(vigil: Vigil): void {
  vigil.settle();
}
