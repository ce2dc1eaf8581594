/*
 * Requests and replies in several messages, from an upstream through the queue to a worker and back.
 */
import { curveKeyPair } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { freshFolder } from '../../support/programs.ts';
import {
  open,
  RecordingUpstreamSink,
  startGatewayQueue,
  startUpstream,
  streamWorker,
} from '../../support/streaming.ts';
import { until } from '../../support/until.ts';
import { ask, frontOf, reqClient, zscaleClient } from '../../support/worker-queue.ts';

const MiB = 1024 * 1024;

/** Far above any test's end, in ms. */
const NEVER = 3_600_000;

/** A queue, an upstream and a worker, connected. */
async function setUp(options: Parameters<typeof startGatewayQueue>[0] = {}) {
  const { queue, gatewayEndpoint } = await startGatewayQueue(options);
  const { handler, worker } = await streamWorker(queue);
  const upstream = await startUpstream(gatewayEndpoint);
  return { queue, handler, worker, upstream, gatewayEndpoint };
}

describe('a whole exchange', () => {
  it('is one message each way', async () => {
    const { handler, upstream, queue } = await setUp();
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { sink } = open(upstream, ['GET /', 'body'], { control: { id: 'abc', trace } });
    const held = await handler.nth(0);
    expect(held.exchange.context.requestId).toBe('abc');
    expect(held.exchange.context.trace?.traceparent).toBe(trace);
    expect(held.exchange.isWhole).toBe(true);
    expect([held.head, held.text]).toEqual(['GET /', 'body']);
    held.reply(['200', 'hello', 'trailers']);
    await until(() => sink.isOver, 'the reply');
    expect([sink.head, sink.text, sink.trailers]).toEqual(['200', 'hello', 'trailers']);
    expect(sink.told).toEqual(['head', 'end']);
    expect(queue.stats()).toMatchObject({ replies: 1, streams: 0, streamParts: 0, inFlight: 0 });
  });
});

describe('a streamed exchange', () => {
  it('passes parts on in order, both ways at once, with trailers at the end', async () => {
    const { handler, upstream, queue } = await setUp();
    const { sink, exchange } = open(upstream, ['POST /', 'one '], { more: true });
    const held = await handler.nth(0);
    expect(held.exchange.isWhole).toBe(false);
    expect(queue.stats().streams).toBe(1);
    held.exchange.interim(Buffer.from('100'));
    await until(() => sink.interims.length === 1, 'the interim head');
    exchange.send(Buffer.from('two '), true);
    held.reply(['200', 'eins '], { more: true });
    exchange.send(Buffer.from('three'), false, Buffer.from('sum'));
    held.reply(['zwei '], { part: true, more: true });
    held.reply(['drei', 'Summe'], { part: true });
    await until(() => sink.isOver, 'the reply');
    expect(sink.interims).toEqual(['100']);
    expect([sink.head, sink.text, sink.trailers]).toEqual(['200', 'eins zwei drei', 'Summe']);
    expect(queue.stats()).toMatchObject({ replies: 1, streams: 0, inFlight: 0, streamFaults: 0 });
  });

  it('may have endless interim heads: those that do not fit are not sent, and the head never waits', async () => {
    const { handler, upstream, queue } = await setUp();
    const { sink } = open(upstream, ['GET']);
    const held = await handler.nth(0);
    for (let i = 0; i < 1000; i++) held.exchange.interim(Buffer.alloc(1000));
    held.reply(['200', 'x'.repeat(1000)], { more: true });
    held.reply(['end'], { part: true });
    await until(() => sink.isOver, 'the reply');
    expect(sink.error).toBeUndefined();
    expect(sink.interims.length).toBeGreaterThan(200);
    expect(sink.interims.length).toBeLessThan(300);
    expect(sink.bytes).toBe(1003);
    expect(queue.stats().streamFaults).toBe(0);
  });

  it('is cut to fit where messages may be small: only its head has to fit', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue({
      maxMessageSize: 10_000,
      gatewayEndpoint: `ipc://${freshFolder()}/gateway`,
    });
    const { handler } = await streamWorker(queue, { maxMessageSize: 10_000 });
    const upstream = await startUpstream(gatewayEndpoint, { maxMessageSize: 10_000 });
    const head = 'h'.repeat(9990);
    const { sink } = open(upstream, [head, 'x'.repeat(100_000)], { more: true });
    sink.exchange?.send(Buffer.alloc(0), false);
    const held = await handler.nth(0);
    await until(() => held.hasEnded, 'the request');
    expect([held.head.length, held.bytes]).toEqual([9990, 100_000]);
    held.reply([head, 'y'.repeat(100_000)]);
    await until(() => sink.isOver, 'the reply');
    expect([sink.error, sink.head?.length, sink.bytes]).toEqual([undefined, 9990, 100_000]);
    const large = open(upstream, ['h'.repeat(10_001)], { more: true });
    await until(() => large.sink.isOver, 'the refusal');
    expect(large.sink.error).toBe('EMSGSIZE');
  });

  it('gives large parts as Buffers, each byte where it was', async () => {
    const { handler, upstream } = await setUp();
    const { sink } = open(upstream, ['GET']);
    const held = await handler.nth(0);
    const bytes = Buffer.alloc(MiB, 'abcdefghijklm');
    held.exchange.reply([Buffer.from('200'), bytes], false, false);
    await until(() => sink.isOver, 'the end');
    expect(sink.chunks.every((chunk) => Buffer.isBuffer(chunk))).toBe(true);
    expect(sink.text === bytes.toString()).toBe(true);
  });

  it('carries 32 MiB up and down through windows of 256 KiB', async () => {
    const { handler, upstream, queue } = await setUp();
    const { sink, exchange } = open(
      upstream,
      ['POST /'],
      { more: true },
      new RecordingUpstreamSink({ keeps: false }),
    );
    const held = await handler.nth(0);
    const chunk = Buffer.alloc(MiB, 'x');
    for (let i = 1; i <= 32; i++) exchange.send(chunk, i < 32);
    await until(() => held.hasEnded, 'the end of the upload');
    expect(held.bytes).toBe(32 * MiB);
    held.exchange.reply([Buffer.from('200'), Buffer.alloc(32 * MiB)], false, false);
    await until(() => sink.isOver, 'the end of the download');
    expect(sink.error).toBeUndefined();
    expect(sink.bytes).toBe(32 * MiB);
    expect(queue.stats().streamFaults).toBe(0);
  });
});

