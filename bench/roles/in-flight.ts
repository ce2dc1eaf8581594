/** How many requests of a run were sent and answered: so many of them are kept in flight. */

/** Counts one run after the other. */
export class InFlight {
  readonly #limit: number;
  #count = 0;
  #sent = 0;
  #answered = 0;

  /** @param limit requests that may be unanswered at a time. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins a run. */
  begin(count: number): void {
    this.#count = count;
    this.#sent = 0;
    this.#answered = 0;
  }

  /** Whether one more may be sent now; then it counts as sent. */
  mayAsk(): boolean {
    if (this.#sent === this.#count || this.#sent - this.#answered === this.#limit) return false;
    this.#sent += 1;
    return true;
  }

  /** A reply has come. True when it was the last of the run. @throws Error when its size is wrong, or nobody asked. */
  answer(bytes: number | undefined, expected: number): boolean {
    if (bytes !== expected) throw new Error(`a reply of ${bytes} bytes in place of ${expected}`);
    if (this.#answered === this.#sent) throw new Error('a reply that nobody asked for');
    this.#answered += 1;
    return this.#answered === this.#count;
  }
}
