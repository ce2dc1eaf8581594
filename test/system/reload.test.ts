/*
 * Change while serving: new code takes over worker by worker and no request notices, code that does
 * not start changes nothing, and signals do what the methods do.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type ScaleOptions, type Server, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { filesIn, freshFolder, gone, linesOf, logOf, startService } from '../support/programs.ts';
import { until, within } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

let folder: string;
let module: string;
beforeEach(() => {
  folder = freshFolder();
  module = join(freshFolder(), 'handler.mjs');
  vi.stubEnv('TMPDIR', folder);
  return () => vi.unstubAllEnvs();
});

/** Writes a version of the handler: it says which one it is, after the time it is told. */
function write(version: string, first = ''): void {
  writeFileSync(
    module,
    `${first}
import { setTimeout as delay } from 'node:timers/promises';
export default async ({ ms, echo }) => {
  await delay(ms);
  return { version: '${version}', pid: process.pid, echo };
};`,
  );
}

async function serve(options: ScaleOptions = {}) {
  const { logger, lines } = recordingLogger();
  const server = await scale(module, { workers: 2, bind: 'tcp://127.0.0.1:*', logger, ...options });
  return { server: closing(server), lines };
}

type Answer = { version: string; pid: number; echo: unknown };

function clientOf(endpoint = '') {
  return closing(connect<(request: object) => Promise<Answer>>(endpoint));
}

function pidsOf(server: Server): number[] {
  return server.workers.map(({ pid }) => pid ?? 0);
}

describe('reload()', () => {
  it('serves the new code from new processes, and the old ones end', async () => {
    write('one');
    const { server } = await serve();
    const client = clientOf(server.endpoints[0]);
    expect((await client.request({ ms: 0 })).version).toBe('one');
    const old = pidsOf(server);
    write('two');
    await server.reload();
    expect(server.workers).toMatchObject([
      { id: 0, state: 'ready', restarts: 1 },
      { id: 1, state: 'ready', restarts: 1 },
    ]);
    await gone(old);
    for (let i = 0; i < 8; i++) {
      const { version, pid } = await client.request({ ms: 0 });
      expect(version).toBe('two');
      expect(pidsOf(server)).toContain(pid);
    }
  });

  it('has each new worker ready before the old one is asked to go, one after the other', async () => {
    write('one');
    const { server } = await serve();
    const told: unknown[] = [];
    server.on('worker-ready', ({ id }) => told.push(['ready', id]));
    server.on('worker-exited', ({ id, expected }) => told.push(['exited', id, expected]));
    await server.reload();
    expect(told).toEqual([
      ['ready', 0],
      ['exited', 0, true],
      ['ready', 1],
      ['exited', 1, true],
    ]);
  });

  it('fails no request under load, five times in a row', async () => {
    write('v0');
    const { server } = await serve({ workers: 2 });
    let isOver = false;
    let sent = 0;
    const seen = new Set<string>();
    const load = Array.from({ length: 4 }, async (_, client) => {
      const asker = clientOf(server.endpoints[0]);
      await Promise.all(
        Array.from({ length: 5 }, async (_each, lane) => {
          for (let n = 0; !isOver; n++) {
            sent += 1;
            const echo = [client, lane, n];
            const answer = await asker.request({ ms: n % 3, echo });
            expect(answer.echo).toEqual(echo);
            seen.add(answer.version);
          }
        }),
      );
    });
    for (let version = 1; version <= 5; version++) {
      write(`v${version}`);
      await server.reload();
      await until(() => seen.has(`v${version}`));
    }
    isOver = true;
    await Promise.all(load);
    expect(server.stats()).toMatchObject({ requests: sent, replies: sent, errors: {} });
    expect(server.workers.map(({ restarts }) => restarts)).toEqual([5, 5]);
  });

  it('lets the old worker finish what it holds, while the new one serves', async () => {
    write('one');
    const { server } = await serve({ workers: 1 });
    const client = clientOf(server.endpoints[0]);
    const held = client.request({ ms: 1500 });
    await until(() => server.stats().inFlight === 1);
    write('two');
    const ready = new Promise((resolve) => server.once('worker-ready', resolve));
    const reloaded = server.reload();
    await within(ready, 'the new worker');
    expect((await client.request({ ms: 0 })).version).toBe('two');
    expect((await held).version).toBe('one');
    await reloaded;
  });

  it.each([
    ['throws while loading', "throw new Error('no such table');", 'no such table'],
    ['ends while loading', 'process.exit(9);', 'exit code 9'],
    ['is not ready in time', 'await new Promise((done) => setTimeout(done, 60_000));', 'startTim'],
  ])('of code that %s rejects, and the old workers go on', async (_what, first, why) => {
    write('one');
    const { server } = await serve({ startTimeout: 3000 });
    const pids = pidsOf(server);
    write('two', first);
    await expect(server.reload()).rejects.toMatchObject({
      code: 'ZSCALE_ERR_RELOAD',
      message: expect.stringMatching(new RegExp(`all 2 workers go on serving.*${why}`, 's')),
      cause: { name: 'WorkerBootError' },
    });
    expect(pidsOf(server)).toEqual(pids);
    const client = clientOf(server.endpoints[0]);
    expect((await client.request({ ms: 0 })).version).toBe('one');
    write('three');
    await server.reload();
    expect((await client.request({ ms: 0 })).version).toBe('three');
  });

  it('asked for during a reload is one more reload, however often', async () => {
    write('one');
    const { server } = await serve({ workers: 1 });
    const started = new Promise((resolve) => server.once('worker-started', resolve));
    const first = server.reload();
    await within(started, 'the successor');
    await Promise.all([first, server.reload(), server.reload(), server.reload()]);
    expect(server.workers[0]?.restarts).toBe(2);
  });

  it('waits for a resize before it, and a resize waits for it', async () => {
    write('one');
    const { server } = await serve({ workers: 1 });
    await Promise.all([server.resize(3), server.reload(), server.resize(2)]);
    expect(server.workers).toMatchObject([{ restarts: 1 }, { restarts: 1 }]);
  });

  it('gives the seat of a worker that dies meanwhile to its successor at once', async () => {
    write('one');
    const { server, lines } = await serve({ workers: 1, restartDelay: 60_000 });
    const [old = 0] = pidsOf(server);
    const started = new Promise((resolve) => server.once('worker-started', resolve));
    const reloaded = server.reload();
    await within(started, 'the successor');
    process.kill(old, 'SIGKILL');
    await reloaded;
    expect(server.workers).toMatchObject([{ state: 'ready', restarts: 1 }]);
    expect(lines.map(({ text }) => text)).toContain(
      'worker ended unexpectedly, its successor is starting already',
    );
  });

  it('does not wait for the restart of a worker that crashed', async () => {
    write('one');
    const { server } = await serve({ workers: 1, restartDelay: 60_000 });
    const restarting = new Promise((resolve) => server.once('worker-restarting', resolve));
    process.kill(pidsOf(server)[0] ?? 0, 'SIGKILL');
    await within(restarting, 'worker-restarting');
    await server.reload();
    expect(server.workers).toMatchObject([{ state: 'ready', restarts: 1 }]);
  });

  it('that close() overtakes rejects, and leaves nothing', async () => {
    write('one');
    const { server } = await serve();
    const pids = pidsOf(server);
    server.on('worker-started', ({ pid }) => pids.push(pid));
    const started = new Promise((resolve) => server.once('worker-started', resolve));
    const reloaded = server.reload();
    reloaded.catch(() => {});
    await within(started, 'the successor');
    await server.close();
    await expect(reloaded).rejects.toMatchObject({ code: 'ZSCALE_ERR_CLOSED' });
    expect(pids).toHaveLength(3);
    await gone(pids);
    expect(filesIn(folder)).toEqual([]);
    await expect(server.reload()).rejects.toMatchObject({ code: 'ZSCALE_ERR_CLOSED' });
  });
});