describe('a request that waits while its parts come', () => {
  it('is given with all of them, in order, and what waits counts toward maxQueueBytes', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue();
    const upstream = await startUpstream(gatewayEndpoint);
    const { sink, exchange } = open(upstream, ['POST', 'a'], { more: true });
    exchange.send(Buffer.from('b'), true);
    exchange.send(Buffer.alloc(100_000, 'c'), true);
    await until(() => queue.stats().queuedBytes > 100_000, 'the parts to wait');
    expect(queue.stats()).toMatchObject({ queued: 1, inFlight: 0, streams: 1 });
    const { handler } = await streamWorker(queue);
    const held = await handler.nth(0);
    exchange.send(Buffer.from('d'), false, Buffer.from('sum'));
    await until(() => held.hasEnded, 'the end of the request');
    expect(held.text).toBe(`ab${'c'.repeat(100_000)}d`);
    expect(held.trailers).toBe('sum');
    expect(queue.stats()).toMatchObject({ queued: 0, queuedBytes: 0 });
    held.reply(['200', 'ok']);
    await until(() => sink.isOver, 'the reply');
    expect(sink.text).toBe('ok');
  });

  it('has one window: the sender is told to wait', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue();
    const upstream = await startUpstream(gatewayEndpoint);
    const { exchange } = open(upstream, ['POST'], { more: true });
    expect(exchange.send(Buffer.alloc(MiB), true)).toBe(false);
    await until(() => queue.stats().queuedBytes > 200_000, 'a window to wait');
    expect(queue.stats().queuedBytes).toBeLessThan(264 * 1024);
  });

  it('is refused when its parts go over maxQueueBytes', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue({ maxQueueBytes: 50_000 });
    const upstream = await startUpstream(gatewayEndpoint);
    const { sink, exchange } = open(upstream, ['POST'], { more: true });
    exchange.send(Buffer.alloc(40_000), true);
    await until(() => queue.stats().queuedBytes > 40_000, 'the first part');
    exchange.send(Buffer.alloc(40_000), true);
    await until(() => sink.isOver, 'the refusal');
    expect([sink.error, sink.errorText]).toEqual([
      'ZSCALE_ERR_BUSY',
      expect.stringContaining('maxQueueBytes'),
    ]);
    expect(queue.stats()).toMatchObject({ queued: 0, queuedBytes: 0, streams: 0 });
  });

  it('leaves nothing behind when it is taken back', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue();
    const upstream = await startUpstream(gatewayEndpoint);
    const { exchange } = open(upstream, ['POST'], { more: true });
    exchange.send(Buffer.alloc(40_000), true);
    await until(() => queue.stats().queuedBytes > 40_000, 'the part');
    exchange.cancel();
    await until(() => queue.stats().queued === 0, 'it to be gone');
    expect(queue.stats()).toMatchObject({ queuedBytes: 0, streams: 0, cancelled: 1 });
  });
});

