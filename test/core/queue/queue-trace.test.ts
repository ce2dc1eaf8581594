/*
 * What the queue tells OpenTelemetry of requests, however they end.
 */
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, it, vi } from 'vitest';
import { QueueTrace } from '../../../packages/core/src/queue/queue-trace.ts';
import type { WorkerQueueOptions } from '../../../packages/core/src/queue/worker-queue.ts';
import { openTelemetry } from '../../../packages/core/src/tracing/open-telemetry.ts';
import { RawWorker } from '../../support/raw-worker.ts';
import { type RegisteredSdk, registerSdk } from '../../support/sdk.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  frontOf,
  HeldRequests,
  plainWorker,
  reqClient,
  serve,
  shout,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const trace = { traceparent: TRACE, tracestate: 'a=1' };

async function tracedQueue(options: Partial<WorkerQueueOptions> = {}) {
  const sdk = registerSdk();
  const telemetry = openTelemetry(import.meta.url);
  if (telemetry === undefined) throw new Error('the SDK is not found');
  const queue = await startQueue({ ...options, trace: new QueueTrace(telemetry, 'api') });
  return { sdk, queue };
}

/** Of the one span that there is, or will be. */
async function onlySpan(sdk: RegisteredSdk): Promise<ReadableSpan> {
  await until(() => sdk.spans.length > 0, 'a span');
  expect(sdk.spans).toHaveLength(1);
  return sdk.spans[0] as ReadableSpan; // see above
}

describe('a request', () => {
  it('has a span below the one that its client said, which its worker is told', async () => {
    const { queue, sdk } = await tracedQueue();
    const worker = await RawWorker.join(queue);
    const reply = zscaleClient(frontOf(queue)).request('x', { id: 'order-7', trace });
    const { ticket, control } = await worker.take();
    worker.answer(ticket, 'done');
    await reply;
    const span = await onlySpan(sdk);
    const { spanId, traceId } = span.spanContext();
    expect(control).toEqual({ id: 'order-7', trace: `00-${traceId}-${spanId}-01`, state: 'a=1' });
    expect([traceId, span.parentSpanContext?.spanId]).toEqual(TRACE.split('-').slice(1, 3));
    expect(span.status.code).toBe(0);
    expect(span.attributes).toEqual({
      'zscale.service': 'api',
      'zscale.attempt': 1,
      'zscale.request.id': 'order-7',
      'zscale.queue.wait': expect.any(Number),
      'zscale.outcome': 'replied',
    });
  });

  it('of which nothing was said begins a trace of its own, also towards a plain REP worker', async () => {
    const { queue, sdk } = await tracedQueue();
    serve(await plainWorker(queue));
    expect(await ask(reqClient(queue), 'hello')).toEqual(['hello!']);
    const span = await onlySpan(sdk);
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.attributes['zscale.outcome']).toBe('replied');
  });

  it.each([
    ['ZSCALE_ERR_BUSY', { maxQueue: 0 }],
    ['ZSCALE_ERR_QUEUE_WAIT', { maxQueueWait: 20 }],
    ['ZSCALE_ERR_TIMEOUT', { timeout: 20 }],
  ])('that is refused %s has failed', async (code, limits) => {
    const { queue, sdk } = await tracedQueue(limits);
    await expect(zscaleClient(frontOf(queue)).request('x', { trace })).rejects.toThrow();
    const span = await onlySpan(sdk);
    expect(span.status).toMatchObject({ code: 2, message: code });
    expect(span.attributes).toMatchObject({ 'zscale.outcome': 'refused', 'error.type': code });
    expect(span.events).toEqual([]);
  });

  it('whose time is over in the hands of a worker has failed', async () => {
    const { queue, sdk } = await tracedQueue({ timeout: 50 });
    await zscaleWorker(queue, new HeldRequests().handle);
    await expect(zscaleClient(frontOf(queue)).request('x', { trace })).rejects.toThrow();
    const span = await onlySpan(sdk);
    expect(span.attributes['error.type']).toBe('ZSCALE_ERR_TIMEOUT');
    expect(span.events.map(({ name }) => name)).toEqual(['given']);
  });

  it('whose client gives it up has not failed, waiting or given', async () => {
    const { queue, sdk } = await tracedQueue();
    const client = zscaleClient(frontOf(queue));
    const waiting = new AbortController();
    const first = client.request('x', { trace, signal: waiting.signal });
    await until(() => queue.stats().queued === 1);
    waiting.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await until(() => sdk.spans.length === 1);
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle);
    const given = new AbortController();
    const second = client.request('x', { trace, signal: given.signal });
    await until(() => held.length === 1);
    given.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await until(() => sdk.spans.length === 2);
    const outcomes = sdk.spans.map(({ attributes, status }) => [
      attributes['zscale.outcome'],
      status.code,
    ]);
    expect(outcomes).toEqual(Array(2).fill(['cancelled', 0]));
  });

  it('that waits or is given when the queue closes has failed', async () => {
    const { queue, sdk } = await tracedQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { concurrency: 1 });
    const client = zscaleClient(frontOf(queue));
    const replies = Promise.allSettled([
      client.request('x'),
      client.request('y'),
      client.request('z'),
    ]);
    await until(() => held.length === 1 && queue.stats().requests === 3);
    await queue.close();
    await replies;
    expect(sdk.spans.map(({ attributes }) => attributes['error.type'])).toEqual(
      Array(3).fill('ZSCALE_ERR_STOPPING'),
    );
  });
});

