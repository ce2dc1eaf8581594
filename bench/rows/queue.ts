/**
 * The QUEUE with two workers that return what they get, and a client with requests in flight: zscale's service; npm zeromq's Proxy;
 * libzmq's zmq_proxy in C; NATS with a queue group, by its request API and by inboxes made by hand; RabbitMQ with direct reply-to.
 *
 * The client is the same for the first three, our DEALER without promises, and so are the workers of the second and the third, npm
 * zeromq's REPs: what differs is the queue.
 */

import type { Cast } from '../cast.ts';
import { familyOf } from '../cpu.ts';
import { LIBZMQ, OTHER, ZEROMQ, ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Role } from '../role.ts';
import type { Contender, Goal, Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';
import { sizeInName, sizeInTitle } from '../sizes.ts';

const WORKERS = 2;
/** The name of the queue at NATS and at RabbitMQ. */
const SUBJECT = 'bench';

const NOTE =
  'The client of `zscale`, `zeromq` and `libzmq` is the same, our DEALER without promises; the workers of `zeromq` (its Proxy) and `libzmq` (zmq_proxy in C) are the same, two REPs of npm `zeromq`, all without marks: with the default ones their QUEUE drops replies at 512 in flight. NATS has a queue group of two: `request` is its request API, `inboxes` one subscription for all replies with reply subjects made by hand. RabbitMQ has two consumers and direct reply-to, without acknowledgements or anything kept on disk, which is its fastest.';

/** What the client asks. */
interface Load {
  readonly bytes: number;
  readonly inFlight: number;
}

const GOALS: readonly Goal[] = [
  { ours: 'zscale', peer: 'zeromq', atLeast: 3 },
  { ours: 'zscale', peer: 'libzmq', atLeast: 2.5 },
  { ours: 'zscale', peer: 'nats request', atLeast: 5 },
  { ours: 'zscale', peer: 'nats inboxes', atLeast: 1.8 },
  { ours: 'zscale', peer: 'rabbitmq', atLeast: 12 },
];
const LARGE_GOALS: readonly Goal[] = [{ ours: 'zscale', peer: 'zeromq', atLeast: 1 }];

/** One row for each load. */
export const QUEUES: readonly Row[] = [
  queue({ bytes: 10, inFlight: 1 }, []),
  queue({ bytes: 10, inFlight: 64 }, GOALS),
  queue({ bytes: 10, inFlight: 512 }, []),
  queue({ bytes: 64 * 1024, inFlight: 64 }, LARGE_GOALS),
];

function queue(load: Load, goals: readonly Goal[]): Row {
  const { bytes, inFlight } = load;
  return {
    name: `queue-${inFlight}-${sizeInName(bytes)}`,
    group: 'Queue',
    title: `QUEUE, ${WORKERS} workers, ${inFlight} in flight, ${sizeInTitle(bytes)}`,
    unit: 'msg/s',
    better: 'higher',
    goals,
    note: NOTE,
    quick: goals.length > 0,
    contenders: contendersOf(load),
  };
}

function contendersOf(load: Load): readonly Contender[] {
  return [
    contender('zscale', ZSCALE, (cast) => beginService(cast, load)),
    contender('zeromq', ZEROMQ, (cast) => beginProxy(cast, load)),
    contender('libzmq', LIBZMQ, (cast) => beginProxy(cast, load)),
    ...(['request', 'inboxes'] as const).map((mode) =>
      contender(`nats ${mode}`, OTHER, (cast) => beginNats(cast, load, mode), {
        unavailable: ({ nats }) => nats.reason,
      }),
    ),
    contender('rabbitmq', OTHER, (cast) => beginRabbitmq(cast, load), {
      isSlow: true,
      unavailable: ({ rabbitmq }) => rabbitmq.reason,
    }),
  ];
}

async function beginService(cast: Cast, load: Load): Promise<Plan> {
  const service = await cast.startReady('service', { workers: WORKERS });
  const [, pid = 0, ...workers] = familyOf([service.role.pid]);
  const client = await startClient(cast, service.endpoints[0], load);
  return plan(client, [pid], workers);
}

async function beginProxy(cast: Cast, load: Load): Promise<Plan> {
  const proxy = await cast.startReady('device', { kind: 'QUEUE', hwm: 0 });
  const [front, connect] = proxy.endpoints;
  const workers = await startWorkers(() => cast.startReady('reply', { connect, hwm: 0 }, ZEROMQ));
  const client = await startClient(cast, front, load);
  return plan(client, [proxy.role.pid], workers);
}

async function beginNats(cast: Cast, load: Load, mode: 'request' | 'inboxes'): Promise<Plan> {
  const { port, pid } = await cast.stage.nats.start();
  const subject = `${SUBJECT}.${mode}.${load.inFlight}.${load.bytes}`;
  const workers = await startWorkers(() => cast.startReady('nats-worker', { port, subject }));
  const part = { port, subject, mode, bytes: load.bytes, inflight: load.inFlight };
  const client = await cast.startReady('nats-client', part);
  return plan(client.role, [pid], workers);
}

async function beginRabbitmq(cast: Cast, load: Load): Promise<Plan> {
  const { port, pid } = await cast.stage.rabbitmq.start();
  const queue = `${SUBJECT}.${load.inFlight}.${load.bytes}`;
  const workers = await startWorkers(() => cast.startReady('rabbitmq-worker', { port, queue }));
  const part = { port, queue, bytes: load.bytes, inflight: load.inFlight };
  const client = await cast.startReady('rabbitmq-client', part);
  return plan(client.role, familyOf([pid]), workers);
}

/** The client of everything that speaks ZeroMQ. */
async function startClient(cast: Cast, connect: string | undefined, load: Load): Promise<Role> {
  const { bytes, inFlight } = load;
  const part = { connect, bytes, inflight: inFlight, envelope: 1 };
  const { role } = await cast.startReady('dealer', part, ZSCALE_TRY);
  return role;
}

async function startWorkers(start: () => Promise<{ role: Role }>): Promise<readonly number[]> {
  const workers = await Promise.all(Array.from({ length: WORKERS }, start));
  return workers.map(({ role }) => role.pid);
}

function plan(client: Role, middle: readonly number[], receiver: readonly number[]): Plan {
  return { sides: { sender: [client.pid], middle, receiver }, senders: [client], value: 'rate' };
}
