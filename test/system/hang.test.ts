/*
 * A worker whose event loop stands still is noticed from beside it, says where it is, and is replaced; one
 * that only looks like that is left alone. And whatever a worker dies of, the log says so.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type ScaleOptions, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { isAlive } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder, gone } from '../support/programs.ts';
import { until, within } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

/** Short enough for a test, and longer than a process is off the processors of a busy machine. */
const HANG_MS = 1000;

const MODULE = `
import { execFileSync } from 'node:child_process';
import inspector from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';

function spinFor(ms) { for (const end = Date.now() + ms; Date.now() < end; ); }
function spinForEver() { for (;;); }
function lookForTheAnswer() { spinForEver(); }
const asleep = new Int32Array(new SharedArrayBuffer(4));

if (process.env.SLOW_START) spinFor(Number(process.env.SLOW_START));

function dive(depth) { return depth === 0 ? spinForEver() : dive(depth - 1); }
const acts = {
  pid: () => process.pid,
  sleep: ({ ms }) => delay(ms, 'slept'),
  loop: () => lookForTheAnswer(),
  deep: () => dive(6000),
  wait: () => Atomics.wait(asleep, 0, 0),
  outside: () => execFileSync('sleep', ['8']),
  exit: ({ code }) => process.exit(code),
  abort: () => process.abort(),
  fill: () => { for (const all = []; ; ) all.push(new Array(1000).fill({})); },
  async busy({ ms }) {
    for (const end = Date.now() + ms; Date.now() < end; await delay(1)) spinFor(50);
    return 'done';
  },
  debug() {
    inspector.open(0, '127.0.0.1');
    spinForEver();
  },
};
export default (request) => acts[request.act](request);
`;

let module: string;
beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  module = join(freshFolder(), 'handler.mjs');
  writeFileSync(module, MODULE);
  return () => vi.unstubAllEnvs();
});

async function serve(options: ScaleOptions = {}) {
  const { logger, lines } = recordingLogger();
  const bind = 'tcp://127.0.0.1:*';
  const server = await scale(module, {
    workers: 1,
    bind,
    logger,
    hangTimeout: HANG_MS,
    restartDelay: 1,
    ...options,
  });
  const client = closing(connect<(request: object) => unknown>(server.endpoints[0] ?? ''));
  const exited = within(
    new Promise<object>((resolve) => server.once('worker-exited', resolve)),
    'the end of a worker',
  );
  exited.catch(() => {}); // Not every test waits for it.
  return { server: closing(server), client, lines, exited, pid: server.workers[0]?.pid ?? 0 };
}

/** Asks for something that has no reply; how it fails is for the test. */
function hold(
  client: { request(value: object, options?: { id?: string }): Promise<unknown> },
  act: string,
  facts = {},
  options = {},
) {
  const failure = client.request({ act, ...facts }, options).then(
    () => 'a reply',
    (error: { code: string }) => error.code,
  );
  return { failure };
}

