/**
 * Every metric of zscale's own: its name, what it is, and the labels it has. Data; docs/reference/metrics.md says the same at length, and
 * test/system/metrics.test.ts compares both with what a service shows.
 *
 * Names follow Prometheus: base units (seconds, bytes), `_total` for counters.
 */

import type { MetricType } from './metric.ts';

/** One of them. */
export interface CatalogueEntry {
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly help: string;
}

const WORKER: readonly string[] = ['worker', 'pool'];
const GATEWAY: readonly string[] = ['gateway'];

/** See the top of the file. */
export const CATALOGUE: Readonly<Record<string, CatalogueEntry>> = {
  zscale_info: {
    type: 'gauge',
    labels: ['service', 'version', 'kind'],
    help: 'Always 1; says what is running.',
  },

  zscale_requests_received_total: {
    type: 'counter',
    labels: [],
    help: 'Requests that came to the queue.',
  },
  zscale_requests_total: {
    type: 'counter',
    labels: ['outcome', 'worker', 'pool'],
    help: 'Requests that have ended, by how they ended and by the worker that had them.',
  },
  zscale_requests_in_flight: {
    type: 'gauge',
    labels: WORKER,
    help: 'Requests that workers hold.',
  },
  zscale_requests_retried_total: {
    type: 'counter',
    labels: [],
    help: 'Times that a request was given to another worker because its own was lost.',
  },
  zscale_request_wait_seconds: {
    type: 'histogram',
    labels: ['pool'],
    help: 'Time from the arrival of a request until a worker had it.',
  },
  zscale_request_service_seconds: {
    type: 'histogram',
    labels: ['pool'],
    help: 'Time from then until the reply of the worker had come.',
  },
  zscale_queue_requests: {
    type: 'gauge',
    labels: ['pool'],
    help: 'Requests that wait for a worker.',
  },
  zscale_queue_bytes: {
    type: 'gauge',
    labels: ['pool'],
    help: 'Memory of the requests that wait.',
  },
  zscale_queue_oldest_wait_seconds: {
    type: 'gauge',
    labels: ['pool'],
    help: 'How long the request has waited that waits longest; 0 when none does.',
  },
  zscale_queue_kept_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Memory of requests in flight that are kept for another worker (retries).',
  },
  zscale_queue_unfinished_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Memory of requests that have not come whole.',
  },
  zscale_replies_late_total: {
    type: 'counter',
    labels: [],
    help: 'Replies that nobody waited for any more.',
  },
  zscale_replies_undelivered_total: {
    type: 'counter',
    labels: [],
    help: 'Answers whose client was gone.',
  },
  zscale_streams_open: {
    type: 'gauge',
    labels: [],
    help: 'Requests that come or are answered in several messages.',
  },
  zscale_stream_parts_total: {
    type: 'counter',
    labels: [],
    help: 'Messages of streams behind their first.',
  },
  zscale_stream_faults_total: {
    type: 'counter',
    labels: [],
    help: 'Streams that were ended because a side broke their rules.',
  },

  zscale_worker_state: {
    type: 'gauge',
    labels: ['worker', 'pool', 'state'],
    help: '1 for the state that a worker is in, 0 for the others.',
  },
  zscale_worker_start_time_seconds: {
    type: 'gauge',
    labels: WORKER,
    help: 'When the present process of a worker was started, in Unix time.',
  },
  zscale_worker_exits_total: {
    type: 'counter',
    labels: ['worker', 'pool', 'reason'],
    help: 'Processes of workers that have ended, by why.',
  },
  zscale_worker_scrape_failures_total: {
    type: 'counter',
    labels: WORKER,
    help: 'Times that a worker did not say in time how it is; its figures are those of before.',
  },
  zscale_worker_event_loop_active_seconds_total: {
    type: 'counter',
    labels: WORKER,
    help: 'Time that the event loop of a worker worked.',
  },
  zscale_worker_event_loop_idle_seconds_total: {
    type: 'counter',
    labels: WORKER,
    help: 'Time that the event loop of a worker had nothing to do.',
  },
  zscale_worker_event_loop_delay_mean_seconds: {
    type: 'gauge',
    labels: WORKER,
    help: 'How late timers of a worker were since it was asked last, on average.',
  },
  zscale_worker_event_loop_delay_p99_seconds: {
    type: 'gauge',
    labels: WORKER,
    help: 'The same, 99th percentile.',
  },
  zscale_worker_event_loop_delay_max_seconds: {
    type: 'gauge',
    labels: WORKER,
    help: 'The same, at most.',
  },
  zscale_worker_resident_memory_bytes: {
    type: 'gauge',
    labels: WORKER,
    help: 'Resident memory of a worker.',
  },
  zscale_worker_heap_used_bytes: {
    type: 'gauge',
    labels: WORKER,
    help: 'JavaScript heap of a worker that is in use.',
  },
  zscale_worker_heap_size_bytes: {
    type: 'gauge',
    labels: WORKER,
    help: 'JavaScript heap of a worker.',
  },
  zscale_worker_external_memory_bytes: {
    type: 'gauge',
    labels: WORKER,
    help: 'Memory of a worker outside of the heap, such as buffers.',
  },
  zscale_worker_cpu_seconds_total: {
    type: 'counter',
    labels: ['worker', 'pool', 'mode'],
    help: 'Processor time of a worker.',
  },

  zscale_gateway_state: {
    type: 'gauge',
    labels: ['gateway', 'state'],
    help: '1 for the state that a gateway process is in, 0 for the others.',
  },
  zscale_gateway_start_time_seconds: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'When the present process of a gateway was started, in Unix time.',
  },
  zscale_gateway_exits_total: {
    type: 'counter',
    labels: ['gateway', 'reason'],
    help: 'Processes of gateways that have ended, by why.',
  },
  zscale_gateway_scrape_failures_total: {
    type: 'counter',
    labels: GATEWAY,
    help: 'Times that a gateway did not say in time how it is; its figures are those of before.',
  },
  zscale_gateway_connections: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'Connections of clients of HTTP that a gateway has open.',
  },
  zscale_gateway_connections_refused_total: {
    type: 'counter',
    labels: GATEWAY,
    help: 'Connections that a gateway turned away, since it had its share of maxConnections.',
  },
  zscale_gateway_requests_total: {
    type: 'counter',
    labels: ['gateway', 'status'],
    help: 'Requests of HTTP that have ended at a gateway, by the class of their status.',
  },
  zscale_gateway_event_loop_active_seconds_total: {
    type: 'counter',
    labels: GATEWAY,
    help: 'Time that the event loop of a gateway worked.',
  },
  zscale_gateway_event_loop_idle_seconds_total: {
    type: 'counter',
    labels: GATEWAY,
    help: 'Time that the event loop of a gateway had nothing to do.',
  },
  zscale_gateway_event_loop_delay_mean_seconds: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'How late timers of a gateway were since it was asked last, on average.',
  },
  zscale_gateway_event_loop_delay_p99_seconds: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'The same, 99th percentile.',
  },
  zscale_gateway_event_loop_delay_max_seconds: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'The same, at most.',
  },
  zscale_gateway_resident_memory_bytes: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'Resident memory of a gateway.',
  },
  zscale_gateway_heap_used_bytes: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'JavaScript heap of a gateway that is in use.',
  },
  zscale_gateway_heap_size_bytes: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'JavaScript heap of a gateway.',
  },
  zscale_gateway_external_memory_bytes: {
    type: 'gauge',
    labels: GATEWAY,
    help: 'Memory of a gateway outside of the heap, such as buffers.',
  },
  zscale_gateway_cpu_seconds_total: {
    type: 'counter',
    labels: ['gateway', 'mode'],
    help: 'Processor time of a gateway.',
  },

  zscale_supervisor_event_loop_active_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Time that the event loop of the process with queue and gateway worked.',
  },
  zscale_supervisor_event_loop_idle_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Time that it had nothing to do.',
  },
  zscale_supervisor_event_loop_delay_mean_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How late its timers were since the last scrape, on average.',
  },
  zscale_supervisor_event_loop_delay_p99_seconds: {
    type: 'gauge',
    labels: [],
    help: 'The same, 99th percentile.',
  },
  zscale_supervisor_event_loop_delay_max_seconds: {
    type: 'gauge',
    labels: [],
    help: 'The same, at most.',
  },
  zscale_supervisor_resident_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Its resident memory.',
  },
  zscale_supervisor_heap_used_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Its JavaScript heap that is in use.',
  },
  zscale_supervisor_heap_size_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Its JavaScript heap.',
  },
  zscale_supervisor_external_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Its memory outside of the heap, such as buffers.',
  },
  zscale_supervisor_cpu_seconds_total: {
    type: 'counter',
    labels: ['mode'],
    help: 'Its processor time.',
  },

  zscale_client_connections: {
    type: 'gauge',
    labels: ['protocol'],
    help: 'Connections of clients that are open.',
  },
  zscale_slow_clients_total: {
    type: 'counter',
    labels: [],
    help: 'Clients that were disconnected because they left too much unread or unfinished.',
  },
  zscale_connections_accepted_total: {
    type: 'counter',
    labels: ['side'],
    help: 'ZMTP connections that were accepted, of clients and of workers.',
  },
  zscale_received_bytes_total: {
    type: 'counter',
    labels: ['side'],
    help: 'Bytes that came over those connections.',
  },
  zscale_sent_bytes_total: {
    type: 'counter',
    labels: ['side'],
    help: 'Bytes that were written to those connections.',
  },
  zscale_workers_connected: {
    type: 'gauge',
    labels: ['kind'],
    help: 'Workers that are connected to the queue, by whose they are.',
  },
  zscale_machines: {
    type: 'gauge',
    labels: [],
    help: 'Machines that have joined and are there.',
  },

  zscale_http_requests_total: {
    type: 'counter',
    labels: ['status'],
    help: 'Requests of HTTP that have ended, by the class of their status.',
  },
  zscale_http_request_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'Time from the head of a request of HTTP to the end of its answer, without tunnels.',
  },
  zscale_http_request_body_bytes_total: {
    type: 'counter',
    labels: [],
    help: 'Bytes of bodies that clients of HTTP sent.',
  },
  zscale_http_response_body_bytes_total: {
    type: 'counter',
    labels: [],
    help: 'Bytes of bodies that were written to them.',
  },
  zscale_http_malformed_total: {
    type: 'counter',
    labels: [],
    help: 'Requests that were no HTTP, or could be read in two ways.',
  },
  zscale_http_cut_total: {
    type: 'counter',
    labels: [],
    help: 'Answers that had begun and could not be ended.',
  },
  zscale_http_connections_refused_total: {
    type: 'counter',
    labels: [],
    help: 'Connections that were turned away (maxConnections).',
  },
  zscale_http_greedy_clients_total: {
    type: 'counter',
    labels: [],
    help: 'Connections of HTTP that were ended because they had most of what is held.',
  },
  zscale_http_held_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Memory of answers that are not taken, and of bodies that are not whole.',
  },

  zscale_application_reports_refused_total: {
    type: 'counter',
    labels: WORKER,
    help: 'Times that the metrics of an application could not be had, or not all of them; the log says why.',
  },
};
