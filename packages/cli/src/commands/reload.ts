/** `zscale reload`: replaces every worker of a running service, and waits until that is done. */
import type { ChangeReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/**
 * Asks, waits and prints.
 *
 * @throws ZscaleError `ZSCALE_ERR_RELOAD` when a new worker does not become ready: the old ones serve on
 */
export async function reload(
  { request, json }: Extract<ControlInvocation, { command: 'reload' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<ChangeReport>(request);
  const { workers } = report;
  output.print(
    json ? JSON.stringify(report) : `reloaded ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
  );
}
