/*
 * Streamed exchanges with workers in processes of their own: what a client gets when a worker is killed in the middle, when it is
 * replaced, and what is held where a reader is slow.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { WorkerQueue } from '../../packages/core/src/queue/worker-queue.ts';
import { freshFolder } from '../support/programs.ts';
import {
  open,
  RecordingUpstreamSink,
  startGatewayQueue,
  startUpstream,
} from '../support/streaming.ts';
import { until, within } from '../support/until.ts';

const WORKER = fileURLToPath(new URL('../fixtures/streams/worker.mjs', import.meta.url));
const MiB = 1024 * 1024;

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

/** A queue with an upstream, whose workers come by ipc. */
async function serve() {
  const backend = `ipc://${freshFolder()}/backend`;
  const { queue, gatewayEndpoint } = await startGatewayQueue({
    backend: [backend],
    ownEndpoint: backend,
  });
  return { queue, upstream: await startUpstream(gatewayEndpoint), backend };
}

/** A worker process that the queue knows. */
async function startWorker(
  queue: WorkerQueue,
  backend: string,
  generation = 1,
): Promise<ChildProcess> {
  const before = queue.stats().workers.length;
  const child = fork(WORKER, [backend, `${generation}`], { execArgv: ['--expose-gc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await until(() => queue.stats().workers.length > before, 'the worker to be connected');
  return child;
}

/** What a worker reports next. */
async function reported(child: ChildProcess): Promise<Record<string, unknown>> {
  const [message] = await within(once(child, 'message'), 'a report of the worker');
  return message as Record<string, unknown>;
}

async function memoryOf(child: ChildProcess): Promise<number> {
  const report = reported(child);
  child.send('memory');
  return Number((await report).memory);
}

const head = (what: object): string[] => [JSON.stringify(what)];

describe('a worker process that streams', () => {
  it('takes an upload and gives a download of 64 MiB', async () => {
    const { queue, upstream, backend } = await serve();
    await startWorker(queue, backend);
    const up = open(upstream, head({ up: true }), { more: true });
    const chunk = Buffer.alloc(MiB);
    for (let i = 1; i <= 64; i++) up.exchange.send(chunk, i < 64);
    const down = open(
      upstream,
      head({ down: 64 * MiB }),
      {},
      new RecordingUpstreamSink({ keeps: false }),
    );
    await until(() => up.sink.isOver && down.sink.isOver, 'both ends');
    expect([up.sink.error, down.sink.error]).toEqual([undefined, undefined]);
    expect(up.sink.text).toBe(`${64 * MiB}`);
    expect(down.sink.bytes).toBe(64 * MiB);
    expect(queue.stats()).toMatchObject({ streams: 0, streamFaults: 0, inFlight: 0 });
  });
});

describe('a worker that is killed', () => {
  it('in the middle of its reply: the client has what came, and hears that the worker is lost', async () => {
    const { queue, upstream, backend } = await serve();
    await startWorker(queue, backend);
    const { sink } = open(upstream, head({ down: 1000, end: 'die' }), {
      control: { idempotent: true },
    });
    await until(() => sink.isOver, 'the loss');
    expect(sink.head).toBe('head');
    expect(sink.error).toBe('ZSCALE_ERR_WORKER_LOST');
    expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0, retried: 0 });
  });

  it('in the middle of an upload: the client hears so at once, and it is not done again', async () => {
    const { queue, upstream, backend } = await serve();
    await startWorker(queue, backend);
    await startWorker(queue, backend, 2);
    const { sink, exchange } = open(upstream, head({ up: true, dieAt: MiB }), {
      more: true,
      control: { idempotent: true },
    });
    exchange.send(Buffer.alloc(2 * MiB), true);
    await until(() => sink.isOver, 'the loss');
    expect(sink.error).toBe('ZSCALE_ERR_WORKER_LOST');
    expect(sink.head).toBeUndefined();
    expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0, retried: 0 });
  });

  it('before it answered a whole request that may be done again: another worker does', async () => {
    const { queue, upstream, backend } = await serve();
    const first = await startWorker(queue, backend);
    process.kill(first.pid ?? 0, 'SIGSTOP');
    const { sink } = open(upstream, [JSON.stringify({ up: true }), 'body'], {
      control: { idempotent: true },
    });
    await until(() => queue.stats().inFlight === 1, 'the request to be given');
    await startWorker(queue, backend, 2);
    first.kill('SIGKILL');
    await until(() => sink.isOver, 'the reply of the other worker');
    expect(sink.error).toBeUndefined();
    expect(sink.text).toBe('4');
    expect(queue.stats().retried).toBe(1);
  });
});