describe('time', () => {
  it('is up for a request whose two sides are silent, and the worker hears so', async () => {
    const { handler, upstream, queue } = await setUp({ timeout: 60 });
    const { sink } = open(upstream, ['POST'], { more: true });
    const held = await handler.nth(0);
    await until(() => sink.isOver, 'the time to be up');
    expect(sink.error).toBe('ZSCALE_ERR_TIMEOUT');
    expect(sink.errorText).toContain('60 ms');
    await until(() => held.aborted !== undefined, 'the handler to be told');
    expect(held.exchange.context.signal.aborted).toBe(true);
    await until(() => queue.stats().workers[0]?.inFlight === 0, 'the worker to hold nothing');
    expect(queue.stats().streams).toBe(0);
  });

  it('begins anew with each part, so an upload may take longer than timeout', async () => {
    const { handler, upstream } = await setUp({ timeout: 400 });
    const { sink, exchange } = open(upstream, ['POST'], { more: true });
    const held = await handler.nth(0);
    const end = performance.now() + 1000;
    let sent = 0;
    while (performance.now() < end) {
      exchange.send(Buffer.from('x'), true);
      sent += 1;
      await until(() => held.bytes === sent, 'the part');
    }
    expect(held.exchange.context.remaining).toBeGreaterThan(0);
    expect(sink.isOver).toBe(false);
    exchange.send(Buffer.alloc(0), false);
    held.reply(['200']);
    await until(() => sink.isOver, 'the reply');
    expect(sink.error).toBeUndefined();
  });

  it('does not end a reply that has begun, and interim heads begin none', async () => {
    const { handler, upstream, queue } = await setUp({ timeout: 100 });
    const begun = open(upstream, ['GET one']);
    const interim = open(upstream, ['GET two']);
    (await handler.nth(0)).reply(['200'], { more: true });
    (await handler.nth(1)).exchange.interim(Buffer.from('103'));
    await until(() => interim.sink.isOver, 'the time of the other to be up');
    expect(interim.sink.error).toBe('ZSCALE_ERR_TIMEOUT');
    expect(begun.sink.told).toEqual(['head']);
    expect(handler.held[0]?.exchange.context.deadline).toBe(Infinity);
    expect(queue.stats()).toMatchObject({ streams: 1, inFlight: 1 });
  });

  it('that the client gave it holds too', async () => {
    const { handler, upstream } = await setUp({ timeout: NEVER });
    const { sink } = open(upstream, ['POST'], { more: true, control: { deadline: 60 } });
    await handler.nth(0);
    await until(() => sink.isOver, 'the time to be up');
    expect(sink.error).toBe('ZSCALE_ERR_TIMEOUT');
  });
});

