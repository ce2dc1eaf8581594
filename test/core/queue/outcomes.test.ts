/*
 * How requests ended, and what they waited and took, by worker and pool: no count falls, also when the worker is gone.
 */
import { describe, expect, it } from 'vitest';
import type { WorkerQueue } from '../../../packages/core/src/queue/worker-queue.ts';
import { RawWorker } from '../../support/raw-worker.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  HeldRequests,
  plainWorker,
  reqClient,
  serve,
  shout,
  startQueue,
  zscaleWorker,
} from '../../support/worker-queue.ts';

/** Outcomes as plain data, by worker. */
function outcomesOf(queue: WorkerQueue): Record<string, Record<string, number>> {
  return Object.fromEntries(
    queue
      .outcomes()
      .map(({ worker, ok, others }) => [worker, { ok, ...Object.fromEntries(others) }]),
  );
}

describe('outcomes', () => {
  it('are counted by worker, and stay when it goes and another one takes its place', async () => {
    const queue = await startQueue();
    const first = await zscaleWorker(queue, shout, { workerId: 3, generation: 1 });
    const client = reqClient(queue);
    await ask(client, 'a');
    await ask(client, 'b');
    first.close();
    await until(() => queue.stats().workers.length === 0);
    expect(outcomesOf(queue)).toEqual({ '3': { ok: 2 } });
    await zscaleWorker(queue, shout, { workerId: 3, generation: 2 });
    await ask(client, 'c');
    expect(outcomesOf(queue)).toEqual({ '3': { ok: 3 } });
  });

  it('tell errors of the handler from requests that were lost, late or given up', async () => {
    const queue = await startQueue();
    const failing = await zscaleWorker(
      queue,
      () => {
        throw new Error('no');
      },
      { workerId: 0 },
    );
    const client = reqClient(queue);
    expect(await ask(client, 'x')).toEqual([expect.stringContaining('ZSCALE_ERR_HANDLER')]);
    failing.close();
    await until(() => queue.stats().workers.length === 0);
    const held = new HeldRequests();
    const lost = await RawWorker.join(queue, { 'X-Zscale-Worker': '1' });
    const refused = ask(client, 'y');
    await lost.take();
    lost.peer.reset();
    expect(await refused).toEqual([expect.stringContaining('ZSCALE_ERR_WORKER_LOST')]);
    await zscaleWorker(queue, held.handle, { workerId: 2 });
    const gone = dealerClient(queue);
    await gone.send(['', 'z']);
    await until(() => held.length === 1);
    gone.close();
    await until(() => queue.stats().cancelled === 1);
    expect(outcomesOf(queue)).toEqual({
      '0': { ok: 0, handler: 1 },
      '1': { ok: 0, ZSCALE_ERR_WORKER_LOST: 1 },
      '2': { ok: 0, cancelled: 1 },
    });
  });

  it('count workers that are not ours together', async () => {
    const queue = await startQueue();
    serve(await plainWorker(queue));
    serve(await plainWorker(queue));
    const clients = [reqClient(queue), reqClient(queue)];
    await Promise.all(clients.map((client) => ask(client, 'x')));
    expect(outcomesOf(queue)).toEqual({ plain: { ok: 2 } });
  });
});

describe('times', () => {
  it('tell what requests waited for a worker from what it took', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    const client = dealerClient(queue);
    await client.send(['', 'x']);
    await until(() => (queue.times()[0]?.longestWait ?? 0) > 2);
    expect(queue.times()[0]).toMatchObject({ pool: undefined, queued: 1, waits: { count: 0 } });
    const sent = performance.now();
    await zscaleWorker(queue, held.handle);
    await until(() => held.length === 1 && performance.now() - sent > 5);
    held.answer('y');
    await client.receive();
    const [times] = queue.times();
    expect(times).toMatchObject({ queued: 0, waits: { count: 1 }, services: { count: 1 } });
    expect(times?.waits.sum).toBeGreaterThan(2);
    expect(times?.services.sum).toBeGreaterThan(0);
  });

  it('are those of the first worker, where a request is given to another one', async () => {
    const queue = await startQueue({ retries: 1 });
    const lost = await RawWorker.join(queue);
    const reply = ask(reqClient(queue), 'x');
    await lost.take();
    lost.peer.reset();
    await until(() => queue.stats().retried === 1);
    await zscaleWorker(queue, shout);
    expect(await reply).toEqual(['x!']);
    expect(queue.times()[0]).toMatchObject({ waits: { count: 1 }, services: { count: 1 } });
  });
});