describe('signals', () => {
  it('SIGHUP reloads a program that calls scale(), also when it goes to every process', async () => {
    const service = await startService({ workers: 2 }, { leadsGroup: true });
    const { program, pid, workers } = service;
    process.kill(-pid, 'SIGHUP');
    await until(() => logOf(program).some(({ msg }) => msg === 'reloaded'));
    await gone(workers);
    expect(linesOf(program, 'worker-exited')).toMatchObject([
      { pid: workers[0], expected: true },
      { pid: workers[1], expected: true },
    ]);
  });

  it('SIGTTIN and SIGTTOU make one worker more and one less, and never none', async () => {
    const { program } = await startService({ workers: 1 });
    program.signal('SIGTTIN');
    await until(() => linesOf(program, 'worker-ready').length === 1);
    await until(() =>
      logOf(program).some(({ msg, workers }) => msg === 'resized' && workers === 2),
    );
    program.signal('SIGTTOU');
    await until(() =>
      logOf(program).some(({ msg, workers }) => msg === 'resized' && workers === 1),
    );
    program.signal('SIGTTOU');
    await until(() =>
      logOf(program).some(({ msg }) => msg === 'the number of workers stays as it is'),
    );
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
    expect(linesOf(program, 'worker-exited').filter(({ id }) => id === 1)).toHaveLength(1);
  });

  it('SIGHUP reloads zscale run; code that does not load is told as an error, and the old serves', async () => {
    write('one');
    const { program, endpoint } = await zscaleRun([module, '--log-format', 'json']);
    const client = clientOf(endpoint);
    write('two', "throw new Error('no such table');");
    program.signal('SIGHUP');
    const told = await until(() => logOf(program).find(({ msg }) => msg === 'reload failed'));
    expect(told).toMatchObject({ level: 50, err: { code: 'ZSCALE_ERR_RELOAD' } });
    expect((await client.request({ ms: 0 })).version).toBe('one');
    write('three');
    program.signal('SIGHUP');
    await until(() => logOf(program).some(({ msg }) => msg === 'reloaded'));
    expect((await client.request({ ms: 0 })).version).toBe('three');
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });
});
