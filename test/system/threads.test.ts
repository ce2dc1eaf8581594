/*
 * A service whose workers run their handler in threads: it computes on several CPUs in one process, a request that never ends
 * is ended alone, and so is one that takes its thread with it.
 */
import { connect, type ScaleOptions, type Server, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fixture, zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { until, within } from '../support/until.ts';
import { failureOf } from '../support/worker-queue.ts';

const IN_THREAD = new URL('../fixtures/handlers/in-thread.mjs', import.meta.url);

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

async function serve(options: ScaleOptions = {}): Promise<Server> {
  return closing(
    await scale(IN_THREAD, {
      workers: 1,
      threads: 2,
      bind: 'tcp://127.0.0.1:*',
      logger: quiet,
      env: { NODE_NO_WARNINGS: '1' }, // of threads that end, which is what tests want
      ...options,
    }),
  );
}

function clientOf(server: Server) {
  return closing(connect(server.endpoints[0] ?? ''));
}

/** The one process that there is, and how often it was replaced. */
function processOf(server: Server): object {
  return server.workers.map(({ pid, restarts }) => ({ pid, restarts }));
}

describe('a service with threads', () => {
  it('does as many requests at once in one process as it has threads', async () => {
    const server = await serve({ gracefulTimeout: 100 });
    const client = clientOf(server);
    const stuck = [1, 2].map(() => client.request({ act: 'never' }).catch(() => {}));
    await until(() => server.stats().inFlight === 2);
    const waiting = client.request({ act: 'who' }).catch(() => {});
    await until(() => server.stats().inFlight + server.stats().queued === 3);
    const free = await serve({ threads: 3, gracefulTimeout: 100 });
    const other = clientOf(free);
    for (let i = 0; i < 2; i++) stuck.push(other.request({ act: 'never' }).catch(() => {}));
    expect(await other.request({ act: 'who' })).toMatchObject({
      pid: free.workers[0]?.pid,
      isMainThread: false,
    });
    expect(server.stats().replies).toBe(0);
    await Promise.all([client.close(), other.close()]);
    await Promise.all([...stuck, waiting]);
  });

  it('ends a request that loops for ever, alone, and its process lives', async () => {
    const server = await serve({ timeout: 200 });
    const client = clientOf(server);
    const before = processOf(server);
    const runaways = [1, 2, 3].map(() => client.request({ act: 'loop' }));
    for (const runaway of runaways) {
      expect(await failureOf(runaway)).toMatchObject({ code: 'ZSCALE_ERR_TIMEOUT' });
    }
    const answer = await until(() =>
      client.request({ act: 'echo', value: 'here' }).catch(() => undefined),
    );
    expect(answer).toBe('here');
    expect(processOf(server)).toEqual(before);
  });

  it('loses one request with a thread that ends, and its process lives', async () => {
    const server = await serve({ execArgv: ['--max-old-space-size=48'] });
    const client = clientOf(server);
    const before = processOf(server);
    for (const request of [{ act: 'exit', code: 3 }, { act: 'throwLater' }, { act: 'eat' }]) {
      const other = client.request({ act: 'block', ms: 100 });
      expect(await failureOf(client.request(request))).toMatchObject({
        code: 'ZSCALE_ERR_WORKER_LOST',
      });
      expect(await other).toBe('blocked');
    }
    expect(processOf(server)).toEqual(before);
  });

  it('closes in order: what threads do is answered first', async () => {
    const server = await serve();
    const client = clientOf(server);
    const asked = [1, 2, 3, 4].map(() => client.request({ act: 'block', ms: 50 }));
    await until(() => server.stats().inFlight > 0);
    await within(server.close(), 'close()');
    expect(await Promise.all(asked)).toEqual(Array(4).fill('blocked'));
  });

  it('is what --threads makes', async () => {
    const args = [fixture('handlers/in-thread.mjs'), '--threads', '2', '--workers', '1'];
    const { endpoint } = await zscaleRun(args);
    const client = closing(connect(endpoint));
    expect(await client.request({ act: 'who' })).toMatchObject({ isMainThread: false });
  });

  it('does not start with a module that cannot be loaded, and says why', async () => {
    const module = fixture('handlers/throws.mjs');
    const started = scale(module, { threads: 2, workers: 1, bind: 'tcp://127.0.0.1:*' });
    expect(await failureOf(started)).toMatchObject({
      name: 'WorkerBootError',
      code: 'ZSCALE_ERR_LOAD',
      message: expect.stringContaining('the database is not there'),
    });
  });

  it('is refused for a function, with what to do', async () => {
    expect(await failureOf(scale(() => 0, { threads: 2 }))).toMatchObject({
      code: 'ZSCALE_ERR_OPTIONS',
      message: expect.stringMatching(/module of its own.*import\.meta\.url/),
    });
  });
});
