/** `zscale drain`: replaces one worker of a running service, successor first, and waits until it is gone. */
import type { ChangeReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/**
 * Asks, waits and prints.
 *
 * @throws ZscaleError `ZSCALE_ERR_RELOAD` when the successor does not become ready: the worker serves on
 */
export async function drain(
  { request, json }: Extract<ControlInvocation, { command: 'drain' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<ChangeReport>(request);
  output.print(json ? JSON.stringify(report) : `drained and replaced worker ${request.worker}`);
}
