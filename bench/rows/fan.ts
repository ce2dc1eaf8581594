/** Out to many and back: a PUSH deals to eight PULLs in another process, each of which pushes what it gets to one PULL. */

import type { Cast } from '../cast.ts';
import { LIBZMQ, ZEROMQ, ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';

const BYTES = 10;
const SOCKETS = 8;

export const FAN: Row = {
  name: 'fan-10b',
  group: 'One way',
  title: `PUSH to ${SOCKETS} PULLs and back, ${BYTES} B`,
  unit: 'msg/s',
  better: 'higher',
  goals: [],
  note: 'To many and back: the PULLs, each with a PUSH of its own, are in one process; the time is that from the first send to the last message that is back.',
  quick: false,
  contenders: [
    contender('zscale', ZSCALE, begin),
    contender('zscale try', ZSCALE_TRY, begin),
    contender('zeromq', ZEROMQ, begin),
    contender('libzmq', LIBZMQ, begin),
  ],
};

async function begin(cast: Cast): Promise<Plan> {
  const ventilator = await cast.startReady('ventilator', { bytes: BYTES });
  const [connect, back] = ventilator.endpoints;
  const returners = await cast.startReady('returners', { connect, back, sockets: SOCKETS });
  return {
    sides: { sender: [ventilator.role.pid], receiver: [returners.role.pid] },
    senders: [ventilator.role],
    value: 'rate',
  };
}
