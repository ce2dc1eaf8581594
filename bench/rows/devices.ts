/** FORWARDER and STREAMER between a sender and a receiver, the device in a process of its own. QUEUE is in queue.ts. */

import type { Cast } from '../cast.ts';
import { LIBZMQ, ZEROMQ, ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';
import { untilSubscribed } from './subscribed.ts';

const BYTES = 10;
/** Messages that a FORWARDER may have on its way, whose marks are unlimited as in pub-sub.ts. */
const RUN_MESSAGES = 1_000_000;

/** One row for each. */
export const DEVICES: readonly Row[] = [
  row('FORWARDER', 'PUB, FORWARDER, SUB', beginForwarder),
  row('STREAMER', 'PUSH, STREAMER, PULL', beginStreamer),
];

function row(kind: string, title: string, begin: (cast: Cast) => Promise<Plan>): Row {
  return {
    name: `${kind.toLowerCase()}-10b`,
    group: 'Devices',
    title: `${title}, ${BYTES} B`,
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
}

async function beginForwarder(cast: Cast): Promise<Plan> {
  const device = await cast.startReady('device', { kind: 'FORWARDER', hwm: 0 });
  const [front, back] = device.endpoints;
  const sender = await cast.startReady('pub', {
    type: 'pub',
    connect: front,
    bytes: BYTES,
    hwm: 0,
  });
  const receiver = cast.start('sub', { type: 'sub', connect: back, hwm: 0 });
  await untilSubscribed(sender.role, receiver, 1);
  return {
    sides: {
      sender: [sender.role.pid],
      middle: [device.role.pid],
      receiver: [receiver.pid],
    },
    senders: [sender.role],
    receivers: [receiver],
    value: 'rate',
    most: RUN_MESSAGES,
  };
}

async function beginStreamer(cast: Cast): Promise<Plan> {
  const device = await cast.startReady('device', { kind: 'STREAMER' });
  const [front, back] = device.endpoints;
  const receiver = await cast.startReady('pull', { type: 'pull', connect: back });
  const sender = await cast.startReady('push', { type: 'push', connect: front, bytes: BYTES });
  return {
    sides: {
      sender: [sender.role.pid],
      middle: [device.role.pid],
      receiver: [receiver.role.pid],
    },
    senders: [sender.role],
    receivers: [receiver.role],
    value: 'rate',
  };
}
