/** DEALER and ROUTER with 100 requests in flight. */

import type { Cast } from '../cast.ts';
import { LIBZMQ, NET, ZEROMQ, ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';

const BYTES = 10;
const IN_FLIGHT = 100;

export const PIPELINED: Row = {
  name: 'pipelined-10b',
  group: 'Many requests at a time',
  title: `DEALER/ROUTER, ${IN_FLIGHT} in flight, ${BYTES} B`,
  unit: 'msg/s',
  better: 'higher',
  goals: [],
  quick: false,
  contenders: [
    contender('zscale', ZSCALE, begin),
    contender('zscale try', ZSCALE_TRY, begin),
    contender('zeromq', ZEROMQ, begin),
    contender('libzmq', LIBZMQ, begin),
    contender('node:net', NET, begin),
  ],
};

async function begin(cast: Cast): Promise<Plan> {
  const server = await cast.startReady('router', { bind: 'tcp://127.0.0.1:*' });
  const [connect] = server.endpoints;
  const client = await cast.startReady('dealer', { connect, bytes: BYTES, inflight: IN_FLIGHT });
  return {
    sides: { sender: [client.role.pid], receiver: [server.role.pid] },
    senders: [client.role],
    value: 'rate',
  };
}
