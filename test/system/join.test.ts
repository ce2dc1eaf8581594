/*
 * What join() promises: a machine's workers serve beside those of the service itself, and whatever becomes of the machine, the
 * front end or what is between them, each request is answered. Here both are on one machine; test/system/hosts.test.ts puts them
 * on two.
 */
import { writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import path from 'node:path';
import {
  connect,
  type JoinOptions,
  join,
  type Machine,
  type ScaleOptions,
  type Server,
  scale,
} from '@zscale/core';
import { device, Reply, Request } from '@zscale/transport';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fixture, isAlive, Program, startZscale, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp, netAddress } from '../support/endpoints.ts';
import { freshFolder, gone, logOf, serving, startProgram } from '../support/programs.ts';
import { Relay } from '../support/relay.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { until } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);
const TCP = 'tcp://127.0.0.1:*';
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

/** A service with one worker of its own and a back end for others. */
async function serve(options: ScaleOptions = {}): Promise<Server> {
  const defaults = { workers: 1, bind: TCP, backend: TCP, logger: quiet, signals: false };
  return closing(await scale(ACTS, { ...defaults, ...options }));
}

/** A machine with two workers. */
async function joined(
  connectTo: JoinOptions['connect'],
  options: Partial<JoinOptions> = {},
): Promise<Machine> {
  const defaults = { connect: connectTo, workers: 2, logger: quiet, signals: false };
  return closing(await join(ACTS, { ...defaults, ...options }));
}

const backOf = (server: Server): string => server.backendEndpoints[0] ?? '';
const frontOf = (server: Server): string => server.endpoints[0] ?? '';
const clientOf = (server: Server) => closing(connect(frontOf(server)));

/** Waits until a service gives requests to so many workers. */
async function has(server: Server, workers: number): Promise<void> {
  await until(
    () => server.stats().workers.filter(({ credit }) => credit > 0).length === workers,
    () => `${workers} workers; there are ${JSON.stringify(server.stats().workers)}`,
  );
}

/** Asks everybody at once, and gives the process ids of those who answered. */
async function askAll(client: ReturnType<typeof clientOf>, workers: number): Promise<Set<unknown>> {
  const asked = Array.from({ length: workers }, () => client.request({ act: 'compute', ms: 100 }));
  return new Set(await Promise.all(asked));
}

/** Requests that are in progress on every worker: what becomes of each. */
async function inProgress(server: Server, ms: number): Promise<Promise<unknown>[]> {
  const client = clientOf(server);
  const workers = server.stats().workers.length;
  const asked = Array.from({ length: workers }, () =>
    client.request({ act: 'compute', ms }).catch((error) => error.code),
  );
  await until(() => server.stats().workers.every(({ inFlight }) => inFlight === 1));
  return asked;
}

