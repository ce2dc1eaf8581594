/*
 * The queue stays awake for what it expects soon, and for nothing else. Client and worker here wait for nobody, so that all that
 * keeps the event loop turning is the queue.
 */
import { context, Dealer, Reply } from '@zscale/transport';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { closing } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { backOf, frontOf, startQueue } from '../../support/worker-queue.ts';

const busyPoll = context.busyPoll;

beforeEach(() => {
  context.busyPoll = 0.1; // also on a machine with one CPU
});

afterEach(() => {
  context.busyPoll = busyPoll;
  vi.restoreAllMocks();
});

it('stays awake while a worker has a request, and not while one only waits for a worker', async () => {
  const stayAwake = vi.spyOn(context.poll, 'turnUntil');
  const queue = await startQueue();
  const client = closing(new Dealer());
  client.connect(frontOf(queue));
  client.trySend([Buffer.alloc(0), Buffer.from('a')]);
  await until(() => queue.stats().queued === 1);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(stayAwake).not.toHaveBeenCalled();

  const worker = closing(new Reply());
  worker.connect(backOf(queue));
  await until(() => queue.stats().inFlight === 1);
  client.trySend([Buffer.alloc(0), Buffer.from('b')]);
  await until(() => stayAwake.mock.calls.length > 0);
});
