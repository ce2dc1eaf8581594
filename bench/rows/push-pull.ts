/** PUSH/PULL over tcp, one way as fast as it goes; and the same with CURVE. Every library with its own default marks. */

import { curveKeyPair } from '@zscale/transport';
import type { Cast, Part } from '../cast.ts';
import { LIBZMQ, NET, ZEROMQ, ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Contender, Goal, Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';
import { sizeInName, sizeInTitle } from '../sizes.ts';

const SIZES = [10, 1024, 64 * 1024, 1024 * 1024];
const CURVE_BYTES = 1024;
const GOALS: Readonly<Record<number, readonly Goal[]>> = {
  10: [
    { ours: 'zscale', peer: 'zeromq', atLeast: 6 },
    { ours: 'zscale try', peer: 'zeromq', atLeast: 9 },
    { ours: 'zscale try', peer: 'libzmq', atLeast: 1 },
  ],
  1024: [
    { ours: 'zscale', peer: 'zeromq', atLeast: 4 },
    { ours: 'zscale try', peer: 'libzmq', atLeast: 1 },
  ],
  [64 * 1024]: [
    { ours: 'zscale', peer: 'zeromq', atLeast: 1 },
    { ours: 'zscale try', peer: 'libzmq', atLeast: 0.8 },
  ],
};

/** One row for each size. */
export const PUSH_PULL: readonly Row[] = SIZES.map((bytes) => ({
  name: `push-pull-${sizeInName(bytes)}`,
  group: 'One way',
  title: `PUSH/PULL, ${sizeInTitle(bytes)}`,
  unit: 'msg/s',
  better: 'higher',
  goals: GOALS[bytes] ?? [],
  quick: GOALS[bytes] !== undefined,
  contenders: [...plain(bytes), contender('node:net', NET, (cast) => begin(cast, bytes))],
}));

/** Encrypted, beside the same without. */
export const CURVE: Row = {
  name: 'curve-1k',
  group: 'One way',
  title: `PUSH/PULL with CURVE, ${sizeInTitle(CURVE_BYTES)}`,
  unit: 'msg/s',
  better: 'higher',
  goals: [{ ours: 'zscale', peer: 'zeromq', atLeast: 0.7 }],
  note: '`off` is the same without CURVE, in the same run.',
  quick: true,
  contenders: [
    contender('zscale', ZSCALE, beginCurve),
    contender('zscale try', ZSCALE_TRY, beginCurve),
    contender('zeromq', ZEROMQ, beginCurve),
    contender('libzmq', LIBZMQ, beginCurve, {
      unavailable: ({ libzmq }) =>
        'version' in libzmq && !libzmq.version.includes('curve')
          ? 'its libzmq was built without CURVE'
          : undefined,
    }),
    contender('zscale off', ZSCALE, (cast) => begin(cast, CURVE_BYTES)),
    contender('zeromq off', ZEROMQ, (cast) => begin(cast, CURVE_BYTES)),
  ],
};

function plain(bytes: number): readonly Contender[] {
  const start = (cast: Cast): Promise<Plan> => begin(cast, bytes);
  return [
    contender('zscale', ZSCALE, start),
    contender('zscale try', ZSCALE_TRY, start),
    contender('zeromq', ZEROMQ, start),
    contender('libzmq', LIBZMQ, start),
  ];
}

async function begin(
  cast: Cast,
  bytes: number,
  receiverPart: Part = {},
  senderPart: Part = {},
): Promise<Plan> {
  const receiver = await cast.startReady('pull', {
    type: 'pull',
    bind: 'tcp://127.0.0.1:*',
    ...receiverPart,
  });
  const [connect] = receiver.endpoints;
  const sender = await cast.startReady('push', { type: 'push', connect, bytes, ...senderPart });
  return {
    sides: { sender: [sender.role.pid], receiver: [receiver.role.pid] },
    senders: [sender.role],
    receivers: [receiver.role],
    value: 'rate',
  };
}

function beginCurve(cast: Cast): Promise<Plan> {
  const server = curveKeyPair();
  const client = curveKeyPair();
  return begin(
    cast,
    CURVE_BYTES,
    { secretkey: server.secretKey },
    { serverkey: server.publicKey, publickey: client.publicKey, secretkey: client.secretKey },
  );
}
