/** What a queue tells of itself: counters since the start, and what is going on now. */

/** A worker, as `stats()` shows it. */
export interface WorkerStats {
  /** Its number within the service; undefined for one that is not ours. */
  readonly id: number | undefined;
  /** Requests it holds. */
  readonly inFlight: number;
  /** Requests it may hold now. */
  readonly credit: number;
  /** Requests given to it since it connected. */
  readonly requests: number;
  /** Whether it is zscale's own kind of worker. */
  readonly zscale: boolean;
  readonly address: string;
  /** The machine that it has joined from (`zscale join`); undefined for all others. */
  readonly machine: string | undefined;
}

/** Counters since the start, and what is going on now. */
export interface QueueStats {
  /** Requests that came. */
  readonly requests: number;
  /** Requests answered by a worker, its error replies included. */
  readonly replies: number;
  /** Error replies by code: the queue's own, and `handler` for those a zscale worker marked. */
  readonly errors: Readonly<Record<string, number>>;
  /** Replies that nobody waited for: late, duplicate or forged tickets. */
  readonly lateReplies: number;
  /** Answers whose client was gone or did not read. */
  readonly undelivered: number;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly inFlight: number;
  readonly workers: readonly WorkerStats[];
}
