/** What the gateway of a service measures, as metrics: one way to count for a gateway in this process and for several of their own. */

import type { GatewayProcess } from './gateway-processes.ts';
import type { HttpFront } from './http-front.ts';
import type { MetricSet } from './metrics/metric-set.ts';

const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** Adds what all gateways have counted together; nothing where no HTTP is spoken. */
export function addHttp(set: MetricSet, http: HttpFront | undefined): void {
  const [stats, traffic] = [http?.stats(), http?.traffic()];
  if (stats === undefined || traffic === undefined) return;
  set.add('zscale_client_connections', stats.connections, { protocol: 'http' });
  for (const [i, status] of STATUS_CLASSES.entries()) {
    set.add('zscale_http_requests_total', traffic.byClass[i], { status });
  }
  set.addHistogram('zscale_http_request_duration_seconds', traffic.durations);
  set.add('zscale_http_request_body_bytes_total', traffic.receivedBytes);
  set.add('zscale_http_response_body_bytes_total', traffic.sentBytes);
  set.add('zscale_http_malformed_total', stats.malformed);
  set.add('zscale_http_cut_total', stats.cut);
  set.add('zscale_http_connections_refused_total', stats.refused);
  set.add('zscale_http_greedy_clients_total', stats.greedy);
  set.add('zscale_http_held_bytes', stats.heldBytes);
}

/** Adds what each gateway process has counted, with those that had its place before. */
export function addGatewayCounts(set: MetricSet, gateways: readonly GatewayProcess[]): void {
  for (const { id, stats, byClass } of gateways) {
    const labels = { gateway: String(id) };
    set.add('zscale_gateway_connections', stats.connections, labels);
    set.add('zscale_gateway_connections_refused_total', stats.refused, labels);
    for (const [i, status] of STATUS_CLASSES.entries()) {
      set.add('zscale_gateway_requests_total', byClass[i], { ...labels, status });
    }
  }
}
