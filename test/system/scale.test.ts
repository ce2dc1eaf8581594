/*
 * What scale() promises to a program that works: served from several processes, by a function or a
 * module, in a program that is run again or not.
 */
import { connect, type ScaleOptions, type Server, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fixture, zscaleRun } from '../support/cli.ts';
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
import { until } from '../support/until.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);

let folder: string;
beforeEach(() => {
  folder = freshFolder();
  vi.stubEnv('TMPDIR', folder);
  return () => vi.unstubAllEnvs();
});

/** A server in this process, with a handler that does what requests say. */
async function serve(options: ScaleOptions = {}, module: URL | string = ACTS): Promise<Server> {
  return closing(
    await scale(module, { workers: 2, bind: 'tcp://127.0.0.1:*', logger: quiet, ...options }),
  );
}

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

function clientOf(endpoint: string | undefined) {
  return closing(connect(endpoint ?? ''));
}

/** Asks until as many different answers came as there are workers. */
async function answersOfAll(workers: number, ask: () => Promise<unknown>): Promise<unknown[]> {
  const answers = new Map<string, unknown>();
  await until(async () => {
    for (const answer of await Promise.all([ask(), ask()])) {
      answers.set(JSON.stringify(answer), answer);
    }
    return answers.size === workers;
  });
  return [...answers.values()];
}

describe('a module', () => {
  it('is served by as many processes as asked for, each with its own id', async () => {
    const server = await serve({ workers: 3 });
    const client = clientOf(server.endpoints[0]);
    const asked = Array.from({ length: 30 }, () => client.request({ act: 'sleep', ms: 5 }));
    await Promise.all(asked);
    const workers = server.workers.map(({ id, state, restarts }) => ({ id, state, restarts }));
    expect(workers).toEqual([0, 1, 2].map((id) => ({ id, state: 'ready', restarts: 0 })));
    expect(server.stats().workers.map(({ requests }) => requests > 0)).toEqual([true, true, true]);
    expect(server.workerCountReason).toBe('3 workers: as asked for');
    expect(childrenOf(process.pid)).toEqual(
      expect.arrayContaining(server.workers.map(({ pid }) => pid)),
    );
  });

  it('may be given as a path relative to the working directory', async () => {
    const relative = fixture('handlers/acts.mjs').slice(`${process.cwd()}/`.length);
    expect(relative).toMatch(/^test/);
    const server = await serve({ workers: 1 }, relative);
    expect(await clientOf(server.endpoints[0]).request({ act: 'sleep', ms: 0 })).toBe('slept');
  });

  it('is served in TypeScript', async () => {
    const module = new URL('../fixtures/handlers/default.ts', import.meta.url);
    const server = await serve({ workers: 1 }, module);
    expect(await clientOf(server.endpoints[0]).request('it')).toBe('default.ts got it');
  });

  it('sees which worker it is, and what the user adds, in its environment', async () => {
    const server = await serve({ name: 'orders', env: { GREETING: 'hello' } });
    const client = clientOf(server.endpoints[0]);
    const seen = await answersOfAll(2, () => client.request({ act: 'env' }));
    for (const id of ['0', '1']) {
      expect(seen).toContainEqual({
        GREETING: 'hello',
        NODE_APP_INSTANCE: id,
        ZSCALE: '1',
        ZSCALE_SERVICE: 'orders',
        ZSCALE_WORKER_ID: id,
      });
    }
  });

  it('does not make its own children believe that they are workers', async () => {
    const server = await serve({ workers: 1 });
    const client = clientOf(server.endpoints[0]);
    expect(await client.request({ act: 'childEnv' })).not.toHaveProperty('ZSCALE_WORKER');
    expect(await client.request({ act: 'execArgv' })).not.toContain('--import');
  });

  it('runs with the Node options that the user adds', async () => {
    const server = await serve({ workers: 1, execArgv: ['--max-old-space-size=200'] });
    const options = await clientOf(server.endpoints[0]).request({ act: 'execArgv' });
    expect(options).toContain('--max-old-space-size=200');
  });

  it('answers again on the same address after another server there was closed', async () => {
    const first = await serve({ workers: 1 });
    const [endpoint = ''] = first.endpoints;
    await first.close();
    await serve({ workers: 1, bind: endpoint });
    expect(await clientOf(endpoint).request({ act: 'sleep', ms: 0 })).toBe('slept');
  });
});

