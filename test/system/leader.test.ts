/*
 * leader(): of the workers of a service one leads, and never two.
 */
import { type Client, connect, leader, type ScaleOptions, type Server, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Program } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { until, within } from '../support/until.ts';

const LEADS = new URL('../fixtures/handlers/leads.mjs', import.meta.url);

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

/** A service and somebody who asks it. */
interface Served {
  readonly server: Server;
  readonly client: Client<(request: { act: string; ms?: number }) => unknown>;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

async function serve(options: ScaleOptions = {}): Promise<Served> {
  const server = closing(
    await scale(LEADS, { workers: 3, bind: 'tcp://127.0.0.1:*', logger: quiet, ...options }),
  );
  return { server, client: closing(connect(server.endpoints[0] ?? '')) };
}

/** Which of the workers said that it leads, when every process that is there now was asked. */
async function leadersOf({ server, client }: Served) {
  const answers = new Map<number, boolean>();
  await until(async () => {
    const { length } = server.workers;
    const asked = Array.from({ length }, () => client.request({ act: 'slowly', ms: 5 }));
    for (const answer of await Promise.all(asked)) {
      const { pid, leads } = answer as { pid: number; leads: boolean };
      answers.set(pid, leads);
    }
    return server.workers.every(({ pid = 0, state }) => state === 'ready' && answers.has(pid));
  });
  return server.workers.filter(({ pid = 0 }) => answers.get(pid)).map(({ id }) => id);
}

/** Waits until one of them leads; fails at once when two do. */
async function leaderOf(served: Served): Promise<number> {
  let leaders: number[] = [];
  await until(async () => {
    leaders = await leadersOf(served);
    return leaders.length > 0;
  });
  expect(leaders).toHaveLength(1);
  return leaders[0] ?? -1;
}

function pidOf(server: Server, id: number): number {
  return server.workers.find((worker) => worker.id === id)?.pid ?? 0;
}

describe('leader()', () => {
  it('is worker 0 of a service that has begun', async () => {
    expect(await leaderOf(await serve())).toBe(0);
  });

  it('is another when its process is gone, and stays that', async () => {
    const served = await serve();
    expect(await leaderOf(served)).toBe(0);
    const before = pidOf(served.server, 0);
    process.kill(before, 'SIGKILL');
    await until(() => pidOf(served.server, 0) !== before);
    const next = await leaderOf(served);
    expect(next).toBe(1);
    expect(await leaderOf(served)).toBe(next);
  });

  it('is the same worker again where it is the only one', async () => {
    const served = await serve({ workers: 1, restartDelay: 0 });
    expect(await leaderOf(served)).toBe(0);
    const before = pidOf(served.server, 0);
    process.kill(before, 'SIGKILL');
    await until(() => pidOf(served.server, 0) !== before);
    expect(await leaderOf(served)).toBe(0);
  });

  it('is no longer one that drains, and nobody until that is gone', async () => {
    const served = await serve({ workers: 2 });
    const { server, client } = served;
    expect(await leaderOf(served)).toBe(0);
    const before = pidOf(server, 0);
    const slow = [1, 2].map(() => client.request({ act: 'slowly', ms: 400 }));
    await until(() => server.stats().inFlight === 2);
    process.kill(before, 'SIGTERM'); // on its own: it is drained and replaced
    const answers = (await Promise.all(slow)) as { pid: number; leads: boolean }[];
    expect(answers.find(({ pid }) => pid === before)?.leads).toBe(false);
    await until(() => pidOf(server, 0) !== before);
    expect(await leaderOf(served)).toBe(1);
  });

  it('is one of those that stay when there are fewer', async () => {
    const served = await serve();
    await within(served.server.resize(1), 'resize()');
    expect(await leaderOf(served)).toBe(0);
    await within(served.server.resize(2), 'resize()');
    expect(await leaderOf(served)).toBe(0);
  });

  it('is no thread and no child of a worker, and not the process that called scale()', async () => {
    const { client } = await serve({ workers: 1 });
    await until(async () => {
      const { leads } = (await client.request({ act: 'who' })) as { leads: boolean };
      return leads;
    });
    expect(await client.request({ act: 'thread' })).toBe(false);
    expect(await client.request({ act: 'child' })).toBe('false');
    expect(leader()).toBe(false);
  });

  it('is a program that zscale does not run', async () => {
    const script = "import('@zscale/core').then(({ leader }) => console.log(leader()))";
    const { stdout } = await new Program(process.execPath, ['-e', script]).end();
    expect(stdout).toBe('true\n');
  });
});
