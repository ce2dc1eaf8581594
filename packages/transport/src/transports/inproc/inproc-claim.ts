/** A bind that waits for what the other threads say to its name. It ends by the first of: taken, all answered, too late. */

/** So long after the roll was called, whoever is not busy has said that it is there. */
export const ROLL_CALL_MS = 20;
/** So long a bind waits for a thread that is there and does not answer. */
const CLAIM_MS = 1000;

/** One question to all threads. It holds the process until it is settled, for that is soon. */
export class InprocClaim {
  /** When it was asked, on a clock that all threads share. */
  readonly since: bigint = process.hrtime.bigint();
  /** Resolves with whether the name is free. */
  readonly isFree: Promise<boolean>;
  readonly #asked: Set<string>;
  #rollCall: NodeJS.Timeout | undefined = undefined;
  readonly #limit: NodeJS.Timeout;
  #resolve: (isFree: boolean) => void = () => {};

  /**
   * @param asked who is known to be there.
   * @param rollCallMs for how long others may still say that they are; not above 0 for no time.
   */
  constructor(asked: Iterable<string>, rollCallMs: number) {
    this.#asked = new Set(asked);
    this.isFree = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (rollCallMs > 0) this.#rollCall = setTimeout(rollCallIsOver, rollCallMs, this);
    this.#limit = setTimeout(tooLate, CLAIM_MS, this);
    this.#settleIfAnswered();
  }

  /** Somebody who was there before us has made itself known, and will answer. */
  add(key: string): void {
    this.#asked.add(key);
  }

  /** Somebody does not have the name, or is gone. */
  answered(key: string): void {
    this.#asked.delete(key);
    this.#settleIfAnswered();
  }

  /** Everybody who is there has had time to say so. */
  endRollCall(): void {
    this.#rollCall = undefined;
    this.#settleIfAnswered();
  }

  /** The answer is known. Idempotent. */
  settle(isFree: boolean): void {
    clearTimeout(this.#rollCall);
    clearTimeout(this.#limit);
    this.#resolve(isFree);
  }

  #settleIfAnswered(): void {
    if (this.#rollCall === undefined && this.#asked.size === 0) this.settle(true);
  }
}

function rollCallIsOver(claim: InprocClaim): void {
  claim.endRollCall();
}

function tooLate(claim: InprocClaim): void {
  claim.settle(true);
}