it('measures how long requests wait and take, and what there is now', async () => {
  const { queue, sdk } = await tracedQueue({ maxQueue: 1 });
  const held = new HeldRequests();
  const client = zscaleClient(frontOf(queue));
  const first = client.request('x');
  await until(() => queue.stats().queued === 1);
  await expect(client.request('y')).rejects.toThrow();
  const attributes = { 'zscale.service': 'api' };
  expect(await sdk.collect()).toMatchObject({
    'zscale.queue.length': [{ attributes, value: 1 }],
    'zscale.queue.in_flight': [{ attributes, value: 0 }],
    'zscale.workers': [{ attributes, value: 0 }],
  });
  await zscaleWorker(queue, held.handle);
  await until(() => held.length === 1);
  expect(await sdk.collect()).toMatchObject({
    'zscale.queue.length': [{ value: 0 }],
    'zscale.queue.in_flight': [{ value: 1 }],
    'zscale.workers': [{ value: 1 }],
  });
  held.answer('done');
  await first;
  const { 'zscale.request.duration': durations, ...others } = await sdk.collect();
  expect(durations).toMatchObject([
    {
      attributes: { 'zscale.outcome': 'refused', 'error.type': 'ZSCALE_ERR_BUSY' },
      value: { count: 1 },
    },
    { attributes: { 'zscale.outcome': 'replied' }, value: { count: 1 } },
  ]);
  expect(others['zscale.queue.wait.duration']).toMatchObject([{ attributes, value: { count: 1 } }]);
  await queue.close();
  const stats = vi.spyOn(queue, 'stats');
  await sdk.collect();
  expect(stats).not.toHaveBeenCalled(); // nobody asks a queue that is closed
});

it('measures without spans where only a meter is registered', async () => {
  const sdk = registerSdk();
  const both = openTelemetry(import.meta.url);
  if (both === undefined) throw new Error('the SDK is not found');
  const { api, meter } = both;
  const telemetry = Object.assign(Object.create(both), { api, meter, tracer: undefined });
  const queue = await startQueue({ trace: new QueueTrace(telemetry, 'api') });
  await zscaleWorker(queue, shout);
  const reply = await zscaleClient(frontOf(queue)).request('x', { trace });
  expect(String(reply)).toBe('x!');
  expect(sdk.spans).toEqual([]);
  expect(await sdk.collect()).toMatchObject({
    'zscale.request.duration': [{ value: { count: 1 } }],
  });
});

it('costs no request when its SDK throws, and tells of that', async () => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const fail = (): never => {
    throw new Error('of a processor');
  };
  const telemetryFails = { onStart: fail, onEnd: fail, forceFlush: fail, shutdown: fail };
  registerSdk([telemetryFails as unknown as SpanProcessor]); // it never gives anything back
  const telemetry = openTelemetry(import.meta.url);
  const queue = await startQueue({ trace: telemetry && new QueueTrace(telemetry, 'api') });
  serve(await plainWorker(queue), () => 'done');
  const client = reqClient(queue);
  for (let i = 0; i < 3; i++) expect(await ask(client, 'x')).toEqual(['done']);
  expect((await warned).message).toContain('of a processor');
});