describe('a server', () => {
  it('is closed at the end of a block with await using', async () => {
    let pids: number[];
    {
      await using server = await scale(ACTS, {
        workers: 2,
        bind: 'tcp://127.0.0.1:*',
        logger: quiet,
      });
      pids = server.workers.map(({ pid }) => pid ?? 0);
    }
    await gone(pids);
    expect(filesIn(folder)).toEqual([]);
  });

  it('grows and shrinks under load without losing a request', async () => {
    const server = await serve({ workers: 1 });
    const client = clientOf(server.endpoints[0]);
    let isOver = false;
    let answered = 0;
    const load = Array.from({ length: 20 }, async () => {
      while (!isOver) {
        expect(await client.request({ act: 'sleep', ms: 2 })).toBe('slept');
        answered += 1;
      }
    });
    for (const count of [3, 1, 4, 2]) {
      await server.resize(count);
      expect(server.workers.map(({ id }) => id)).toEqual([...Array(count).keys()]);
      expect(server.workers.every(({ state }) => state === 'ready')).toBe(true);
      const before = answered;
      await until(() => answered > before + 50);
    }
    isOver = true;
    await Promise.all(load);
    expect(server.workerCountReason).toBe('2 workers: set by resize()');
    const { requests, replies, errors } = server.stats();
    expect({ requests, errors }).toEqual({ requests: replies, errors: {} });
  });

  it('does resizes one after the other, in the order they were asked for', async () => {
    const server = await serve({ workers: 1 });
    const sizes: number[] = [];
    const note = (): unknown => sizes.push(server.workers.length);
    await Promise.all([server.resize(3).then(note), server.resize(1).then(note)]);
    expect(sizes).toEqual([3, 1]);
  });

  it.each([0, -1, 1.5, 1025, Number.NaN])('refuses to become %d workers', async (count) => {
    const server = await serve({ workers: 1 });
    await expect(server.resize(count)).rejects.toMatchObject({ code: 'ZSCALE_ERR_OPTIONS' });
    expect(server.workers).toHaveLength(1);
  });

  it('tells of workers that start, are ready and end', async () => {
    const server = await serve({ workers: 1 });
    const told: unknown[] = [];
    server.on('worker-started', ({ id, pid }) => told.push(['started', id, pid]));
    server.on('worker-ready', ({ id, pid, ms }) => told.push(['ready', id, pid, ms > 0]));
    server.on('worker-exited', ({ id, pid, ...rest }) =>
      told.push(['exited', id, pid, rest.code, rest.signal, rest.expected, rest.why, rest.held]),
    );
    server.once('closed', () => told.push('closed'));
    await server.resize(2);
    const pid = server.workers[1]?.pid;
    await server.resize(1);
    expect(told).toEqual([
      ['started', 1, pid],
      ['ready', 1, pid, true],
      ['exited', 1, pid, 0, null, true, undefined, 0],
    ]);
    await server.close();
    expect(told.at(-1)).toBe('closed');
  });
});

describe('a function', () => {
  it('is served by running its program again, with the same arguments', async () => {
    const { program, endpoint, workers, serving: line } = await startService({ workers: 2 });
    const client = clientOf(endpoint);
    const seen = await answersOfAll(2, () => client.request({ act: 'who' }));
    const expected = workers.map((pid, id) => ({ pid, id }));
    expect(seen).toEqual(expect.arrayContaining(expected));
    expect(line.args).toEqual(['{"workers":2}']);
    expect(linesOf(program, 'serving')).toHaveLength(1);
  });

  it('does not make children of its workers believe that they are workers', async () => {
    const { endpoint } = await startService({ workers: 1 });
    const client = clientOf(endpoint);
    expect(await client.request({ act: 'childEnv' })).not.toHaveProperty('ZSCALE_WORKER');
    expect(await client.request({ act: 'execArgv' })).toEqual([]);
  });

  it('may stand in a TypeScript program, with the loader it was started with', async () => {
    const nodeOptions = ['--import', 'tsx'];
    const started = startProgram('typed.ts', [], { nodeOptions });
    const { program, endpoint } = await serving(started);
    expect(await clientOf(endpoint).request({ name: 'Ada' })).toBe('Hello, Ada');
    expect(program.stderr).not.toContain('not ours');
  });

  it('may stand in a CommonJS program', async () => {
    const { endpoint } = await serving(startProgram('common.cjs'));
    expect(await clientOf(endpoint).request('it')).toBe('common.cjs got it, as the main module');
  });
});

describe('two services in one program', () => {
  it.each(['one after the other', 'at once'])('work, when started %s', async (how) => {
    const started = startProgram('two-services.mjs', [how]);
    const { program, pid, folder, endpoints } = await serving(started);
    const [first, second] = endpoints;
    expect(await clientOf(first).request(1)).toEqual({ service: 'first', request: 1 });
    // The handler of the second asks the first: it knows the endpoint from the earlier call.
    expect(await clientOf(second).request(2)).toEqual({
      service: 'second',
      first: how === 'at once' ? 'not known' : { service: 'first', request: 2 },
    });
    const workers = childrenOf(pid);
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    await gone(workers);
    expect(filesIn(folder)).toEqual([]);
  });
});

describe('what handlers log', () => {
  it('has the request and the worker in it, in the level and the form that the command has', async () => {
    const args = ['--workers', '1', '--log-level', 'warn', '--log-format', 'json'];
    const { program, endpoint } = await zscaleRun([fixture('handlers/logs.mjs'), ...args]);
    const client = clientOf(endpoint);
    await client.request({ level: 'info', text: 'not told' });
    const pid = await client.request({ level: 'warn', text: 'told' });
    await until(() => logOf(program).length > 0);
    expect(logOf(program)).toEqual([
      {
        level: 40,
        time: expect.any(Number),
        pid,
        worker: 0,
        requestId: expect.stringMatching(/^[\da-f]{16}$/),
        more: 1,
        msg: 'told',
      },
    ]);
  });
});
