/** `zscale stop`: ends a running service in order, and waits until it is gone. */
import type { ChangeReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/** Asks, waits and prints. */
export async function stop(
  { request, json }: Extract<ControlInvocation, { command: 'stop' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  await client.ask<ChangeReport>(request);
  await client.ended();
  output.print(json ? JSON.stringify({ stopped: true }) : 'stopped');
}