describe('a machine that joined', () => {
  it('serves beside the service, under its own name, and its workers have ids of their own', async () => {
    const server = await serve();
    const machine = await joined(backOf(server));
    await has(server, 3);
    const pids = [...server.workers, ...machine.workers].map(({ pid }) => pid);
    expect([...(await askAll(clientOf(server), 3))].sort()).toEqual(pids.sort());
    const seen = server
      .stats()
      .workers.map(({ id, machine: name, zscale }) => ({ id, name, zscale }));
    expect(seen).toEqual([
      { id: 0, name: undefined, zscale: true },
      { id: undefined, name: machine.id, zscale: true },
      { id: undefined, name: machine.id, zscale: true },
    ]);
    expect(machine.workers.map(({ id }) => id)).toEqual([0, 1]);
    expect(machine.backends).toEqual([{ endpoint: backOf(server), workers: 2 }]);
  });

  it('waits for a service that is not there yet, and says so once', async () => {
    const backend = await freshTcp();
    const { logger, lines } = recordingLogger();
    const joining = joined(backend, { logger, startTimeout: 5000 });
    const waits = (): number => lines.filter(({ text }) => text.startsWith('waiting')).length;
    await until(() => waits() === 1);
    const server = await serve({ backend });
    const machine = await joining;
    await has(server, 3);
    expect(waits()).toBe(1);
    expect(machine.workers.map(({ restarts }) => restarts)).toEqual([0, 0]);
  });

  it('leaves in order: what it has begun is answered, and nothing more comes', async () => {
    const server = await serve();
    const machine = await joined(backOf(server));
    await has(server, 3);
    const answers = await inProgress(server, 300);
    await machine.close();
    expect(new Set(await Promise.all(answers)).size).toBe(3);
    expect(server.stats().workers.map(({ machine: name }) => name)).toEqual([undefined]);
    expect(server.stats().errors).toEqual({});
    expect(await clientOf(server).request({ act: 'sleep', ms: 0 })).toBe('slept');
  });

  it('comes back to a front end that was started again, and its workers are the same', async () => {
    const backend = await freshTcp();
    const first = await serve({ backend });
    const machine = await joined(backend);
    await first.close();
    await until(() => machine.backends.every(({ workers }) => workers === 0));
    const second = await serve({ backend });
    await has(second, 3);
    expect((await askAll(clientOf(second), 3)).size).toBe(3);
    expect(machine.workers.map(({ restarts }) => restarts)).toEqual([0, 0]);
  });

  it('works for several front ends, and begins no more at once than its concurrency', async () => {
    const servers = [await serve(), await serve()];
    const machine = await joined(servers.map(backOf), { workers: 1, concurrency: 2 });
    for (const server of servers) await has(server, 2);
    const clients = servers.map(clientOf);
    const asked = Array.from({ length: 100 }, (_, i) =>
      clients[i % 2]?.request({ act: 'overlap', ms: 5 }),
    );
    const replies = (await Promise.all(asked)) as { pid: number; most: number }[]; // See acts.mjs.
    const counts = servers.map(
      (server) => server.stats().workers.find(({ id }) => id === undefined)?.requests,
    );
    expect(counts.map((requests = 0) => requests > 0)).toEqual([true, true]);
    const [{ pid } = { pid: 0 }] = machine.workers;
    const most = replies.filter((reply) => reply.pid === pid).map((reply) => reply.most);
    expect(Math.max(...most)).toBe(2); // of the 64 that the services' own workers would take
    expect(machine.backends.map(({ workers }) => workers)).toEqual([1, 1]);
  });

  it('works behind a plain queue of ZeroMQ too', async () => {
    const queue = await device('QUEUE', { frontend: TCP, backend: TCP });
    closing(queue);
    const { frontend, backend } = queue.endpoints;
    const machine = await joined(backend, { codec: 'json' });
    const client = closing(new Request());
    client.connect(frontend[0] ?? '');
    const answers = new Set<unknown>();
    await until(async () => {
      await client.send(JSON.stringify({ act: 'compute', ms: 1 }));
      answers.add(JSON.parse(String((await client.receive())[0])));
      return answers.size === 2;
    });
    expect([...answers].sort()).toEqual(machine.workers.map(({ pid }) => pid).sort());
  });

  it('is a program with a handler in it, run again in each worker', async () => {
    const server = await serve();
    const { program, workers } = await serving(
      startProgram('machine.mjs', [JSON.stringify({ connect: backOf(server) })]),
    );
    await has(server, 3);
    const answered = await askAll(clientOf(server), 3);
    expect(workers.every((pid) => answered.has(pid))).toBe(true);
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
    await gone(workers);
  });

  it('is a command', async () => {
    const server = await serve();
    const args = ['join', backOf(server), fixture('handlers/acts.mjs'), '--workers', '2'];
    const program = startZscale(args);
    await program.printed(/joined +tcp:[\s\S]*Ctrl-C/);
    await has(server, 3);
    program.signal('SIGINT');
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    expect(server.stats().errors).toEqual({});
  });

  it('can be stopped while it still waits', async () => {
    const args = ['join', await freshTcp(), fixture('handlers/acts.mjs'), '--workers', '1'];
    const program = startZscale(args);
    await until(() => logOf(program).some(({ msg }) => msg.startsWith('waiting')));
    program.signal('SIGINT');
    expect(await program.end()).toMatchObject({ exitCode: 0, stdout: '' });
  });
});

describe('a machine that cannot join', () => {
  it.each(['tcp://front', 'tcp://*:5556', 'tcp://front:99999'])(
    'says before it starts a worker that %s is no endpoint',
    async (endpoint) => {
      const { logger, lines } = recordingLogger();
      await expect(join(ACTS, { connect: endpoint, logger })).rejects.toMatchObject({
        code: 'EINVAL',
        message: expect.stringContaining(endpoint),
      });
      expect(lines).toEqual([]);
    },
  );

  it('dials nobody to find that out', async () => {
    const relay = await Relay.to(await freshTcp());
    const connecting = join(ACTS, { connect: [relay.endpoint, 'tcp://front'], logger: quiet });
    await expect(connecting).rejects.toMatchObject({ code: 'EINVAL' });
    const later = dial(netAddress(relay.endpoint)).on('error', () => {});
    await until(() => relay.connections > 0); // ... and those before would have been accepted before
    later.destroy();
    expect(relay.connections).toBe(1);
  });

  it('because its workers crash says so, and ends with the number of that', async () => {
    const file = path.join(freshFolder(), 'crashes.mjs');
    writeFileSync(file, 'setTimeout(() => process.exit(7)); export default () => 1;');
    const args = ['join', await freshTcp(), file, '--workers', '1', '--max-restarts', '0'];
    expect(await zscale(args)).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/^zscale: worker 0 crashed more than 0 times/m),
    });
  });
});

