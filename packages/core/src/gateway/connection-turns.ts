/**
 * Whose turn it is on one connection where a client sends requests without waiting for answers (pipelining).
 *
 * Answers go out in order by themselves; this is about the work. Requests that change nothing may be worked on side by side, and
 * any other waits until those before it are answered, and those behind it wait for it (RFC 9112, 9.3.2): the application would have
 * met them in that order. A connection has a few at work, and a bounded number waiting.
 */

/** One request of a connection. */
export interface TurnTaker {
  /** It changes nothing: GET, HEAD, OPTIONS or TRACE. */
  readonly isSafe: boolean;
  /** Its turn has come. */
  begin(): void;
}

/** Requests of one connection that are worked on at once. */
const MAX_AT_WORK = 4;
/** Requests of one connection that may wait behind those. */
export const MAX_WAITING = 256;

/** The requests of one connection. */
export class ConnectionTurns {
  #atWork = 0;
  /** One that changes something is at work, alone. */
  #isAlone = false;
  #waiting: TurnTaker[] | undefined = undefined;

  /** Requests at work and waiting. */
  get open(): number {
    return this.#atWork + (this.#waiting?.length ?? 0);
  }

  /** Calls `begin` of the taker, now or when those before it have ended. @returns false when too many wait already */
  take(taker: TurnTaker): boolean {
    if (this.#waiting === undefined && this.#mayBegin(taker)) {
      this.#begin(taker);
      return true;
    }
    this.#waiting ??= [];
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(taker);
    return true;
  }

  /** One that had begun has ended. */
  end(): void {
    this.#atWork -= 1;
    this.#isAlone = false;
    while (this.#waiting !== undefined) {
      const [first] = this.#waiting;
      if (first === undefined) this.#waiting = undefined;
      else if (!this.#mayBegin(first)) return;
      else {
        this.#waiting.shift();
        this.#begin(first);
      }
    }
  }

  #mayBegin({ isSafe }: TurnTaker): boolean {
    if (this.#isAlone) return false;
    return isSafe ? this.#atWork < MAX_AT_WORK : this.#atWork === 0;
  }

  #begin(taker: TurnTaker): void {
    this.#atWork += 1;
    this.#isAlone = !taker.isSafe;
    taker.begin();
  }
}
