/**
 * How many requests a worker asks for: those it is waiting on plus one, and a few in stock while each takes next to nothing.
 *
 * A handler that computes gets one request at a time, since nothing it was given beside could start anyway and might run on an
 * idle worker. A handler that awaits overlaps, so it gets one more than it waits on. Where a request keeps the worker busy for
 * microseconds, the way to the queue and back would cost more than the work: then so many are held in stock that they amount to
 * a fraction of a millisecond (bench: queue). Busy time is the event loop's own (`performance.eventLoopUtilization`), so what
 * a handler computes after an await counts too.
 *
 * Where requests take milliseconds, and all of them about as long, one more may wait here while the queue has more than enough for everybody:
 * nothing is lost then by its being bound to this worker, and what the way to the queue and back takes is gained. One slow
 * request among quick ones, and there is none: whoever stood behind it could not leave. Nor is there for a handler that waits for others:
 * how long that takes is not known here. Pure: measurements in, a number out.
 */

/** Requests held in stock amount to at most this much work, in ms. */
const STOCK_MS = 0.25;
/** At most so many requests in stock. */
const STOCK_MAX = 256;
/**
 * The cost of a request is a mean over about so many of the last ones: long enough that a pause of the whole process (garbage
 * collection, another process on the CPU) does not pass for work, short enough that one slow request ends the stock at once.
 */
const WINDOW_REQUESTS = 128;
/** Requests are taken for alike while the longest of the window takes no more than so many times what they take on the average. */
const ALIKE = 4;
/** Above so many ms a request, the way to the queue is no matter. */
const SPARE_MAX_MS = 5;
/** A handler waits for others if it did so for more requests of the window than this. */
const MOST_WAITED = 0.5;

/** The appetite of one worker. */
export class Appetite {
  readonly #concurrency: number;
  /** Busy time and number of the requests in the window, older ones counting less and less. */
  #busyMs = 0;
  #requests = 0;
  /** The longest request of the window, in ms, less and less as it gets older. */
  #longest = 0;
  /** How many of the window were waited on, older ones counting less and less. */
  #waited = 0;

  /** @param concurrency the most it may hold. */
  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /**
   * The event loop was busy for `busyMs` since the last measurement, in which `requests` (1 or more) were started; `waiting` of all that
   * were ever started are waited on.
   */
  measure(requests: number, busyMs: number, waiting = 0): void {
    const kept = Math.max(0, 1 - requests / WINDOW_REQUESTS);
    this.#busyMs = this.#busyMs * kept + busyMs;
    this.#requests = this.#requests * kept + requests;
    this.#longest = Math.max(this.#longest * kept, busyMs / requests);
    this.#waited = this.#waited * kept + Math.min(waiting, requests);
  }

  /** How many requests to hold in all, when `waiting` of them are waiting for something else. */
  credit(waiting: number): number {
    const cost = this.#busyMs / this.#requests; // NaN before anything was measured
    const stock = cost > 0 ? Math.min(powerOfTwo(STOCK_MS / cost), STOCK_MAX) : 0;
    return Math.min(waiting + 1 + stock, this.#concurrency);
  }

  /** How many more may wait here, while more wait than there are workers: 0 or 1. */
  get spare(): number {
    const cost = this.#busyMs / this.#requests; // NaN before anything was measured
    const isAlike = this.#requests >= WINDOW_REQUESTS / 2 && this.#longest <= cost * ALIKE;
    return isAlike && cost <= SPARE_MAX_MS && this.#waited < MOST_WAITED ? 1 : 0;
  }
}

/** The largest power of two up to `value`, or 0: a stock in such steps changes seldom, and each change is a message. */
function powerOfTwo(value: number): number {
  return value < 1 ? 0 : 2 ** Math.floor(Math.log2(value));
}
