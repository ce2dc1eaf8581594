/** What the queue of a service measures, as metrics: requests, what they waited and took, connections and bytes. */

import type { MetricSet } from './metrics/metric-set.ts';
import { labelOf } from './queue/outcomes.ts';
import type { QueueStats } from './queue/queue-stats.ts';
import type { WorkerQueue } from './queue/worker-queue.ts';

const MS_PER_S = 1000;
/** What the pool without a name is called. */
export const DEFAULT_POOL = 'default';
/** What requests of a worker may end as, and those that no worker had; there from the beginning. */
const WORKER_OUTCOMES = ['handler', 'cancelled', 'ZSCALE_ERR_TIMEOUT', 'ZSCALE_ERR_WORKER_LOST'];
const OTHER_OUTCOMES = [
  'cancelled',
  'ZSCALE_ERR_BUSY',
  'ZSCALE_ERR_QUEUE_WAIT',
  'ZSCALE_ERR_TIMEOUT',
];

/** Adds all that a queue knows. @param own the ids of the service's workers, with the name of their pool */
export function addQueue(
  set: MetricSet,
  queue: WorkerQueue,
  own: ReadonlyMap<string, string>,
): void {
  const stats = queue.stats();
  set.add('zscale_requests_received_total', stats.requests);
  addOutcomes(set, queue, stats);
  addInFlight(set, stats, own);
  set.add('zscale_requests_retried_total', stats.retried);
  for (const times of queue.times()) {
    const labels = { pool: times.pool ?? DEFAULT_POOL };
    set.addHistogram('zscale_request_wait_seconds', times.waits, labels);
    set.addHistogram('zscale_request_service_seconds', times.services, labels);
    set.add('zscale_queue_requests', times.queued, labels);
    set.add('zscale_queue_bytes', times.queuedBytes, labels);
    set.add('zscale_queue_oldest_wait_seconds', times.longestWait / MS_PER_S, labels);
  }
  set.add('zscale_queue_kept_bytes', stats.keptBytes);
  set.add('zscale_queue_unfinished_bytes', stats.unfinishedBytes);
  set.add('zscale_replies_late_total', stats.lateReplies);
  set.add('zscale_replies_undelivered_total', stats.undelivered);
  set.add('zscale_streams_open', stats.streams);
  set.add('zscale_stream_parts_total', stats.streamParts);
  set.add('zscale_stream_faults_total', stats.streamFaults);
  set.add('zscale_slow_clients_total', stats.slowClients);
  addConnections(set, queue, stats);
}

/** What no worker had a part in has neither of their labels. */
function addOutcomes(set: MetricSet, queue: WorkerQueue, stats: QueueStats): void {
  const all = Object.entries({ ...stats.errors, cancelled: stats.cancelled });
  const rest = new Map([...OTHER_OUTCOMES.map(none), ...all]);
  for (const { worker, pool = DEFAULT_POOL, ok, others } of queue.outcomes()) {
    set.add('zscale_requests_total', ok, { outcome: 'ok', worker, pool });
    for (const [code, count] of new Map([...WORKER_OUTCOMES.map(none), ...others])) {
      set.add('zscale_requests_total', count, { outcome: outcomeOf(code), worker, pool });
      rest.set(code, (rest.get(code) ?? 0) - count);
    }
  }
  for (const [code, count] of rest) {
    if (count === 0 && !OTHER_OUTCOMES.includes(code)) continue;
    set.add('zscale_requests_total', count, { outcome: outcomeOf(code) });
  }
}

function none(code: string): readonly [string, number] {
  return [code, 0];
}

/** A code of errors.md as a label: `ZSCALE_ERR_QUEUE_WAIT` is `queue_wait`. */
function outcomeOf(code: string): string {
  if (code === 'handler') return 'error';
  if (code === 'EMSGSIZE') return 'too_large';
  if (code === 'ENOTSUP') return 'not_supported';
  return code.replace(/^ZSCALE_ERR_/, '').toLowerCase();
}

function addInFlight(set: MetricSet, stats: QueueStats, own: ReadonlyMap<string, string>): void {
  const held = new Map([...own].map(([worker, pool]) => [worker, { pool, count: 0 }]));
  for (const peer of stats.workers) {
    const { pool = DEFAULT_POOL, inFlight } = peer;
    const before = held.get(labelOf(peer))?.count ?? 0;
    held.set(labelOf(peer), { pool, count: before + inFlight });
  }
  for (const [worker, { pool, count }] of held) {
    set.add('zscale_requests_in_flight', count, { worker, pool });
  }
}

function addConnections(set: MetricSet, queue: WorkerQueue, { workers }: QueueStats): void {
  const { front, back, machines } = queue.traffic();
  set.add('zscale_client_connections', front.connections, { protocol: 'zmtp' });
  for (const [side, traffic] of Object.entries({ clients: front, workers: back })) {
    set.add('zscale_connections_accepted_total', traffic.accepted, { side });
    set.add('zscale_received_bytes_total', traffic.receivedBytes, { side });
    set.add('zscale_sent_bytes_total', traffic.sentBytes, { side });
  }
  const kinds = { own: 0, joined: 0, plain: 0 };
  for (const { id, machine } of workers) {
    if (id !== undefined) kinds.own += 1;
    else if (machine !== undefined) kinds.joined += 1;
    else kinds.plain += 1;
  }
  for (const [kind, n] of Object.entries(kinds)) set.add('zscale_workers_connected', n, { kind });
  set.add('zscale_machines', machines);
}
