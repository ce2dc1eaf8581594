/**
 * The QUEUE with two workers and 64 requests in flight: zscale's service against npm zeromq's Proxy with two REP workers. The
 * client is the same for both (our DEALER), so that only the queue and its workers differ. The CPU time is that of client and
 * queue, without the workers.
 */

import type { Measurement } from '../measurement.ts';
import { Role } from '../processes.ts';
import { type Load, measureLoad } from './load.ts';
import type { Row } from './row.ts';

const LOAD: Load = { bytes: 10, requests: 150_000, inFlight: 64 };

export const queue: Row = {
  name: 'queue',
  unit: `requests/s, ${LOAD.bytes} B, 2 workers, ${LOAD.inFlight} in flight`,
  goal: 'at least 2 (higher is better)',
  measure: (library) => (library === 'zscale' ? measureService() : measureProxy()),
};

async function measureService(): Promise<Measurement> {
  const service = new Role('service', 'zscale');
  try {
    const { endpoint = '' } = await service.said();
    return await measureLoad('zscale', endpoint, LOAD, [service]);
  } finally {
    await service.stop();
  }
}

async function measureProxy(): Promise<Measurement> {
  const roles: Role[] = [new Role('proxy', 'zeromq')];
  try {
    const [proxy] = roles;
    const [front = '', back = ''] = ((await proxy?.said())?.endpoint ?? '').split(' ');
    for (let i = 0; i < 2; i++) {
      const worker = new Role('reply', 'zeromq', 'connect', back);
      roles.push(worker);
      await worker.said();
    }
    return await measureLoad('zscale', front, LOAD, roles.slice(0, 1));
  } finally {
    for (const role of roles) await role.stop();
  }
}
