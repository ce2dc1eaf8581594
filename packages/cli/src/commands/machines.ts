/** `zscale machines`: who works for a service from elsewhere; of a joined machine, the back ends it works for. */
import type { MachinesReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { formatTable } from '../tables.ts';

/** Asks and prints. */
export async function machines(
  { request, json }: Extract<ControlInvocation, { command: 'machines' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const report = await client.ask<MachinesReport>(request);
  output.print(json ? JSON.stringify(report) : describe(report));
}

function describe(report: MachinesReport): string {
  if (report.machines.length === 0) return 'no other machine';
  return formatTable(
    ['ADDRESS', 'WORKERS', 'IN FLIGHT', 'REQUESTS', 'MACHINE'],
    report.machines.map(({ address, workers, inFlight, requests, machine }) => [
      address,
      workers,
      inFlight,
      requests,
      machine,
    ]),
  );
}
