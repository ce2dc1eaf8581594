/** `zscale scale`: changes how many workers a running service has, and waits until that is done. */
import type { ChangeReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/** Asks, waits and prints. */
export async function scaleWorkers(
  { request, json }: Extract<ControlInvocation, { command: 'scale' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<ChangeReport>(request);
  output.print(json ? JSON.stringify(report) : report.reason);
}