describe('a heartbeat', () => {
  it('leaves workers in peace that only compute for longer', async () => {
    const server = await serve({ heartbeatTimeout: 300 });
    const machine = await joined(backOf(server), { heartbeatTimeout: 300 });
    await has(server, 3);
    const answers = await Promise.all(await inProgress(server, 1500));
    expect(new Set(answers).size).toBe(3);
    expect(machine.workers.every(({ pid }) => answers.includes(pid))).toBe(true);
  });

  it('notices a machine that is cut off: what it had is answered, and it serves again when the link is back', async () => {
    const server = await serve({ heartbeatTimeout: 600 });
    const link = await Relay.to(backOf(server));
    const machine = await joined(link.endpoint, { heartbeatTimeout: 600 });
    await has(server, 3);
    const answers = await inProgress(server, 1000);
    link.hold();
    const cutAt = performance.now();
    const codes = await Promise.all(answers);
    expect(codes.filter((code) => code === 'ZSCALE_ERR_WORKER_LOST')).toHaveLength(2);
    expect(codes).toContain(server.workers[0]?.pid);
    expect(performance.now() - cutAt).toBeLessThan(10_000); // not the 30 s of TCP, nor of the timeout
    await has(server, 1);
    expect(await clientOf(server).request({ act: 'sleep', ms: 0 })).toBe('slept');
    await until(() => machine.backends.every(({ workers }) => workers === 0));
    link.release();
    await has(server, 3);
    expect((await askAll(clientOf(server), 3)).size).toBe(3);
    expect(machine.workers.map(({ restarts }) => restarts)).toEqual([0, 0]);
  });

  it('has the workers of a machine answered for at once when its supervisor is killed', async () => {
    const server = await serve();
    const { pid, workers } = await serving(
      startProgram('machine.mjs', [JSON.stringify({ connect: backOf(server) })]),
    );
    await has(server, 3);
    const answers = await inProgress(server, 1000);
    process.kill(pid, 'SIGKILL');
    const codes = await Promise.all(answers);
    expect(codes.filter((code) => code === 'ZSCALE_ERR_WORKER_LOST')).toHaveLength(2);
    expect(codes).toContain(server.workers[0]?.pid);
    await has(server, 1);
    await gone(workers);
  });

  const plain =
    'is answered for a busy plain REP of libzmq by its own thread, and notices one that is stopped';
  it.skipIf(python === undefined && !isPyzmqRequired)(plain, async () => {
    const server = await serve({ heartbeatTimeout: 600, codec: 'json' });
    const worker = new Program(python ?? 'python3 with pyzmq', [
      fixture('peers/busy-worker.py'),
      backOf(server),
    ]);
    await has(server, 2);
    const client = closing(connect(frontOf(server), { codec: 'json' }));
    const own = client.request({ act: 'compute', ms: 1500 });
    await until(() => server.stats().workers[0]?.inFlight === 1);
    expect(await client.request('sleep 1.5')).toBe('slept');
    await own;
    const again = client.request({ act: 'compute', ms: 3000 });
    await until(() => server.stats().workers[0]?.inFlight === 1);
    const stopped = client.request('sleep 60').catch((error) => error.code);
    await until(() => server.stats().workers[1]?.inFlight === 1);
    worker.signal('SIGSTOP');
    expect(await stopped).toBe('ZSCALE_ERR_WORKER_LOST');
    worker.signal('SIGCONT');
    await again;
  });
});

describe('a worker of a machine that nobody vouches for', () => {
  it('gets nothing: whether it is alive could not be told', async () => {
    const server = await serve();
    await has(server, 1);
    const worker = closing(
      new Reply({ metadata: { 'X-Zscale': '1', 'X-Zscale-Machine': 'nobody/1' } }),
    );
    worker.connect(backOf(server));
    await until(() => server.stats().workers.length === 2);
    expect(server.stats().workers.map(({ machine, credit }) => [machine, credit > 0])).toEqual([
      [undefined, true],
      ['nobody/1', false],
    ]);
    expect((await askAll(clientOf(server), 3)).size).toBe(1);
  });
});

it('nothing is left of a machine that was closed', async () => {
  const server = await serve();
  const machine = await joined(backOf(server));
  const pids = machine.workers.map(({ pid = 0 }) => pid);
  await machine.close();
  expect(machine.workers).toEqual([]);
  expect(pids.some(isAlive)).toBe(false);
});
