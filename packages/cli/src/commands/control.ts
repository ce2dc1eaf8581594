/**
 * The commands for a supervisor that runs: finds it, has the one command carried out, and lets go of it.
 */
import { ControlClient } from '../control-client.ts';
import { EXIT_CODES } from '../failure.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { drain } from './drain.ts';
import { follow } from './follow.ts';
import { inspect } from './inspect.ts';
import { kill } from './kill.ts';
import { machines } from './machines.ts';
import { metrics } from './metrics.ts';
import { reload } from './reload.ts';
import { scaleWorkers } from './scale.ts';
import { stats } from './stats.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';

/**
 * Carries a command out. Resolves with the exit code.
 *
 * @throws what `ControlClient` throws: NotRunningError, UsageError, and ZscaleError with the supervisor's code
 */
export async function control(invocation: ControlInvocation, output: Output): Promise<number> {
  const client = await ControlClient.find(invocation);
  try {
    await carryOut(invocation, client, output);
    return EXIT_CODES.ok;
  } finally {
    client.close();
  }
}

function carryOut(
  invocation: ControlInvocation,
  client: ControlClient,
  output: Output,
): Promise<void> {
  switch (invocation.command) {
    case 'status':
      return status(invocation, client, output);
    case 'stats':
      return stats(invocation, client, output);
    case 'metrics':
      return metrics(invocation, client, output);
    case 'machines':
      return machines(invocation, client, output);
    case 'inspect':
      return inspect(invocation, client, output);
    case 'reload':
      return reload(invocation, client, output);
    case 'scale':
      return scaleWorkers(invocation, client, output);
    case 'drain':
      return drain(invocation, client, output);
    case 'kill':
      return kill(invocation, client, output);
    case 'stop':
      return stop(invocation, client, output);
    case 'events':
    case 'logs':
      return follow(invocation, client, output);
  }
}
