/*
 * A worker process that its handler kills has said before whether the request may be done again. The queue is played by the test.
 */
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { forkWorker, launchHost } from '../../packages/core/src/supervisor/launch.ts';
import { PlayedQueue } from '../support/played-queue.ts';
import { within } from '../support/until.ts';

const DIES = new URL('../fixtures/handlers/dies.mjs', import.meta.url);

/** A worker process behind a queue. */
async function startWorker(queue: PlayedQueue) {
  const launch = launchHost(process, { env: {}, execArgv: [] });
  const worker = forkWorker(launch, {
    service: 0,
    serviceName: 'zscale',
    workerId: 0,
    generation: 1,
    reportsLoad: false,
    hangTimeout: Infinity,
    backends: [await queue.bind()],
    codec: 'raw',
    concurrency: 64,
    threads: 0,
    timeout: Infinity,
    module: DIES.href,
    exportName: undefined,
    maxMessageSize: Infinity,
    functions: 'messages',
    earlierEndpoints: [],
  });
  onTestFinished(() => void worker.kill('SIGKILL'));
  await within(once(worker, 'message'), 'the worker to be ready');
  return worker;
}

describe('a handler that dies of a request', () => {
  it.each([
    ['get and die', { idempotent: true }],
    ['get', { idempotent: true }],
  ])('has said before that %s may be done again', async (text, control) => {
    const queue = new PlayedQueue();
    const worker = await startWorker(queue);
    await queue.give(1, text);
    expect(await queue.heard()).toEqual({ ticket: 1, control, body: [] });
    if (text === 'get') expect((await queue.heard()).body).toEqual(['get']);
    else expect(await within(once(worker, 'exit'), 'its end')).toEqual([null, 'SIGKILL']);
  });
});
