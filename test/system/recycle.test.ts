/*
 * Workers that are well and are replaced nevertheless: after enough requests, with too much memory, when they are old. And a number
 * of workers that follows the load.
 */
import { writeFileSync } from 'node:fs';
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
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { closing } from '../support/closing.ts';
import { freshFolder, gone } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

/** Looks are a second apart, and processes take their time to start. */
const PATIENCE = { timeout: 40_000 };
const MIB = 1024 * 1024;

let module: string;
beforeEach(() => {
  module = path.join(freshFolder(), 'handler.mjs');
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

const HANDLER = `
const kept = [];
export default ({ keep = 0, blockMs = 0 } = {}) => {
  if (keep > 0) kept.push(Buffer.alloc(keep, 1));
  if (blockMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
  return process.pid;
};`;

async function serve(options: ScaleOptions) {
  writeFileSync(module, HANDLER);
  const { logger, lines } = recordingLogger();
  const server = closing(
    await scale(module, { workers: 2, bind: 'tcp://127.0.0.1:*', logger, ...options }),
  );
  const client = closing(connect<(request: object) => Promise<number>>(server.endpoints[0] ?? ''));
  return { server, client, lines };
}

function pidsOf(server: Server): number[] {
  return server.workers.map(({ pid }) => pid ?? 0);
}

describe('a worker', () => {
  it('is replaced after its requests, one at a time, and no request fails', PATIENCE, async () => {
    const { server, client } = await serve({ maxRequests: 50 });
    const old = pidsOf(server);
    const reasons: string[] = [];
    let least = 2;
    server.on('worker-recycling', ({ reason }) => reasons.push(reason));
    server.on('worker-started', () => {
      least = Math.min(least, server.workers.filter(({ state }) => state === 'ready').length);
    });
    const answered: number[] = [];
    while (server.stats().recycled < 2) answered.push(await client.request({}));
    await gone(old);
    expect(pidsOf(server).filter((pid) => old.includes(pid))).toEqual([]);
    expect(least).toBe(2);
    expect(reasons[0]).toMatch(/^it was given \d+ requests \(maxRequests 50\)$/);
    expect(answered.length).toBe(server.stats().replies);
    expect(server.stats().errors).toEqual({});
  });

  it('is replaced when it has more memory than it may', PATIENCE, async () => {
    const { server, client } = await serve({ workers: 1, maxMemory: 250 * 1024 * 1024 });
    const [old = 0] = pidsOf(server);
    const reasons: string[] = [];
    server.on('worker-recycling', ({ reason }) => reasons.push(reason));
    await client.request({ keep: 300 * 1024 * 1024 });
    await gone([old]);
    expect(reasons[0]).toMatch(/^it has \d+ MiB of memory, more than 250 \(maxMemory\)$/);
    expect(await client.request({})).toBe(pidsOf(server)[0]);
  });

  it('stays when a fresh one has more memory than it may, too', PATIENCE, async () => {
    const { server, client, lines } = await serve({ workers: 1, maxMemory: 1024 * 1024 });
    const told = await until(
      () =>
        lines.find(({ level, text }) => level === 'error' && /right after its start/.test(text)),
      undefined,
      { deadline: 30_000 },
    );
    expect(told.text).toMatch(
      /^a worker is not replaced: it has \d+ MiB of memory, more than 1 \(maxMemory\) right after its start; maxMemory must be above/,
    );
    expect(server.stats().recycled).toBe(1);
    expect(await client.request({})).toBe(pidsOf(server)[0]);
  });

  it('is replaced when it is old', PATIENCE, async () => {
    const { server } = await serve({ maxLifetime: 1500 });
    await gone(pidsOf(server));
    await until(() => server.stats().recycled >= 2, undefined, { deadline: 30_000 });
    expect(server.stats().errors).toEqual({});
  });

  it('stays when its successor does not become ready', PATIENCE, async () => {
    const { server, client, lines } = await serve({ workers: 1, maxRequests: 1 });
    writeFileSync(module, 'throw new Error("the new code is broken");');
    const pid = await client.request({});
    await until(() => lines.some(({ text }) => text === 'the worker was not replaced'), undefined, {
      deadline: 30_000,
    });
    expect(await client.request({})).toBe(pid);
    expect(server.stats().recycled).toBe(0);
  });
});

describe('autoscale', () => {
  it('starts between its limits', async () => {
    const { server } = await serve({ workers: 1, autoscale: { min: 2, max: 3 } });
    expect(server.workers.length).toBe(2);
    expect(server.workerCountReason).toBe('2 workers to start with, 2 to 3 by load');
  });

  /** For one worker fewer there must be thirty looks in a row, a second apart. */
  const QUIET = { deadline: 80_000 };

  it('adds a worker while requests wait, and takes it away when none come', {
    timeout: 120_000,
  }, async () => {
    const { server, client } = await serve({ workers: 1, autoscale: { min: 1, max: 2 } });
    const told: unknown[] = [];
    server.on('scaling', ({ workers, reason }) => told.push(['scaling', workers, reason]));
    server.on('worker-ready', ({ id }) => told.push(['ready', id]));
    server.on('worker-exited', ({ id, expected, held }) =>
      told.push(['exited', id, expected, held]),
    );
    const [first] = pidsOf(server);
    let isDone = false;
    const asking = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isDone) await client.request({ blockMs: 100 });
      }),
    );
    await until(() => told.length === 2, 'a second worker', { deadline: 30_000 });
    expect(told).toEqual([
      ['scaling', 2, expect.stringMatching(/^requests waited for \d+ ms$/)],
      ['ready', 1],
    ]);
    expect(server.workerCountReason).toMatch(/^2 workers: requests waited for \d+ ms$/);
    expect(server.workers.map(({ state }) => state)).toEqual(['ready', 'ready']);
    isDone = true;
    await asking;

    await until(() => told.length === 4, 'the second worker to go', QUIET);
    expect(told.slice(2)).toEqual([
      ['scaling', 1, expect.stringMatching(/^nothing waited, and the workers were busy for \d+ %/)],
      ['exited', 1, true, 0],
    ]);
    await until(() => server.workers.length === 1);
    expect(server.workerCountReason).toMatch(/^1 worker: nothing waited/);
    expect(await client.request({})).toBe(first);
    const { requests, replies, errors } = server.stats();
    expect({ replies, errors }).toEqual({ replies: requests, errors: {} });
  });
});

