/** A DEALER that keeps many requests in flight against whatever answers them: what two rows share. */

import type { Library, Measurement } from '../measurement.ts';
import { Role } from '../processes.ts';

/** What the load is. */
export interface Load {
  readonly bytes: number;
  readonly requests: number;
  readonly inFlight: number;
}

/**
 * Puts the load on an endpoint.
 *
 * @param client whose DEALER.
 * @param servers every process that answers, for their CPU time.
 */
export async function measureLoad(
  client: Library,
  endpoint: string,
  load: Load,
  servers: readonly Role[],
): Promise<Measurement> {
  const { bytes, requests, inFlight } = load;
  const dealer = new Role(
    'dealer',
    client,
    endpoint,
    String(bytes),
    String(requests),
    String(inFlight),
  );
  try {
    await dealer.said();
    for (const server of servers) await server.cpu();
    dealer.go();
    const { ms = Number.NaN } = await dealer.said();
    let cpu = await dealer.cpu();
    for (const server of servers) cpu += await server.cpu();
    return { value: requests / (ms / 1000), cpuPerMessage: cpu / requests };
  } finally {
    await dealer.stop();
  }
}
