/** DEALER and ROUTER with 100 requests in flight. */

import type { Library, Measurement } from '../measurement.ts';
import { Role } from '../processes.ts';
import { type Load, measureLoad } from './load.ts';
import type { Row } from './row.ts';

const LOAD: Load = { bytes: 10, requests: 100_000, inFlight: 100 };

export const pipelined: Row = {
  name: 'pipelined',
  unit: `requests/s, ${LOAD.bytes} B, ${LOAD.inFlight} in flight`,
  goal: 'higher is better',
  async measure(library: Library): Promise<Measurement> {
    const router = new Role('router', library, 'tcp://127.0.0.1:*');
    try {
      const { endpoint = '' } = await router.said();
      return await measureLoad(library, endpoint, LOAD, [router]);
    } finally {
      await router.stop();
    }
  },
};
