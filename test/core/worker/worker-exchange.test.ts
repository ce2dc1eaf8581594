/*
 * Exchanges in a worker, whose queue the test plays.
 */
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import type { Control } from '../../../packages/core/src/messages/control.ts';
import { WINDOW_BYTES } from '../../../packages/core/src/messages/streams.ts';
import type { WorkerSocketOptions } from '../../../packages/core/src/worker/worker-socket.ts';
import { closing } from '../../support/closing.ts';
import { PlayedQueue } from '../../support/played-queue.ts';
import { ExchangeHandler } from '../../support/streaming.ts';
import { until, within } from '../../support/until.ts';
import { workerSocket } from '../../support/worker-queue.ts';

const UPLOAD: Control = { streams: true, more: true };
const PART: Control = { part: true, more: true };
const LAST: Control = { part: true };

/** A worker behind a queue that the test plays. */
async function setUp(options: Partial<WorkerSocketOptions> = {}) {
  const queue = new PlayedQueue();
  const handler = new ExchangeHandler();
  const worker = workerSocket(() => [], { handler, ...options });
  worker.connect(await queue.bind());
  return { queue, handler, worker };
}

describe('a request that is kept while others have all places', () => {
  it('has its parts when it is begun', async () => {
    const { queue, handler } = await setUp({ concurrency: 1 });
    await queue.give(1, 'first', { streams: true });
    const first = await handler.nth(0);
    await queue.give(2, 'second', UPLOAD);
    await queue.say(2, PART, 'one ');
    await queue.say(2, LAST, 'two', 'sum');
    await queue.say(1, { grant: 64 }); // more than was sent: when this is answered, all before it was read
    expect(await queue.heard()).toMatchObject({ ticket: 1, control: { error: true } });
    expect(first.aborted).toBeDefined();
    const second = await handler.nth(1);
    await until(() => second.hasEnded, 'the parts');
    expect([second.text, second.trailers]).toEqual(['one two', 'sum']);
  });

  it('is answered at once when it is taken back, with all that came of it', async () => {
    const { queue, handler } = await setUp({ concurrency: 1 });
    await queue.give(1, 'first', { streams: true });
    const first = await handler.nth(0);
    await queue.give(2, 'second', UPLOAD);
    await queue.say(2, PART, 'one');
    await queue.say(2, { cancel: true });
    expect(await queue.heard()).toMatchObject({ ticket: 2, control: { error: true } });
    first.reply(['done']);
    await queue.give(3, 'third', { streams: true });
    expect((await handler.nth(1)).head).toBe('third');
  });
});

describe('parts and grants', () => {
  it('reach an exchange that has a place while all places are taken', async () => {
    const { queue, handler } = await setUp({ concurrency: 1 });
    await queue.give(1, 'only', UPLOAD);
    const held = await handler.nth(0);
    await queue.say(1, PART, 'more');
    await until(() => held.text === 'more', 'the part');
  });

  it('of an exchange that is over are dropped', async () => {
    const { queue, handler } = await setUp();
    await queue.give(1, 'one', UPLOAD);
    const held = await handler.nth(0);
    held.reply(['enough']);
    expect((await queue.heard()).body).toEqual(['enough']);
    await queue.say(1, PART, 'late');
    await queue.say(1, { grant: 1 });
    await queue.give(2, 'two', { streams: true });
    await handler.nth(1);
    expect(held.told).toEqual([]);
  });
});

describe('a queue that breaks the rules', () => {
  it.each<[string, string, (queue: PlayedQueue) => Promise<void>]>([
    [
      'a part behind the last',
      'behind the last',
      async (queue) => {
        await queue.say(1, LAST, 'x');
        await queue.say(1, LAST, 'x');
      },
    ],
    [
      'more than a window',
      'not granted',
      async (queue) => {
        for (let i = 0; i < 4; i++) await queue.say(1, PART, Buffer.alloc(WINDOW_BYTES / 4));
      },
    ],
    ['a grant of what was not sent', 'than was sent', (queue) => queue.say(1, { grant: 9 })],
  ])('by %s: the exchange ends with an error, for both sides', async (_, what, misbehave) => {
    const { queue, handler, worker } = await setUp();
    await queue.give(1, 'one', UPLOAD);
    const held = await handler.nth(0);
    held.reads = false;
    await misbehave(queue);
    expect(await queue.heard()).toMatchObject({
      ticket: 1,
      control: { error: true },
      body: [expect.stringMatching(new RegExp(`^-ZSCALE_ERR_STREAM .*${what}`))],
    });
    expect(held.aborted).toMatchObject({ code: 'ZSCALE_ERR_STREAM' });
    expect(held.exchange.context.signal.aborted).toBe(true);
    expect(worker.waiting).toBe(0);
  });
});

