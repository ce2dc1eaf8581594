/**
 * `zscale inject`: sends one request through a service that runs on this machine, by its front end as any client, and prints the reply.
 *
 * The service is asked where it listens and which codec it has; the rest is `zscale call`.
 */
import type { StatusReport } from '@zscale/core';
import { ControlClient } from '../control-client.ts';
import { UsageError } from '../failure.ts';
import type { InjectInvocation } from '../invocation.ts';
import { describeFetch, fromThisMachine, isForHttp, type Output } from '../output.ts';
import { call } from './call.ts';

/**
 * Sends the request, prints the reply, resolves with the exit code.
 *
 * @throws what `ControlClient.find()` and `call()` throw; UsageError for a service that speaks HTTP alone, and for a machine that
 * joined, which has no front end
 */
export async function inject(invocation: InjectInvocation, output: Output): Promise<number> {
  const { name, endpoints, codec } = await statusOf(invocation);
  const endpoint = endpoints.find((one) => !isForHttp(one));
  if (endpoint === undefined) {
    const [forHttp] = endpoints;
    if (forHttp !== undefined) {
      throw new UsageError(
        `${name} speaks HTTP alone, and inject sends messages of ZeroMQ. Ask it with: ${describeFetch(forHttp, '')}`,
      );
    }
    throw new UsageError(
      `${name} has no front end: it has joined services elsewhere, or is still starting. Inject there, or use zscale call.`,
    );
  }
  const { value, timeout, rawOutput, curve } = invocation;
  return call(
    {
      command: 'call',
      endpoint: fromThisMachine(endpoint),
      ...{ codec, value, timeout, rawOutput },
      ...(curve !== undefined && { curve }),
    },
    output,
  );
}

async function statusOf(invocation: InjectInvocation): Promise<StatusReport> {
  const client = await ControlClient.find(invocation);
  try {
    return await client.ask<StatusReport>({ verb: 'status' });
  } finally {
    client.close();
  }
}
