/** PUSH/PULL over inproc between two threads of a process. The round trip between threads is in round-trip.ts. */

import type { Cast } from '../cast.ts';
import { LIBZMQ, ZEROMQ, ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';

const BYTES = 10;

export const THREADS: Row = {
  name: 'push-pull-threads-10b',
  group: 'One way',
  title: `PUSH/PULL over inproc between two threads, ${BYTES} B`,
  unit: 'msg/s',
  better: 'higher',
  goals: [],
  quick: false,
  contenders: [
    contender('zscale', ZSCALE, begin),
    contender('zscale try', ZSCALE_TRY, begin),
    contender('zeromq', ZEROMQ, begin),
    contender('libzmq', LIBZMQ, begin),
  ],
};

async function begin(cast: Cast): Promise<Plan> {
  const { role } = await cast.startReady('threads', { what: 'one-way', bytes: BYTES });
  return { sides: { process: [role.pid] }, senders: [role], value: 'rate' };
}
