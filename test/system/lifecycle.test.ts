/*
 * How a service lives and ends: workers that die are replaced, a supervisor that dies takes its
 * workers along, and nothing is left of a service that is closed.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type ScaleOptions, type Server, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { isAlive } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import {
  childrenOf,
  filesIn,
  freshFolder,
  gone,
  linesOf,
  logOf,
  serving,
  startProgram,
  startService,
} from '../support/programs.ts';
import { until, within } from '../support/until.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);

let folder: string;
beforeEach(() => {
  folder = freshFolder();
  vi.stubEnv('TMPDIR', folder);
  return () => vi.unstubAllEnvs();
});

/** What a server of this process logs: its lines as [level, text, facts]. */
type LogLine = readonly [level: string, text: string, facts: object];

interface Served {
  readonly server: Server;
  readonly log: LogLine[];
}

/** A server in this process, with a handler that does what requests say. */
async function serve(options: ScaleOptions = {}): Promise<Served> {
  const log: LogLine[] = [];
  const write =
    (level: string) =>
    (facts: object | string, text = String(facts)): void => {
      log.push([level, text, typeof facts === 'object' ? facts : {}]);
    };
  const logger = {
    debug() {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => logger,
  };
  const server = await scale(ACTS, { workers: 2, bind: 'tcp://127.0.0.1:*', logger, ...options });
  return { server: closing(server), log };
}

function clientOf(endpoint: string | undefined) {
  return closing(connect(endpoint ?? ''));
}

function pidsOf(server: Server): number[] {
  return server.workers.map(({ pid }) => pid ?? 0);
}

/** The next event of a server with this name. */
function next<E extends 'worker-ready' | 'worker-exited' | 'worker-restarting'>(
  server: Server,
  event: E,
) {
  return within(new Promise((resolve) => server.once(event, resolve)), event);
}

describe('a worker that dies', () => {
  it('is replaced under the same id, and the service goes on', async () => {
    const { server, log } = await serve();
    const [pid = 0, other] = pidsOf(server);
    const restarting = next(server, 'worker-restarting');
    const ready = next(server, 'worker-ready');
    const exited = next(server, 'worker-exited');
    process.kill(pid, 'SIGKILL');
    expect(await exited).toMatchObject({
      id: 0,
      pid,
      code: null,
      signal: 'SIGKILL',
      expected: false,
    });
    expect(await restarting).toMatchObject({ id: 0, attempt: 1 });
    expect(await ready).toMatchObject({ id: 0 });
    const [replacement, same] = server.workers;
    expect(replacement).toMatchObject({ id: 0, state: 'ready', restarts: 1 });
    expect(replacement?.pid).not.toBe(pid);
    expect(same).toMatchObject({ id: 1, pid: other, restarts: 0 });
    expect(server.stats().restarts).toBe(1);
    const client = clientOf(server.endpoints[0]);
    for (let i = 0; i < 4; i++) await client.request({ act: 'sleep', ms: 0 });
    expect(log).toContainEqual([
      'warn',
      'worker ended unexpectedly, restarting it',
      expect.objectContaining({
        worker: 0,
        workerPid: pid,
        signal: 'SIGKILL',
        restartIn: expect.any(Number),
      }),
    ]);
  });

  it('leaves its clients with an error at once, and not with a timeout', async () => {
    const { server } = await serve({ workers: 1 });
    const client = clientOf(server.endpoints[0]);
    const lost = client.request({ act: 'sleep', ms: 60_000 });
    await until(() => server.stats().inFlight === 1);
    process.kill(pidsOf(server)[0] ?? 0, 'SIGKILL');
    await expect(lost).rejects.toMatchObject({ code: 'ZSCALE_ERR_WORKER_LOST' });
    expect(await client.request({ act: 'sleep', ms: 0 })).toBe('slept');
  });

  it('is replaced when its program closes the channel to the supervisor, and nobody else notices', async () => {
    const { server } = await serve();
    const client = clientOf(server.endpoints[0]);
    const exited = next(server, 'worker-exited');
    const ready = next(server, 'worker-ready');
    await client.request({ act: 'disconnect' });
    const { id } = (await exited) as { id: number };
    expect(await ready).toMatchObject({ id });
    expect(server.workers.map(({ state }) => state)).toEqual(['ready', 'ready']);
    for (let i = 0; i < 4; i++) await client.request({ act: 'sleep', ms: 0 });
  });

  it('says so when the socket to the queue was removed by somebody else', async () => {
    const { server, log } = await serve({ maxRestarts: 1 });
    const failed = new Promise((resolve) => server.once('failed', resolve));
    for (const entry of filesIn(folder)) rmSync(join(folder, entry), { recursive: true });
    process.kill(pidsOf(server)[0] ?? 0, 'SIGKILL');
    await within(failed, 'failed');
    const reasons = log.map(([, , facts]) => ('reason' in facts ? String(facts.reason) : ''));
    expect(reasons.join('\n')).toContain('is gone: somebody cleaned up');
  });

  it('is replaced when all die together, without that being a crash loop', async () => {
    const { server } = await serve({ workers: 3, maxRestarts: 1 });
    const pids = pidsOf(server);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await gone(pids);
    await until(() => server.workers.every(({ state }) => state === 'ready'));
    expect(server.workers.map(({ restarts }) => restarts)).toEqual([1, 1, 1]);
  });

  it('by an exit of its own, with whatever code, is replaced', async () => {
    const { server } = await serve({ workers: 1 });
    const client = clientOf(server.endpoints[0]);
    const exited = next(server, 'worker-exited');
    await expect(client.request({ act: 'exit', code: 0 })).rejects.toMatchObject({
      code: 'ZSCALE_ERR_WORKER_LOST',
    });
    expect(await exited).toMatchObject({ code: 0, expected: false });
    expect(await client.request({ act: 'sleep', ms: 0 })).toBe('slept');
  });

  it.each(['throwLater', 'rejectLater'])(
    'of an error nobody catches (%s) shows it once',
    async (act) => {
      const { program, endpoint } = await startService({ workers: 1 });
      const client = clientOf(endpoint);
      await client.request({ act });
      await until(() => linesOf(program, 'worker-ready').length === 1);
      expect(linesOf(program, 'worker-exited')).toMatchObject([{ code: 1, expected: false }]);
      expect(program.stderr.match(/Error: (thrown|rejected) where nobody catches\n/g)).toHaveLength(
        1,
      );
      expect(logOf(program).filter(({ code }) => code === 1)).toHaveLength(1);
    },
  );
});

describe('a worker that gets a SIGTERM of its own', () => {
  it('finishes what it holds, ends with 0 and is replaced, which counts as no crash', async () => {
    const { server, log } = await serve({ workers: 1, maxRestarts: 0 });
    const client = clientOf(server.endpoints[0]);
    const held = client.request({ act: 'sleep', ms: 300 });
    await until(() => server.stats().inFlight === 1);
    const ready = next(server, 'worker-ready');
    const exited = next(server, 'worker-exited');
    const [pid = 0] = pidsOf(server);
    process.kill(pid, 'SIGTERM');
    expect(await held).toBe('slept');
    expect(await exited).toMatchObject({ id: 0, pid, code: 0, signal: null, expected: true });
    const waiting = client.request({ act: 'who' });
    await ready;
    expect(await waiting).toEqual({ id: 0, pid: pidsOf(server)[0] });
    expect(server.workers[0]).toMatchObject({ state: 'ready', restarts: 1 });
    expect(log).toContainEqual([
      'info',
      'worker got SIGTERM or closed its server, draining it',
      expect.objectContaining({ worker: 0, workerPid: pid }),
    ]);
  });

  it('takes no notice of a SIGINT, which a terminal sends to all', async () => {
    const { server } = await serve({ workers: 1 });
    const [pid = 0] = pidsOf(server);
    process.kill(pid, 'SIGINT');
    const client = clientOf(server.endpoints[0]);
    for (let i = 0; i < 5; i++) await client.request({ act: 'sleep', ms: 1 });
    expect(await client.request({ act: 'who' })).toEqual({ id: 0, pid });
  });
});

describe('workers that crash again and again', () => {
  it('make the service fail, with a code, after maxRestarts', async () => {
    const { server, log } = await serve({ workers: 2, maxRestarts: 2, restartDelay: 1 });
    const failed = within(new Promise((resolve) => server.once('failed', resolve)), 'failed');
    const closed = new Promise<void>((resolve) => server.once('closed', resolve));
    const client = clientOf(server.endpoints[0]);
    let over = false;
    closed.then(() => {
      over = true;
    });
    while (!over) {
      await client.request({ act: 'exit', code: 3 }, { timeout: 1000 }).catch(() => {});
    }
    expect(await failed).toMatchObject({
      code: 'ZSCALE_ERR_CRASH_LOOP',
      message: expect.stringMatching(/crashed more than 2 times \(maxRestarts\) within 60000 ms/),
    });
    expect(server.workers).toEqual([]);
    expect(filesIn(folder)).toEqual([]);
    expect(log).toContainEqual([
      'error',
      expect.stringContaining('crashed more than'),
      expect.anything(),
    ]);
  });

  it('end a program that does not listen to that with exit code 5', async () => {
    const { program, endpoint, folder } = await startService(
      { workers: 1, maxRestarts: 0 },
      { env: { IGNORE_FAILED: '1' } },
    );
    const client = clientOf(endpoint);
    client.request({ act: 'exit', code: 3 }, { timeout: 1000 }).catch(() => {});
    expect(await program.end()).toMatchObject({ exitCode: 5, signal: null });
    expect(filesIn(folder)).toEqual([]);
  });
});

describe('a supervisor that is killed', () => {
  it('takes all its workers along, also one that is stuck in an endless loop', async () => {
    const { program, endpoint, workers, folder } = await startService({ workers: 3 });
    const client = clientOf(endpoint);
    client.request({ act: 'block' }).catch(() => {});
    expect(workers).toHaveLength(3);
    expect(filesIn(folder)).toHaveLength(1);
    await client.request({ act: 'sleep', ms: 0 });
    program.signal('SIGKILL');
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });

  it('takes them along when every one of them is stuck', async () => {
    const { program, endpoint, workers, folder } = await startService({ workers: 2 });
    const client = clientOf(endpoint);
    client.request({ act: 'block' }).catch(() => {});
    client.request({ act: 'block' }).catch(() => {});
    await client.request({ act: 'sleep', ms: 0 }, { timeout: 500 }).catch(() => {});
    program.signal('SIGKILL');
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });

  it('takes them along when they are blocked in Atomics.wait', async () => {
    const { program, endpoint, workers, folder } = await startService({ workers: 2 });
    const client = clientOf(endpoint);
    client.request({ act: 'wait' }).catch(() => {});
    client.request({ act: 'wait' }).catch(() => {});
    await client.request({ act: 'sleep', ms: 0 }, { timeout: 500 }).catch(() => {});
    program.signal('SIGKILL');
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });

  it('takes along the workers of each of its services', async () => {
    const started = startProgram('two-services.mjs', ['at once']);
    const { program, pid, folder } = await serving(started);
    const workers = childrenOf(pid);
    expect(workers.length).toBeGreaterThan(1);
    expect(filesIn(folder)).toHaveLength(2);
    program.signal('SIGKILL');
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });

  it('takes along a worker and its successor, in the middle of a reload', async () => {
    const { program, folder, workers, pid } = await startService({ workers: 1 });
    program.signal('SIGHUP');
    await until(() => childrenOf(pid).length === 2);
    const both = childrenOf(pid);
    expect(both).toContain(workers[0]);
    program.signal('SIGKILL');
    await gone(both);
    expect(filesIn(folder)).toEqual([]);
  });

  it('leaves an ipc socket of its front end that does not stand in the way of the next start', async () => {
    const socket = join(freshFolder(), 'front.sock');
    const options = { workers: 1, bind: `ipc://${socket}` };
    const first = await startService(options);
    first.program.signal('SIGKILL');
    await first.program.end();
    expect(existsSync(socket)).toBe(true);
    const second = await startService(options);
    expect(await clientOf(second.endpoint).request({ act: 'sleep', ms: 0 })).toBe('slept');
    await gone(first.workers);
    expect(await clientOf(second.endpoint).request({ act: 'sleep', ms: 0 })).toBe('slept');
  });

  it('takes along workers that are just starting', async () => {
    const { program, folder } = startProgram('slow-start.mjs');
    await program.printed(/worker 1 is loading/);
    const workers = childrenOf(program.pid ?? 0);
    expect(workers).toHaveLength(2);
    program.signal('SIGKILL');
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  /** As a terminal does it: the signal goes to every process of the group. */
  function signalGroup(pid: number, signal: NodeJS.Signals): void {
    process.kill(-pid, signal);
  }

  it('lets open requests finish, and ends the program with 0', async () => {
    const service = await startService({ workers: 2 }, { leadsGroup: true });
    const { program, pid, endpoint, workers, folder } = service;
    const client = clientOf(endpoint);
    const open = [1, 2, 3].map(() => client.request({ act: 'sleep', ms: 400 }));
    await client.request({ act: 'sleep', ms: 0 });
    signalGroup(pid, 'SIGINT');
    expect(await Promise.all(open)).toEqual(['slept', 'slept', 'slept']);
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
    expect(logOf(program).map(({ msg }) => msg)).toEqual([
      'serving',
      'closing: answering what is open',
      'closed',
    ]);
  });

  it('is the same when a service manager sends SIGTERM to every process', async () => {
    const service = await startService({ workers: 2, concurrency: 1 }, { leadsGroup: true });
    const { program, pid, endpoint, workers } = service;
    const client = clientOf(endpoint);
    // More than the workers hold: most of these wait in the queue when the signal comes.
    const open = Array.from({ length: 12 }, () => client.request({ act: 'sleep', ms: 50 }));
    await Promise.race(open);
    signalGroup(pid, 'SIGTERM');
    expect(new Set(await Promise.all(open))).toEqual(new Set(['slept']));
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    await gone(workers);
  });

  it('for a second time kills the workers, and ends the program with 130', async () => {
    const { program, pid, endpoint, workers, folder } = await startService(
      {},
      { leadsGroup: true },
    );
    const client = clientOf(endpoint);
    client.request({ act: 'sleep', ms: 60_000 }).catch(() => {});
    await client.request({ act: 'sleep', ms: 0 });
    signalGroup(pid, 'SIGINT');
    await until(() => logOf(program).some(({ msg }) => msg.startsWith('closing')));
    const pressed = performance.now();
    await until(() => performance.now() > pressed + 400, 'the time in which a SIGINT is a copy');
    signalGroup(pid, 'SIGINT');
    expect(await program.end()).toMatchObject({ exitCode: 130, signal: null });
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });

  it('while it starts ends everything, with 0', async () => {
    const { program, folder } = startProgram('slow-start.mjs', [], { leadsGroup: true });
    await program.printed(/worker 1 is loading/);
    const workers = childrenOf(program.pid ?? 0);
    signalGroup(program.pid ?? 0, 'SIGINT');
    const { exitCode, stderr } = await program.end();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });

  it('does not end a program that listens for it itself, but closes its server', async () => {
    const { program, pid, workers } = await serving(startProgram('own-signals.mjs'));
    expect(workers).toHaveLength(1);
    process.kill(pid, 'SIGINT');
    expect(await program.end()).toMatchObject({
      exitCode: 42,
      stdout: expect.stringMatching(/program: SIGINT\nprogram: closed\n$/),
    });
    await gone(workers);
  });
});

describe('SIGQUIT', () => {
  it('kills the workers and ends the program with 131', async () => {
    const { program, pid, endpoint, workers, folder } = await startService();
    clientOf(endpoint)
      .request({ act: 'sleep', ms: 60_000 })
      .catch(() => {});
    process.kill(pid, 'SIGQUIT');
    expect(await program.end()).toMatchObject({ exitCode: 131, signal: null });
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });
});

describe('close()', () => {
  it('answers what is open and leaves no process, no file, no listener and nothing to wait for', async () => {
    const before = process.eventNames().map((name) => [name, process.listenerCount(name)]);
    const { server } = await serve();
    const pids = pidsOf(server);
    expect(filesIn(folder)).toHaveLength(1);
    const client = clientOf(server.endpoints[0]);
    const open = client.request({ act: 'sleep', ms: 200 });
    await until(() => server.stats().inFlight === 1);
    await server.close();
    expect(await open).toBe('slept');
    expect(pids.some(isAlive)).toBe(false);
    expect(childrenOf(process.pid).filter((pid) => pids.includes(pid))).toEqual([]);
    expect(filesIn(folder)).toEqual([]);
    expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(before);
  });

  it('lets a program end by itself', async () => {
    const { program } = await serving(startProgram('close-again.mjs'));
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null, stderr: '' });
    expect(linesOf(program, 'serving')).toHaveLength(3);
  });

  it('gives every caller the same promise', async () => {
    const { server } = await serve({ workers: 1 });
    const closed = server.close();
    expect(server.close()).toBe(closed);
    await closed;
    expect(server.close()).toBe(closed);
  });

  it('kills workers that do not finish within gracefulTimeout, and answers their clients', async () => {
    const { server, log } = await serve({ workers: 2, gracefulTimeout: 200 });
    const client = clientOf(server.endpoints[0]);
    const stuck = [{ act: 'block' }, { act: 'sleep', ms: 60_000 }].map((request) =>
      expect(client.request(request)).rejects.toMatchObject({
        code: expect.stringMatching(/ZSCALE_ERR_(STOPPING|WORKER_LOST)/),
      }),
    );
    await until(() => server.stats().inFlight === 2);
    const pids = pidsOf(server);
    await within(server.close(), 'close', { deadline: 5000 });
    await Promise.all(stuck);
    await gone(pids);
    expect(log.filter(([level]) => level === 'warn').map(([, text]) => text)).toContain(
      'requests are still open after gracefulTimeout',
    );
  });

  it('ends a resize that is under way', async () => {
    const { server } = await serve({ workers: 1 });
    const closed = { code: 'ZSCALE_ERR_CLOSED' };
    const resized = expect(server.resize(3)).rejects.toMatchObject(closed);
    await server.close();
    await resized;
    await expect(server.resize(2)).rejects.toMatchObject(closed);
    expect(filesIn(folder)).toEqual([]);
  });
});

describe('what user code sends over the channel of a worker', () => {
  it('is logged once and changes nothing', async () => {
    const { server, log } = await serve({ workers: 1 });
    const client = clientOf(server.endpoints[0]);
    for (let i = 0; i < 3; i++) expect(await client.request({ act: 'chatter' })).toBe('sent');
    await until(() => log.some(([level]) => level === 'warn'));
    expect(log.filter(([level]) => level === 'warn')).toEqual([
      ['warn', 'a worker sent messages that are not ours; they are ignored', expect.anything()],
    ]);
    expect(server.workers[0]).toMatchObject({ state: 'ready', restarts: 0 });
  });
});
