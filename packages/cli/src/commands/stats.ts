/** `zscale stats`: the counters of a running service. */
import type { StatsReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { formatDuration, formatRows, formatSize } from '../tables.ts';

/** Asks and prints. */
export async function stats(
  { request, json }: Extract<ControlInvocation, { command: 'stats' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<StatsReport>(request);
  output.print(json ? JSON.stringify(report) : describe(report));
}

function describe({ errors, queuedBytes, longestWait, ...counts }: StatsReport): string {
  return formatRows([
    ['requests', count(counts.requests)],
    ['replies', count(counts.replies)],
    ...Object.entries(errors ?? {}).map(([code, n]): [string, string] => [`  ${code}`, count(n)]),
    ['in flight', count(counts.inFlight)],
    ['waiting', `${count(counts.queued)}  (${formatSize(queuedBytes)})`],
    ['longest wait', formatDuration(longestWait)],
    ['cancelled', count(counts.cancelled)],
    ['retried', count(counts.retried)],
    ['late replies', count(counts.lateReplies)],
    ['undelivered', count(counts.undelivered)],
    ['slow clients', count(counts.slowClients)],
    ['restarts', count(counts.restarts)],
    ['recycled', count(counts.recycled)],
    ['hangs', count(counts.hangs)],
  ]);
}

function count(n: number | null): string {
  return n === null ? '-' : String(n);
}
