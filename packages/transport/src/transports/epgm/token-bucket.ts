/**
 * What a sender may send now, by the rate of its endpoint (`ZMQ_RATE`): a bucket of bytes that fills with time.
 *
 *   up to 12 MB/s    it holds what one second brings, as OpenPGM's does
 *   above            what a few milliseconds bring: timers come at whole ones, and late
 *
 * Data waits until it can be paid for. What must not wait (an SPM, an NCF) is owed, and then data waits longer: over any time not
 * more is sent than the rate and one bucket allow.
 */

/** From this many bytes per ms on OpenPGM fills a bucket of a millisecond in place of one of a second. */
const SHORT_BUCKET_MS = 5;
const LONG_BUCKET_MS = 1000;
/** What sums of fractions may be off by. */
const ROUNDING_BYTES = 1e-3;

/** Counts bytes against the clock that is handed in. */
export class TokenBucket {
  readonly #bytesPerMs: number;
  readonly #capacity: number;
  #tokens: number;
  #filledAt: number;

  /**
   * @param rate kbit/s.
   * @param packetBytes the largest packet, with its IP header: a bucket holds at least one.
   */
  constructor(rate: number, packetBytes: number, now: number) {
    this.#bytesPerMs = rate / 8;
    const span = Math.floor(rate / 8) >= packetBytes ? SHORT_BUCKET_MS : LONG_BUCKET_MS;
    this.#capacity = Math.max(this.#bytesPerMs * span, packetBytes);
    this.#tokens = this.#capacity;
    this.#filledAt = now;
  }

  /** The most that can be sent at once, bytes. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Pays for a packet. False: it cannot be paid for yet, and nothing happened. */
  take(bytes: number, now: number): boolean {
    this.#fill(now);
    if (this.#tokens + ROUNDING_BYTES < bytes) return false;
    this.#tokens -= bytes;
    return true;
  }

  /** Pays for a packet that does not wait. */
  owe(bytes: number, now: number): void {
    this.#fill(now);
    this.#tokens -= bytes;
  }

  /** When a packet can be paid for, on the clock of `now`, ms. */
  readyAt(bytes: number, now: number): number {
    this.#fill(now);
    const missing = bytes - this.#tokens;
    return missing <= 0 ? now : now + missing / this.#bytesPerMs;
  }

  /** Bytes that are owed; 0 for none. */
  get debt(): number {
    return Math.max(0, -this.#tokens);
  }

  #fill(now: number): void {
    if (now <= this.#filledAt) return; // a clock that stands still, or was set back
    const brought = (now - this.#filledAt) * this.#bytesPerMs;
    this.#tokens = Math.min(this.#capacity, this.#tokens + brought);
    this.#filledAt = now;
  }
}