describe('the end of', () => {
  it('a reply before that of its request ends both: the rest is dropped', async () => {
    const { handler, upstream, queue } = await setUp();
    const { sink, exchange } = open(upstream, ['POST'], { more: true });
    const held = await handler.nth(0);
    held.reply(['413', 'too large']);
    exchange.send(Buffer.from('on its way'), true);
    await until(() => sink.isOver, 'the reply');
    expect(exchange.send(Buffer.from('late'), true)).toBe(true);
    expect([sink.head, sink.text]).toEqual(['413', 'too large']);
    expect(held.told).toEqual([]);
    expect(queue.stats()).toMatchObject({ streams: 0, streamFaults: 0 });
  });

  it('a gateway is told to the workers of all its exchanges', async () => {
    const { handler, upstream, queue } = await setUp();
    open(upstream, ['GET one']);
    open(upstream, ['POST two'], { more: true });
    (await handler.nth(0)).reply(['200'], { more: true });
    await handler.nth(1);
    await until(() => queue.stats().streams === 2, 'both to stream');
    await upstream.close();
    await until(() => handler.held.every(({ aborted }) => aborted), 'both to be aborted');
    await until(() => queue.stats().workers[0]?.inFlight === 0, 'the worker to hold nothing');
    expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0, cancelled: 2 });
  });

  it('the queue ends every exchange with ZSCALE_ERR_STOPPING, after those that could be finished', async () => {
    const { handler, upstream, queue } = await setUp();
    const first = open(upstream, ['GET one']);
    const second = open(upstream, ['GET two']);
    (await handler.nth(0)).reply(['200'], { more: true });
    (await handler.nth(1)).reply(['200'], { more: true });
    await until(() => second.sink.head !== undefined, 'both to have begun');
    let isDrained = false;
    const drained = queue.drain().then(() => {
      isDrained = true;
    });
    const late = open(upstream, ['GET three']);
    await until(() => late.sink.isOver, 'the refusal of a new one');
    expect(late.sink.error).toBe('ZSCALE_ERR_STOPPING');
    handler.held[0]?.reply(['end'], { part: true });
    await until(() => first.sink.hasEnded, 'the first to end');
    expect(isDrained).toBe(false);
    await queue.close();
    await drained;
    await until(() => second.sink.isOver, 'the second to be ended');
    expect(second.sink.error).toBe('ZSCALE_ERR_STOPPING');
    await until(() => handler.held[1]?.aborted !== undefined, 'its handler to be told');
  });

  it('an upstream ends every exchange with ZSCALE_ERR_CLOSED, once', async () => {
    const { handler, upstream } = await setUp();
    const { sink } = open(upstream, ['GET']);
    (await handler.nth(0)).reply(['200'], { more: true });
    await until(() => sink.head !== undefined, 'the head');
    await upstream.close();
    expect(sink.told).toEqual(['head', 'error ZSCALE_ERR_CLOSED']);
    const late = open(upstream, ['GET']);
    expect(late.sink.isOver).toBe(false); // never from inside open()
    await until(() => late.sink.isOver, 'the refusal');
    expect(late.sink.error).toBe('ZSCALE_ERR_CLOSED');
  });
});

describe('a reply that is larger than a window', () => {
  it('is sent in parts also when its handler gives it whole, and waits for its reader', async () => {
    const { handler, upstream } = await setUp();
    const sink = new RecordingUpstreamSink({ reads: false });
    const { exchange } = open(upstream, ['GET'], {}, sink);
    const held = await handler.nth(0);
    held.reply(['200', 'x'.repeat(MiB), 'trailers']);
    await until(() => sink.bytes > 250_000, 'a window');
    expect(sink.bytes).toBeLessThanOrEqual(256 * 1024);
    let read = 0;
    await until(() => {
      exchange.grant(sink.bytes - read);
      read = sink.bytes;
      return sink.isOver;
    }, 'the end');
    expect([sink.bytes, sink.trailers]).toEqual([MiB, 'trailers']);
  });

  it('comes in one message to a client that takes no parts', async () => {
    const { handler, queue } = await setUp();
    const client = reqClient(queue);
    const reply = ask(client, 'GET');
    const held = await handler.nth(0);
    held.exchange.interim(Buffer.from('100'));
    expect(held.reply(['200', 'x'.repeat(MiB)], { more: true })).toBe(true);
    held.reply(['y'], { part: true, more: true });
    held.reply(['z', 'trailers'], { part: true });
    expect(await reply).toEqual(['200', `${'x'.repeat(MiB)}yz`, 'trailers']);
  });

  it('is an error where such a client may not have so much', async () => {
    const { queue } = await startGatewayQueue();
    const { handler } = await streamWorker(queue, { maxMessageSize: 10_000 });
    const reply = ask(reqClient(queue), 'GET');
    const held = await handler.nth(0);
    held.reply(['200'], { more: true });
    held.reply(['x'.repeat(20_000)], { part: true, more: true });
    expect((await reply)[0]).toMatch(/^-EMSGSIZE .*maxMessageSize/);
    await until(() => held.aborted !== undefined, 'the handler to be told');
    expect(held.aborted).toMatchObject({ code: 'EMSGSIZE' });
  });
});

