/*
 * scale() with programs: what a server of them does, from code.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ScaleOptions, type Server, scale } from '@zscale/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { ask, askAll, write } from '../support/unmodified.ts';
import { until } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const ECHO = `import os
import zmq
socket = zmq.Context().socket(zmq.REP)
socket.bind(os.environ.get("ADDRESS", "ENDPOINT"))
while True:
    message = socket.recv()
    socket.send(message + b" from %d" % os.getpid())
`;

async function start(handler: Parameters<typeof scale>[0], options: ScaleOptions): Promise<Server> {
  const { logger } = recordingLogger();
  const server = await scale(handler, { logger, signals: false, python, ...options });
  onTestFinished(() => server.close());
  return server;
}

/** The folder with the sockets of a server's workers, found by one that is connected. */
function doorsOf(server: Server): string {
  const [address = ''] = server.stats().workers.map((worker) => worker.address);
  return dirname(address.slice('ipc://'.length));
}

describe.skipIf(python === undefined && !isPyzmqRequired)('scale() of a Python program', () => {
  it('is a server like any other: workers, events, stats, resize, close', async () => {
    const { file, endpoint } = await write('server.py', ECHO);
    const server = await start(pathToFileURL(file), { workers: 2 });
    expect(server.endpoints).toEqual([endpoint]);
    expect(server.codec).toBe('raw');
    const pids = server.workers.map(({ pid }) => `${pid}`);
    expect((await askAll(endpoint, 2)).sort()).toEqual(pids.sort());

    await server.resize(3);
    expect(await askAll(endpoint, 3)).toHaveLength(3);
    await server.resize(1);
    expect(server.workers.map(({ id }) => id)).toEqual([0]);
    expect(await ask(endpoint, 'x')).toBe(`x from ${server.workers[0]?.pid}`);

    const exits: unknown[] = [];
    server.on('worker-exited', (facts) => exits.push(facts));
    const [{ pid = 0 } = {}] = server.workers;
    const folder = doorsOf(server);
    process.kill(pid, 'SIGKILL');
    await until(() => exits.length > 0 && server.workers[0]?.state === 'ready');
    expect(exits).toMatchObject([{ id: 0, pid, code: null, signal: 'SIGKILL', expected: false }]);
    expect(await ask(endpoint, 'y')).toBe(`y from ${server.workers[0]?.pid}`);
    await until(() => readdirSync(folder).filter((name) => name.startsWith('w')).length === 1);

    const last = server.workers.map(({ pid: id = 0 }) => id);
    await server.close();
    expect(last.filter(isAlive)).toEqual([]);
  });

  it('leaves no process of its own behind: nothing waits for workers that are gone', async () => {
    const { file } = await write('server.py', ECHO);
    const server = await start(pathToFileURL(file), { workers: 2 });
    const folder = doorsOf(server);
    const guards = () => execFileSync('ps', ['-eo', 'args']).toString().split(folder).length - 1;
    expect(guards()).toBe(2);
    await server.close();
    await until(() => guards() === 0, 'the shells to end');
  });

  it('may be one where each worker asks for another address: the first decides', async () => {
    const text = ECHO.replace(
      'os.environ.get("ADDRESS", "ENDPOINT")',
      '"ENDPOINT" if os.environ["ZSCALE_WORKER_ID"] == "0" else "ipc:///tmp/zscale-never"',
    );
    const { file, endpoint } = await write('server.py', text);
    const server = await start(pathToFileURL(file), { workers: 1 });
    await server.resize(2);
    expect(server.endpoints).toEqual([endpoint]);
    expect(await askAll(endpoint, 2)).toHaveLength(2);
  });

  it('listens at a port that the system chooses, one for all', async () => {
    const { file } = await write('server.py', ECHO);
    const server = await start(pathToFileURL(file), {
      workers: 2,
      env: { ADDRESS: 'tcp://127.0.0.1:*' },
    });
    expect(server.endpoints).toEqual([expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:\d+$/)]);
    expect(await askAll(server.endpoints[0] ?? '', 2)).toHaveLength(2);
  });

  it('answers errors in the codec that is asked for', async () => {
    const text = ECHO.replace('    socket.send', '    os._exit(1)\n    socket.send');
    const { file, endpoint } = await write('server.py', text);
    await start(pathToFileURL(file), { workers: 1, codec: 'json' });
    expect(JSON.parse(await ask(endpoint, 'x'))).toMatchObject({
      error: { code: 'ZSCALE_ERR_WORKER_LOST' },
    });
  });
});

describe('scale() of a command', () => {
  it.skipIf(python === undefined && !isPyzmqRequired)('serves where bind says', async () => {
    const { file } = await write(
      'worker.py',
      ECHO.replace(/socket\.bind\(.*\)/, 'socket.connect(os.environ["ZSCALE_BACKEND"])'),
    );
    const bind = await freshTcp();
    const server = await start({ exec: `exec ${python} ${file}` }, { workers: 2, bind });
    const pids = server.workers.map(({ pid }) => `${pid}`);
    expect((await askAll(bind, 2)).sort()).toEqual(pids.sort());
  });

  it('is refused when there is none', async () => {
    for (const exec of ['', ' ', 1]) {
      await expect(scale({ exec } as { exec: string })).rejects.toMatchObject({
        code: 'ZSCALE_ERR_OPTIONS',
        message: expect.stringContaining("{ exec: 'command' }"),
      });
    }
  });
});
