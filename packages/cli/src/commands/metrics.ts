/** `zscale metrics`: all that a running service measures, in the text format of Prometheus. */
import type { MetricsReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/** Asks and prints. */
export async function metrics(
  { request, json }: Extract<ControlInvocation, { command: 'metrics' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<MetricsReport>(request);
  output.print(json ? JSON.stringify(report) : report.text);
}