describe('a handler', () => {
  it('that throws, or sets no sink, ends its exchange with an error', async () => {
    let sets = false;
    const handler = {
      handle: () => [],
      accept: (): void => {
        if (sets) throw Object.assign(new Error('no'), { code: 'NO_GOOD' });
      },
    };
    const { queue } = await setUp({ handler });
    await queue.give(1, 'one', { streams: true });
    expect((await queue.heard()).body[0]).toMatch(/^-ZSCALE_ERR_HANDLER accept\(\) must set/);
    sets = true;
    await queue.give(2, 'two', { streams: true });
    expect((await queue.heard()).body[0]).toBe('-NO_GOOD no');
  });

  it('whose sink throws does so where nobody catches, and others have their turn', async () => {
    const { queue, handler } = await setUp();
    await queue.give(1, 'one', UPLOAD);
    const held = await handler.nth(0);
    held.onPart = () => {
      throw new Error('in a listener');
    };
    const thrown = new Promise((resolve) => {
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const listener of listeners) process.on('uncaughtException', listener);
        resolve(error);
      });
    });
    await queue.say(1, PART, 'x');
    await queue.give(2, 'two', { streams: true });
    expect(await within(thrown, 'the error')).toMatchObject({ message: 'in a listener' });
    expect((await handler.nth(1)).head).toBe('two');
  });

  it('that replies out of order is told so where it does', async () => {
    const { queue, handler } = await setUp();
    await queue.give(1, 'one', { streams: true });
    const held = await handler.nth(0);
    expect(() => held.reply(['x'], { part: true })).toThrow('a head (isPart false) before');
    held.reply(['head'], { more: true });
    expect(() => held.reply(['head'])).toThrow('a part (isPart true)');
    held.exchange.reply([Buffer.alloc(WINDOW_BYTES * 2)], true, false);
    expect(() => held.reply(['x'], { part: true })).toThrow('ended already');
  });

  it('may fail in the middle of a reply, once, and hears nothing more', async () => {
    const { queue, handler } = await setUp();
    await queue.give(1, 'one', { streams: true });
    const held = await handler.nth(0);
    held.reply(['head'], { more: true });
    held.exchange.fail(new Error('broken'));
    held.exchange.fail(new Error('again'));
    expect(held.reply(['x'], { part: true })).toBe(true);
    expect(await queue.heard()).toMatchObject({ control: { more: true }, body: ['head'] });
    expect((await queue.heard()).body).toEqual(['-ZSCALE_ERR_HANDLER broken']);
    await queue.say(1, { cancel: true });
    await queue.give(2, 'two', { streams: true });
    await handler.nth(1);
    expect(held.told).toEqual([]);
  });

  it('without accept() gets no request in several messages: it is answered', async () => {
    const { queue } = await setUp({ handler: { handle: (request) => request } });
    await queue.give(1, 'one', UPLOAD);
    await queue.say(1, LAST, 'x');
    expect((await queue.heard()).body[0]).toMatch(/^-ENOTSUP /);
    await queue.give(2, 'two', { streams: true });
    expect((await queue.heard()).body).toEqual(['two']);
  });
});

describe('a worker that is drained', () => {
  it('waits for exchanges, those that have begun their reply among them', async () => {
    const { queue, handler, worker } = await setUp();
    await queue.give(1, 'one', { streams: true });
    const held = await handler.nth(0);
    held.reply(['head'], { more: true });
    expect(worker.waiting).toBe(0);
    let isDrained = false;
    const drained = worker.drain().then(() => {
      isDrained = true;
    });
    expect((await queue.heard()).control).toEqual({ more: true });
    expect((await queue.heard()).control).toEqual({ drain: true });
    await queue.drain();
    await queue.give(2, 'answers', { streams: true });
    (await handler.nth(1)).reply(['answered']);
    await queue.heard();
    expect(isDrained).toBe(false);
    held.reply(['end'], { part: true });
    await within(drained, 'the drain');
  });

  it('aborts exchanges whose queue is gone', async () => {
    const { queue, handler, worker } = await setUp();
    await queue.give(1, 'one', UPLOAD);
    await queue.give(2, 'two', { streams: true });
    const one = await handler.nth(0);
    const two = await handler.nth(1);
    two.reply(['head'], { more: true });
    queue.close();
    await until(() => one.aborted && two.aborted, 'both to be aborted');
    expect([one.told, two.told]).toEqual([['abort'], ['abort']]);
    expect(one.exchange.context.signal.reason).toMatchObject({ code: 'ZSCALE_ERR_CANCELLED' });
    expect(worker.waiting).toBe(0);
  });
});

describe('behind a queue that does not speak zscale', () => {
  it('an exchange is whole, and its reply goes out in one message', async () => {
    const dealer = closing(new Dealer());
    await dealer.bind('tcp://127.0.0.1:*');
    const handler = new ExchangeHandler();
    workerSocket(() => [], { handler }).connect(dealer.lastEndpoint ?? '');
    await dealer.send(['client', '', 'head', 'body']);
    const held = await handler.nth(0);
    expect([held.head, held.text, held.exchange.isWhole]).toEqual(['head', 'body', true]);
    held.reply(['200', 'a'], { more: true });
    held.reply(['b'], { part: true });
    const reply = await within(dealer.receive(), 'the reply');
    expect(reply.map(String)).toEqual(['client', '', '200', 'ab']);
  });
});
