/**
 * PUB/SUB over tcp: 1, 8 and 64 subscribers in one process, a connection each. What is counted is what arrives.
 *
 * With more than one subscriber there are two topics, in turn; each subscriber wants one of them, so that the publisher sends each
 * message to half of them and filters it for the others. Marks are unlimited for all, since PUB drops at its mark; what is on its
 * way stays in bounds by sending in runs.
 */

import type { Cast } from '../cast.ts';
import { LIBZMQ, ZEROMQ, ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Goal, Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';
import { sizeInName, sizeInTitle } from '../sizes.ts';
import { untilSubscribed } from './subscribed.ts';

const SIZES = [10, 1024, 64 * 1024, 1024 * 1024];
const SUBSCRIBERS = [1, 8, 64];
/** Bytes that a run may have on its way, at most, of all subscribers together. */
const RUN_BYTES = 256 * 1024 * 1024;
/** What a queued message takes beside its body, about. */
const MESSAGE_OVERHEAD_BYTES = 64;
const GOALS: readonly Goal[] = [
  { ours: 'zscale', peer: 'zeromq', atLeast: 6 },
  { ours: 'zscale try', peer: 'zeromq', atLeast: 9 },
  { ours: 'zscale try', peer: 'libzmq', atLeast: 1 },
];
const GOAL_BYTES = 10;
const NOTE =
  'What is counted is what arrives. With 8 or 64 subscribers, which are connections of one process, there are two topics in turn, and each subscriber wants one of them: a message goes to half of them. High-water marks are unlimited for all, and nothing is lost.';

/** One row for each number of subscribers and each size. */
export const PUB_SUB: readonly Row[] = SUBSCRIBERS.flatMap((subscribers) =>
  SIZES.map((bytes) => pubSub(subscribers, bytes)),
);

function pubSub(subscribers: number, bytes: number): Row {
  const hasGoals = subscribers === 1 && bytes === GOAL_BYTES;
  const begin = (cast: Cast): Promise<Plan> => start(cast, subscribers, bytes);
  const to = subscribers === 1 ? '1 subscriber' : `${subscribers} subscribers`;
  return {
    name: `pub-sub-${subscribers}-${sizeInName(bytes)}`,
    group: 'Publish and subscribe',
    title: `PUB to ${to}, ${sizeInTitle(bytes)}`,
    unit: 'msg/s',
    better: 'higher',
    goals: hasGoals ? GOALS : [],
    note: NOTE,
    quick: hasGoals,
    contenders: [
      contender('zscale', ZSCALE, begin),
      contender('zscale try', ZSCALE_TRY, begin),
      contender('zeromq', ZEROMQ, begin),
      contender('libzmq', LIBZMQ, begin),
    ],
  };
}

async function start(cast: Cast, subscribers: number, bytes: number): Promise<Plan> {
  const topics = Math.min(subscribers, 2);
  const copies = subscribers / topics;
  const sender = await cast.startReady('pub', {
    type: 'pub',
    bind: 'tcp://127.0.0.1:*',
    bytes,
    topics,
    hwm: 0,
  });
  const [connect] = sender.endpoints;
  const receiver = cast.start('sub', {
    type: 'sub',
    connect,
    sockets: subscribers,
    topics,
    hwm: 0,
  });
  await untilSubscribed(sender.role, receiver, topics);
  return {
    sides: { sender: [sender.role.pid], receiver: [receiver.pid] },
    senders: [sender.role],
    receivers: [receiver],
    value: 'rate',
    step: topics,
    most: RUN_BYTES / (copies * (bytes + MESSAGE_OVERHEAD_BYTES)),
    copies,
  };
}
