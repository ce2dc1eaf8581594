/** REQ/REP round trip: one request at a time. */

import { rmSync } from 'node:fs';
import type { Library, Measurement } from '../measurement.ts';
import { Role } from '../processes.ts';
import type { Row } from './row.ts';

const BYTES = 10;
const ROUND_TRIPS = 10_000;

/** Round trip over tcp on loopback. */
export const latencyTcp: Row = row('latency-tcp', () => 'tcp://127.0.0.1:*');
/** Round trip over a Unix domain socket. */
export const latencyIpc: Row = row(
  'latency-ipc',
  () => `ipc:///tmp/zscale-bench-${process.pid}-${Date.now()}.sock`,
);

function row(name: string, freshEndpoint: () => string): Row {
  return {
    name,
    unit: `us per round trip, ${BYTES} B`,
    goal: 'at most 0.6 (lower is better)',
    measure: (library) => measure(library, freshEndpoint()),
  };
}

async function measure(library: Library, endpoint: string): Promise<Measurement> {
  const server = new Role('reply', library, 'bind', endpoint);
  try {
    const bound = (await server.said()).endpoint ?? endpoint;
    const client = new Role('request', library, bound, String(BYTES), String(ROUND_TRIPS));
    try {
      await client.said();
      await server.cpu();
      client.go();
      const { ms = Number.NaN } = await client.said();
      const cpu = (await client.cpu()) + (await server.cpu());
      return { value: (ms * 1000) / ROUND_TRIPS, cpuPerMessage: cpu / ROUND_TRIPS };
    } finally {
      await client.stop();
    }
  } finally {
    await server.stop();
    if (endpoint.startsWith('ipc://')) rmSync(endpoint.slice('ipc://'.length), { force: true });
  }
}
