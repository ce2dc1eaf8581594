/** REQ/REP, one request at a time: over tcp, over ipc, inside of one thread and between two threads of a process. */

import type { Cast, Player } from '../cast.ts';
import { LIBZMQ, NET, ZEROMQ, ZSCALE } from '../players.ts';
import type { Contender, Goal, Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';
import { sizeInName, sizeInTitle } from '../sizes.ts';

type Way = 'tcp' | 'ipc' | 'inproc' | 'threads';

const TITLES: Readonly<Record<Way, string>> = {
  tcp: 'REQ/REP over tcp',
  ipc: 'REQ/REP over ipc',
  inproc: 'REQ/REP over inproc in one thread',
  threads: 'REQ/REP over inproc between two threads',
};
const SIZES = [10, 1024, 64 * 1024];
/** Those with goals, and so the ones of --quick. */
const GOAL_BYTES = 10;
const GOALS: Readonly<Record<Way, readonly Goal[]>> = {
  tcp: [
    { ours: 'zscale', peer: 'zeromq', atMost: 0.4 },
    { ours: 'zscale', peer: 'libzmq', atMost: 0.45 },
  ],
  ipc: [
    { ours: 'zscale', peer: 'zeromq', atMost: 0.4 },
    { ours: 'zscale', peer: 'libzmq', atMost: 0.45 },
  ],
  inproc: [],
  threads: [{ ours: 'zscale', peer: 'zeromq', atMost: 0.2 }], // five times its rate
};

const THREADS_NOTE =
  'Between two threads means `worker_threads` in Node, whose sockets of one library share a context, also those of npm `zeromq`; in C, pthreads.';

/** One row for each way and size. */
export const ROUND_TRIPS: readonly Row[] = (['tcp', 'ipc', 'inproc', 'threads'] as const).flatMap(
  (way) => SIZES.map((bytes) => roundTrip(way, bytes)),
);

function roundTrip(way: Way, bytes: number): Row {
  const goals = bytes === GOAL_BYTES ? GOALS[way] : [];
  return {
    name: `round-trip-${way}-${sizeInName(bytes)}`,
    group: 'Round trip',
    title: `${TITLES[way]}, ${sizeInTitle(bytes)}`,
    unit: 'µs',
    better: 'lower',
    goals,
    ...(way === 'threads' ? { note: THREADS_NOTE } : {}),
    quick: goals.length > 0,
    contenders: contendersOf(way, bytes),
  };
}

function contendersOf(way: Way, bytes: number): readonly Contender[] {
  const isBetweenProcesses = way === 'tcp' || way === 'ipc';
  const begin = isBetweenProcesses
    ? (cast: Cast) => betweenProcesses(cast, way, bytes)
    : (cast: Cast) => inOneProcess(cast, way, bytes);
  const players: readonly (readonly [string, Player])[] = [
    ['zscale', ZSCALE],
    ['zeromq', ZEROMQ],
    ['libzmq', LIBZMQ],
    ...(isBetweenProcesses ? ([['node:net', NET]] as const) : []),
  ];
  return players.map(([name, player]) => contender(name, player, begin));
}

async function betweenProcesses(cast: Cast, way: 'tcp' | 'ipc', bytes: number): Promise<Plan> {
  const bind = way === 'tcp' ? 'tcp://127.0.0.1:*' : cast.stage.ipcEndpoint();
  const server = await cast.startReady('reply', { bind });
  const [connect] = server.endpoints;
  const client = await cast.startReady('request', { connect, bytes, inflight: 1 });
  return {
    sides: { sender: [client.role.pid], receiver: [server.role.pid] },
    senders: [client.role],
    value: 'time',
  };
}

async function inOneProcess(cast: Cast, way: 'inproc' | 'threads', bytes: number): Promise<Plan> {
  const { role } = await cast.startReady(way, { bytes, what: 'round-trip' });
  return { sides: { process: [role.pid] }, senders: [role], value: 'time' };
}