describe('on a machine that joined, a worker', () => {
  /** A service with one worker of its own, and a machine beside it. */
  async function joined(options: Partial<JoinOptions>) {
    const { server, client } = await serve({ workers: 1, backend: 'tcp://127.0.0.1:*' });
    const { logger } = recordingLogger();
    const [backend = ''] = server.backendEndpoints;
    const machine = closing(
      await join(module, { connect: backend, workers: 2, logger, ...options }),
    );
    const reasons: string[] = [];
    machine.on('worker-recycling', ({ reason }) => reasons.push(reason));
    await until(
      () => server.stats().workers.length === 1 + machine.workers.length,
      'workers of both',
    );
    return { client, machine, reasons };
  }

  const pids = (machine: Machine) => machine.workers.map(({ pid }) => pid ?? 0);

  it('is replaced after its requests, and no request fails', PATIENCE, async () => {
    const { client, machine, reasons } = await joined({ maxRequests: 50 });
    const old = pids(machine);
    while (pids(machine).some((pid) => old.includes(pid))) {
      await Promise.all(Array.from({ length: 12 }, () => client.request({ blockMs: 1 })));
    }
    await gone(old);
    expect(reasons[0]).toMatch(/^it was given \d+ requests \(maxRequests 50\)$/);
  });

  it('is replaced when it has more memory than it may', PATIENCE, async () => {
    const { client, machine, reasons } = await joined({ workers: 1, maxMemory: 250 * MIB });
    const old = pids(machine);
    const asked = { keep: 300 * MIB, blockMs: 500 };
    const answered = await Promise.all([client.request(asked), client.request(asked)]);
    expect(answered).toContain(old[0]);
    await gone(old);
    expect(reasons[0]).toMatch(/^it has \d+ MiB of memory, more than 250 \(maxMemory\)$/);
  });

  it('gets another one beside it while all are busy', PATIENCE, async () => {
    const { client, machine } = await joined({ workers: 1, autoscale: { min: 1, max: 2 } });
    const told: string[] = [];
    machine.on('scaling', ({ workers, reason }) => told.push(`${workers}: ${reason}`));
    let isDone = false;
    const asking = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isDone) await client.request({ blockMs: 100 });
      }),
    );
    await until(
      () => machine.workers.filter(({ state }) => state === 'ready').length === 2,
      undefined,
      { deadline: 30_000 },
    );
    isDone = true;
    await asking;
    expect(told).toEqual([
      expect.stringMatching(/^2: the workers were busy for \d+ % of the time$/),
    ]);
  });
});
