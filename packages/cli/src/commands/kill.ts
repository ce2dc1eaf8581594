/** `zscale kill`: sends the process of one worker a signal. */
import type { KillReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/** Asks and prints. */
export async function kill(
  { request, json }: Extract<ControlInvocation, { command: 'kill' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<KillReport>(request);
  const { worker, pid, signal } = report;
  output.print(json ? JSON.stringify(report) : `sent ${signal} to worker ${worker} (pid ${pid})`);
}
