/** `zscale inspect`: one worker: what it holds, how it died last, and the configuration in effect. */
import type { InspectReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { formatDuration, formatRows, formatSize } from '../tables.ts';

/** Asks and prints. */
export async function inspect(
  { request, json }: Extract<ControlInvocation, { command: 'inspect' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<InspectReport>(request);
  output.print(json ? JSON.stringify(report) : describe(report));
}

function describe({ worker, configuration, requests, lastDeath }: InspectReport): string {
  const { id, pid, state, uptime, memory, restarts } = worker;
  const held = requests?.map((one) => `  ${one.id}  ${formatDuration(one.age)}`) ?? [];
  const death =
    lastDeath === null
      ? ['never']
      : [
          `${lastDeath.time}, after ${formatDuration(lastDeath.uptime)}, pid ${lastDeath.pid}`,
          `  ${lastDeath.why ?? 'for an unknown reason'}`,
          `  held ${lastDeath.held} requests: ${lastDeath.requests.join(', ') || 'none'}`,
          ...(lastDeath.stack === null ? [] : [lastDeath.stack]),
        ];
  const settings = Object.entries(configuration).map(([name, value]): [string, string] => [
    `  ${name}`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return [
    `worker ${id}: ${state} for ${formatDuration(uptime)}, pid ${pid ?? '-'}, ${formatSize(memory)}, ${restarts} restarts`,
    '',
    `requests in progress: ${requests === null ? 'known to the queues only' : requests.length}`,
    ...held,
    '',
    `last death: ${death.join('\n')}`,
    '',
    'configuration (null: no limit, or not set)',
    formatRows(settings),
  ].join('\n');
}
