/** What a queue tells of itself: counters since the start, and what is going on now. */

import type { TrafficStats } from '@zscale/transport';
import type { HistogramSnapshot } from '../metrics/histogram.ts';

/** A worker, as `stats()` shows it. */
export interface WorkerStats {
  /** Its number within the service; undefined for one that is not ours. */
  readonly id: number | undefined;
  /** Which process with that id; undefined for one that is not ours. */
  readonly generation: number | undefined;
  /** The pool it is in; undefined for the default one. */
  readonly pool: string | undefined;
  /** Requests it holds, those among them whose streamed reply has begun, which count toward no limit. */
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

/** What requests of a pool waited and took. Durations are ms. */
export interface PoolTimes {
  /** Undefined for the default pool. */
  readonly pool: string | undefined;
  /** Requests that wait, and what they take up. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** For how long the one has waited that waits longest; 0 when none does. */
  readonly longestWait: number;
  /** From their arrival until a worker had them, of all that were given to one. */
  readonly waits: HistogramSnapshot;
  /** From then until the worker's reply had come, of all that were answered by a worker; streamed ones until their last part. */
  readonly services: HistogramSnapshot;
}

/** Connections at both sides of a queue. */
export interface QueueTraffic {
  readonly front: TrafficStats;
  readonly back: TrafficStats;
  /** Machines that have joined and are present. */
  readonly machines: number;
}

/** Requests that a worker has, those included that were answered in its place meanwhile. */
export interface HeldRequests {
  readonly count: number;
  /** Milliseconds since the oldest of them came; 0 when there is none. */
  readonly oldest: number;
  /** The first ten of them, by the `requestId` that their handlers have. */
  readonly names: readonly string[];
  /** Those of them that another worker was lost with before (`retries`). */
  readonly again: number;
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
  /** Answers whose client was gone. */
  readonly undelivered: number;
  /** Requests that nobody waited for any more before they were answered: their client went, or took them back. */
  readonly cancelled: number;
  /** How many times a request was given to another worker because its own was lost (`retries`). */
  readonly retried: number;
  /** Clients that were disconnected because they left too much unread (`maxUnsentBytes`). */
  readonly slowClients: number;
  /** What is kept of requests that have not come whole, in bytes; bounded as those that wait are (`maxQueueBytes`). */
  readonly unfinishedBytes: number;
  readonly queued: number;
  readonly queuedBytes: number;
  /** For how long the request has waited that waits longest, in ms; 0 when none does. */
  readonly longestWait: number;
  /** What requests in flight take up that are kept to be given to another worker (`retries`). */
  readonly keptBytes: number;
  readonly inFlight: number;
  /** Requests that come or are answered in several messages, and are not over. */
  readonly streams: number;
  /** Messages behind the first of a request or a reply that were passed on. */
  readonly streamParts: number;
  /** Messages of streams that nobody waited for any more. */
  readonly lateParts: number;
  /** Streamed requests that were ended because a side broke their rules, and parts from clients that may send none. */
  readonly streamFaults: number;
  readonly workers: readonly WorkerStats[];
}