describe('a worker that hangs', () => {
  it('in an endless loop is told with its stack and what it held, killed and replaced', async () => {
    const { server, client, lines, exited, pid } = await serve();
    const sleeping = hold(client, 'sleep', { ms: 60_000 }, { id: 'a-long-sleep' });
    await until(() => server.stats().inFlight === 1);
    const looping = hold(client, 'loop');
    const stack = expect.stringMatching(
      /at spinForEver \(file:.*handler\.mjs:7:\d+\)\n.*at lookForTheAnswer .*:8:/,
    );
    expect(await exited).toMatchObject({
      id: 0,
      pid,
      signal: 'SIGKILL',
      expected: false,
      held: 2,
      oldestHeld: expect.any(Number),
      requests: ['a-long-sleep', expect.stringMatching(/^[0-9a-f]{16}$/)],
      why: expect.stringMatching(/^its event loop stood still for \d+ ms \(hangTimeout\)$/),
      stack,
    });
    expect(lines).toContainEqual({
      level: 'error',
      text: 'worker hangs: its event loop stands still, killing it',
      facts: expect.objectContaining({ worker: 0, workerPid: pid, held: 2, stack }),
    });
    const told = lines.find(({ level }) => level === 'error')?.facts;
    expect(Reflect.get(told ?? {}, 'stalled')).toBeGreaterThanOrEqual(HANG_MS);
    expect(Reflect.get(told ?? {}, 'oldestHeld')).toBeGreaterThanOrEqual(HANG_MS);
    expect(await looping.failure).toBe('ZSCALE_ERR_WORKER_LOST');
    expect(await sleeping.failure).toBe('ZSCALE_ERR_WORKER_LOST');
    expect(await client.request({ act: 'sleep', ms: 0 })).toBe('slept');
    expect(server.stats()).toMatchObject({ hangs: 1, restarts: 1 });
  });

  it('in Atomics.wait is told with its stack too', async () => {
    const { client, exited } = await serve();
    hold(client, 'wait');
    expect(await exited).toMatchObject({
      held: 1,
      stack: expect.stringMatching(/^ +at wait \(file/),
    });
  });

  it('outside of JavaScript is killed as well, and the log says that there is no stack', async () => {
    const { client, lines, exited } = await serve();
    hold(client, 'outside');
    expect(await exited).toMatchObject({ signal: 'SIGKILL', held: 1, stack: undefined });
    expect(lines.find(({ level }) => level === 'error')?.facts).toMatchObject({
      stack: expect.stringContaining('outside of JavaScript'),
    });
  });

  it('while it is drained does not hold up a reload', async () => {
    const { server, client, pid } = await serve();
    hold(client, 'loop');
    await until(() => server.stats().inFlight === 1);
    await server.reload();
    await gone([pid]);
    expect(server.stats()).toMatchObject({ hangs: 1, restarts: 1 });
  });

  it('far down in a recursion is told with the frames that are innermost', async () => {
    const { client, exited } = await serve();
    const { failure } = hold(client, 'deep');
    const stack = expect.stringMatching(/at spinForEver .*\n.*at dive .*\n.*at dive /);
    expect(await exited).toMatchObject({ held: 1, stack });
    expect(await failure).toBe('ZSCALE_ERR_WORKER_LOST');
  });
});

describe('a worker that does not hang', () => {
  /** Waits for several times `hangTimeout`, by the clock of a worker that turns. */
  async function timePasses(client: { request(value: object): Promise<unknown> }, ms: number) {
    expect(await client.request({ act: 'sleep', ms })).toBe('slept');
  }

  it('but is busy, turn after turn, is left alone', async () => {
    const { server, client, pid } = await serve();
    expect(await client.request({ act: 'busy', ms: 3 * HANG_MS })).toBe('done');
    expect(await client.request({ act: 'pid' })).toBe(pid);
    expect(server.stats()).toMatchObject({ hangs: 0, restarts: 0 });
  });

  it('but is slow to load, in one turn, is left alone', async () => {
    const { server } = await serve({ env: { SLOW_START: String(2 * HANG_MS) } });
    expect(server.workers).toMatchObject([{ state: 'ready', restarts: 0 }]);
    expect(server.stats().hangs).toBe(0);
  });

  it('but was stopped as a whole by SIGSTOP is left alone', async () => {
    const { server, client } = await serve({ workers: 2, concurrency: 1 });
    const [stopped = 0] = server.workers.map(({ pid }) => pid ?? 0);
    process.kill(stopped, 'SIGSTOP');
    const asked: Promise<unknown>[] = [];
    await until(() => {
      asked.push(client.request({ act: 'pid' }));
      return server.stats().workers.some(({ id, inFlight }) => id === 0 && inFlight === 1);
    });
    await timePasses(client, 3 * HANG_MS);
    process.kill(stopped, 'SIGCONT');
    expect(await Promise.all(asked)).toContain(stopped);
    await timePasses(client, HANG_MS);
    expect(server.stats()).toMatchObject({ hangs: 0, restarts: 0 });
  });

  it('but stands still with an inspector open is left alone, also when it was opened just before', async () => {
    const { server, client, pid } = await serve({ workers: 2, concurrency: 1 });
    hold(client, 'debug');
    await until(() => server.stats().inFlight === 1);
    await timePasses(client, 4 * HANG_MS);
    expect(server.stats()).toMatchObject({ hangs: 0, restarts: 0, inFlight: 1 });
    expect(isAlive(pid)).toBe(true);
    await Promise.all(server.workers.map(({ pid }) => process.kill(pid ?? 0, 'SIGKILL')));
  });

  it('is left alone for ever when hangTimeout is Infinity', async () => {
    const { server, client, pid } = await serve({ workers: 2, hangTimeout: Infinity });
    hold(client, 'loop');
    await until(() => server.stats().inFlight === 1);
    await timePasses(client, 2 * HANG_MS);
    expect(server.stats().hangs).toBe(0);
    expect(isAlive(pid)).toBe(true);
    for (const worker of server.workers) process.kill(worker.pid ?? 0, 'SIGKILL');
  });
});

describe('the log of a death', () => {
  const ended = 'worker ended unexpectedly, restarting it';

  it.each([
    ['exit', { code: 7 }, { code: 7, signal: null }, /^it ended itself with exit code 7$/],
    ['abort', {}, { signal: 'SIGABRT' }, /^SIGABRT: it aborted itself; most often its JavaScript/],
  ])('by %s says why, for how long it ran and what it held', async (act, facts, end, why) => {
    const { client, lines, exited } = await serve();
    hold(client, act, facts);
    const report = { ...end, why: expect.stringMatching(why), held: 1 };
    expect(await exited).toMatchObject({ ...report, uptime: expect.any(Number) });
    const line = await until(() => lines.find(({ text }) => text === ended));
    expect(line).toMatchObject({ level: 'warn', facts: { ...report, worker: 0 } });
  });

  it('of a worker whose folder is gone says that, and which', async () => {
    const cwd = freshFolder();
    const { pid, lines } = await serve({ cwd });
    rmSync(cwd, { recursive: true });
    process.kill(pid, 'SIGKILL');
    const unstarted = await until(() => lines.filter(({ text }) => text === ended)[1]);
    expect(unstarted.facts).toMatchObject({
      worker: 0,
      why: 'there was no process: it could not be started',
      reason: expect.stringContaining(
        `ENOENT, since the folder that it is to start in is gone: ${cwd} (cwd). Make it again`,
      ),
    });
  });

  it('by a heap that is full says what it most often is', async () => {
    const { client, exited } = await serve({
      execArgv: ['--max-old-space-size=20'],
      hangTimeout: Infinity,
    });
    hold(client, 'fill');
    expect(await exited).toMatchObject({ why: expect.stringContaining('its JavaScript heap') });
  });

  it('by SIGKILL says that nobody in here did that', async () => {
    const { pid, exited } = await serve();
    process.kill(pid, 'SIGKILL');
    expect(await exited).toMatchObject({
      signal: 'SIGKILL',
      why: expect.stringMatching(/^SIGKILL: somebody killed it, or the kernel/),
      held: 0,
    });
  });
});