describe('a worker that is replaced', () => {
  it('finishes its streams, gets nothing new, and is done then', async () => {
    const { queue, upstream, backend } = await serve();
    const old = await startWorker(queue, backend);
    const sink = new RecordingUpstreamSink({ reads: false, keeps: false });
    const { exchange } = open(upstream, head({ down: 8 * MiB }), {}, sink);
    await until(() => sink.bytes > 100_000, 'the download to begin');
    await startWorker(queue, backend, 2);
    let isDrained = false;
    const drained = queue.drainWorker(1).then(() => {
      isDrained = true;
    });
    const report = reported(old);
    old.send('drain');
    const other = open(upstream, head({ up: true }));
    await until(() => other.sink.isOver, 'the other worker to answer');
    expect(isDrained).toBe(false);
    let read = 0;
    await until(() => {
      exchange.grant(sink.bytes - read);
      read = sink.bytes;
      return sink.isOver;
    }, 'the download to end');
    await within(drained, 'the worker to hold nothing');
    expect(await report).toEqual({ drained: true });
    expect([sink.bytes, sink.error]).toEqual([8 * MiB, undefined]);
  });
});

describe('a client that goes', () => {
  it('is told to the worker at once', async () => {
    const { queue, upstream, backend } = await serve();
    const worker = await startWorker(queue, backend);
    const { sink, exchange } = open(upstream, head({ open: true }));
    await until(() => sink.head !== undefined, 'the head');
    const report = reported(worker);
    exchange.cancel();
    expect(await report).toEqual({ aborted: true });
    await until(() => queue.stats().workers[0]?.inFlight === 0, 'the worker to hold nothing');
    expect(queue.stats()).toMatchObject({ cancelled: 1, streams: 0 });
  });
});

describe('a side that does not read', () => {
  it('makes the other wait: a download of 256 MiB takes up a window', async () => {
    const { queue, upstream, backend } = await serve();
    const worker = await startWorker(queue, backend);
    const before = await memoryOf(worker);
    const ours = process.memoryUsage.rss();
    const sink = new RecordingUpstreamSink({ reads: false });
    const { exchange } = open(upstream, head({ down: 256 * MiB }), {}, sink);
    await until(() => sink.bytes > 200_000, 'a window to be full');
    expect((await memoryOf(worker)) - before).toBeLessThan(32 * MiB);
    expect(process.memoryUsage.rss() - ours).toBeLessThan(32 * MiB);
    expect(sink.bytes).toBeLessThanOrEqual(256 * 1024);
    exchange.cancel();
  });

  it('makes an upload wait: the sender is told to, and no more than a window is with the worker', async () => {
    const { queue, upstream, backend } = await serve();
    const worker = await startWorker(queue, backend);
    const before = await memoryOf(worker);
    const { exchange, sink } = open(upstream, head({ up: true, slow: true }), { more: true });
    let sent = 0;
    const chunk = Buffer.alloc(MiB / 16);
    while (exchange.send(chunk, true)) sent += chunk.length;
    expect(sent).toBeLessThanOrEqual(256 * 1024);
    await until(() => queue.stats().streamParts > 0, 'the parts to be passed on');
    expect((await memoryOf(worker)) - before).toBeLessThan(32 * MiB);
    expect(sink.windows).toBe(0);
    exchange.cancel();
  });
});

describe('endless replies', () => {
  it('take no place from others: a worker has 1000 of them open and answers', async () => {
    const { queue, upstream, backend } = await serve();
    const worker = await startWorker(queue, backend);
    const sinks = Array.from({ length: 1000 }, () => open(upstream, head({ open: true })).sink);
    await until(() => sinks.every((sink) => sink.head !== undefined), '1000 heads');
    const { sink } = open(upstream, [JSON.stringify({ up: true }), 'body']);
    await until(() => sink.isOver, 'a reply beside them');
    expect(sink.text).toBe('4');
    expect(queue.stats()).toMatchObject({ streams: 1000, inFlight: 1000 });
    worker.kill('SIGKILL');
    await until(() => sinks.every(({ error }) => error !== undefined), 'all to be told');
    expect(new Set(sinks.map(({ error }) => error))).toEqual(new Set(['ZSCALE_ERR_WORKER_LOST']));
  });
});