describe('a gateway', () => {
  it('comes in by ipc too, where clients need keys', async () => {
    const keys = curveKeyPair();
    const { queue, gatewayEndpoint } = await startGatewayQueue({
      gatewayEndpoint: `ipc://${freshFolder()}/gateway`,
      curve: { ...keys, clients: [], workers: [] },
      backend: [],
    });
    expect(queue.endpoints).not.toContain(gatewayEndpoint);
    const upstream = await startUpstream(gatewayEndpoint);
    const { sink } = open(upstream, ['GET'], { more: true, control: { deadline: 50 } });
    await until(() => sink.isOver, 'an answer');
    expect(sink.error).toBe('ZSCALE_ERR_TIMEOUT');
    const plain = reqClient(queue);
    await plain.send('hello');
    await until(() => queue.stats().requests === 1);
    expect(queue.stats().requests).toBe(1);
  });

  it('is not pushed out of a full queue by others, nor pushes them out beyond its share', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue({ maxQueue: 4 });
    const upstream = await startUpstream(gatewayEndpoint);
    const sinks = [1, 2, 3, 4].map((n) => open(upstream, [`GET ${n}`]).sink);
    await until(() => queue.stats().queued === 4, 'the queue to be full');
    await expect(zscaleClient(frontOf(queue)).request('x')).rejects.toMatchObject({
      code: 'ZSCALE_ERR_BUSY',
    });
    expect(sinks.map(({ error }) => error)).toEqual(Array(4).fill(undefined));
    const fifth = open(upstream, ['GET 5']);
    await until(() => fifth.sink.isOver, 'the refusal');
    expect(fifth.sink.error).toBe('ZSCALE_ERR_BUSY');
  });

  it('with two queues gives each exchange to the one that has fewer of its own', async () => {
    const one = await startGatewayQueue();
    const other = await startGatewayQueue();
    const upstream = await startUpstream([one.gatewayEndpoint, other.gatewayEndpoint]);
    const early: Array<{ cancel(): void }> = [];
    await until(() => {
      early.push(open(upstream, ['GET']).exchange);
      return one.queue.stats().requests > 0 && other.queue.stats().requests > 0;
    }, 'both queues to be connected');
    for (const exchange of early) exchange.cancel();
    await until(() => one.queue.stats().queued + other.queue.stats().queued === 0);
    const sinks = Array.from({ length: 10 }, () => open(upstream, ['GET']).sink);
    await until(() => one.queue.stats().queued + other.queue.stats().queued === 10);
    expect([one.queue.stats().queued, other.queue.stats().queued]).toEqual([5, 5]);
    await one.queue.close();
    await until(() => sinks.filter(({ isOver }) => isOver).length === 5, 'half to be ended');
    expect(other.queue.stats().queued).toBe(5);
  });

  it('has no more open than maxExchanges', async () => {
    const { gatewayEndpoint } = await startGatewayQueue();
    const upstream = await startUpstream(gatewayEndpoint, { maxExchanges: 1 });
    const first = open(upstream, ['GET']);
    const second = open(upstream, ['GET']);
    await until(() => second.sink.isOver, 'the refusal');
    expect(second.sink.error).toBe('ZSCALE_ERR_BUSY');
    first.exchange.cancel();
    open(upstream, ['GET']);
    expect(upstream.stats()).toMatchObject({ open: 1, exchanges: 2 });
  });

  it('has a request done again that it calls idempotent, without retries, and no other', async () => {
    const { queue, upstream, worker, handler } = await setUp();
    const safe = open(upstream, ['GET'], { control: { idempotent: true } });
    const unsafe = open(upstream, ['POST']);
    await handler.nth(1);
    worker.close();
    await until(() => unsafe.sink.isOver, 'the loss');
    expect(unsafe.sink.error).toBe('ZSCALE_ERR_WORKER_LOST');
    const isAlone = (): boolean => queue.stats().workers.length === 0;
    await until(isAlone);
    const second = await streamWorker(queue);
    expect((await second.handler.nth(0)).exchange.context.attempt).toBe(2);
    second.worker.close();
    await until(isAlone);
    const third = await streamWorker(queue);
    await third.handler.nth(0);
    third.worker.close();
    await until(() => safe.sink.isOver, 'the end of all attempts');
    expect(safe.sink.errorText).toContain('3 workers');
    expect(queue.stats()).toMatchObject({ retried: 2, keptBytes: 0 });
  });

  it('has nothing done again of which a head came', async () => {
    const { queue, upstream, worker, handler } = await setUp();
    const { sink } = open(upstream, ['GET'], { control: { idempotent: true } });
    (await handler.nth(0)).exchange.interim(Buffer.from('103'));
    await until(() => sink.interims.length === 1, 'the interim head');
    expect(queue.stats().keptBytes).toBe(0);
    worker.close();
    await until(() => sink.isOver, 'the loss');
    expect(sink.error).toBe('ZSCALE_ERR_WORKER_LOST');
  });
});
