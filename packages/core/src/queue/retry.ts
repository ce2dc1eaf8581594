/**
 * Whether a request whose worker is lost may be given to another one. Pure.
 *
 * `retries` is the service's word that its requests may be done twice: all of them, or, where its handler says of each whether
 * it is (`idempotent`), those of which it said so. A client's word about a request of its own comes before both.
 */

/** What is known of the request and of the worker that was lost. */
export interface Loss {
  /** How many times the request was given to a worker. */
  readonly attempts: number;
  /** How many times at most it may be given to another one (option `retries`). */
  readonly retries: number;
  /** What its client said; undefined when it said nothing. */
  readonly clientSays: boolean | undefined;
  /** The worker says of each request whether it may be done again. */
  readonly workerJudges: boolean;
  /** The worker said that this one may. */
  readonly workerSays: boolean;
}

/** Whether it goes to another worker; otherwise it is answered ZSCALE_ERR_WORKER_LOST. */
export function mayRetry(loss: Loss): boolean {
  if (loss.attempts > loss.retries) return false;
  if (loss.clientSays !== undefined) return loss.clientSays;
  return !loss.workerJudges || loss.workerSays;
}
