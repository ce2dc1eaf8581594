/** `zscale status`, `zscale ps`: a running service, and each of its workers. */
import type { GatewayReport, StatusReport, WorkerReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { formatDuration, formatPart, formatSize, formatTable } from '../tables.ts';

const HEADER = [
  'ID',
  'PID',
  'POOL',
  'STATE',
  'UPTIME',
  'REQUESTS',
  'IN FLIGHT',
  'MEMORY',
  'RESTARTS',
];

const GATEWAY_HEADER = [
  'GATEWAY',
  'PID',
  'STATE',
  'UPTIME',
  'REQUESTS',
  'CLIENTS',
  'BUSY',
  'MEMORY',
  'RESTARTS',
];

/** Asks and prints. */
export async function status(
  { request, json }: Extract<ControlInvocation, { command: 'status' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<StatusReport>(request);
  output.print(json ? JSON.stringify(report) : describe(report));
}

function describe(report: StatusReport): string {
  const { name, kind, pid, state, uptime, endpoints, backends, queued, workers } = report;
  const { gateways } = report;
  const lines = [
    `${name}: ${kind} ${state} for ${formatDuration(uptime)}, pid ${pid}`,
    ...endpoints.map((endpoint) => `  clients   ${endpoint}`),
    ...backends.map((endpoint) => `  back end  ${endpoint}`),
    ...(gateways.length === 0 ? [] : [`  gateways  ${describeGateways(gateways)}`]),
    `  running   ${report.reason}`,
    ...(queued === null ? [] : [`  waiting   ${queued} ${queued === 1 ? 'request' : 'requests'}`]),
  ];
  const tables = [formatTable(HEADER, workers.map(rowOf))];
  if (gateways.length > 0) tables.push(formatTable(GATEWAY_HEADER, gateways.map(gatewayRowOf)));
  return [lines.join('\n'), ...tables].join('\n\n');
}

function describeGateways(gateways: readonly GatewayReport[]): string {
  const ready = gateways.filter(({ state }) => state === 'ready').length;
  const restarts = gateways.reduce((sum, gateway) => sum + gateway.restarts, 0);
  return `${ready} of ${gateways.length} processes ready, ${restarts} restarts`;
}

function gatewayRowOf(gateway: GatewayReport): readonly (string | number | null)[] {
  const { id, pid, state, uptime, requests, connections, utilization, memory, restarts } = gateway;
  const age = state === 'exited' ? '-' : formatDuration(uptime);
  const busy = formatPart(utilization);
  return [id, pid, state, age, requests, connections, busy, formatSize(memory), restarts];
}

/** A worker as a row of the table. */
export function rowOf(worker: WorkerReport): readonly (string | number | null)[] {
  const { id, pid, pool, state, uptime, requests, inFlight, memory, restarts } = worker;
  const age = state === 'exited' ? '-' : formatDuration(uptime);
  return [id, pid, pool, state, age, requests, inFlight, formatSize(memory), restarts];
}
