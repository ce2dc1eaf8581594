/*
 * What a worker makes of what a queue says about requests: how long they may take, that nobody waits any more, and which of them
 * may be done again. The queue is a DEALER that announces X-Zscale and writes its frames by hand.
 */
import { describe, expect, it } from 'vitest';
import type { RequestContext } from '../../../packages/core/src/handlers/request-context.ts';
import type { WorkerSocketOptions } from '../../../packages/core/src/worker/worker-socket.ts';
import { PlayedQueue } from '../../support/played-queue.ts';
import { RawListener } from '../../support/raw-peer.ts';
import { until, within } from '../../support/until.ts';
import {
  type Handle,
  READY_ZSCALE,
  requestHost,
  shout,
  workerSocket,
} from '../../support/worker-queue.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
async function behindQueue(handle: Handle, options: Partial<WorkerSocketOptions> = {}) {
  const queue = new PlayedQueue();
  const worker = workerSocket(handle, options);
  worker.connect(await queue.bind());
  return { queue, worker };
}

/** A handler that keeps each request with its context until it is let go. */
class Keeper {
  readonly contexts: RequestContext[] = [];
  readonly texts: string[] = [];
  readonly #release: (() => void)[] = [];

  readonly handle: Handle = ([body = Buffer.alloc(0)], context) => {
    this.contexts.push(context);
    this.texts.push(body.toString());
    return new Promise((resolve) => {
      this.#release.push(() => resolve([body]));
    });
  };

  release(): void {
    this.#release.shift()?.();
  }
}

const CANCELLED = [expect.stringMatching(/^-ZSCALE_ERR_CANCELLED Nobody waits/)];

/** Blocks the event loop, as a handler that computes does. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('a request that comes with a control frame', () => {
  it('tells the handler what it says, and is answered like any other', async () => {
    const keeper = new Keeper();
    const { queue } = await behindQueue(keeper.handle);
    await queue.give(1, 'a', { id: 'order-1', deadline: 5000, trace: TRACE, attempt: 3 });
    const [context] = await until(() => keeper.contexts.length > 0 && keeper.contexts);
    expect(context).toMatchObject({
      requestId: 'order-1',
      attempt: 3,
      trace: { traceparent: TRACE, tracestate: undefined },
    });
    expect((context?.deadline ?? 0) - Date.now()).toBeLessThanOrEqual(5000);
    keeper.release();
    expect(await queue.heard()).toEqual({ ticket: 1, control: undefined, body: ['a'] });
  });

  it('is named after its ticket and has the service’s time where the frame says neither', async () => {
    const keeper = new Keeper();
    const { queue } = await behindQueue(keeper.handle, { host: requestHost(70_000) });
    const before = Date.now();
    await queue.give(9, 'a', { attempt: 2 });
    const [context] = await until(() => keeper.contexts.length > 0 && keeper.contexts);
    expect(context?.requestId).toBe('0000000000000009');
    expect(context?.deadline).toBeGreaterThanOrEqual(before + 70_000 - 1);
    expect(context?.deadline).toBeLessThanOrEqual(Date.now() + 70_000);
  });

  it('is marked as an error when the handler fails', async () => {
    const { queue } = await behindQueue(() => {
      throw Object.assign(new Error('b'), { code: 'A' });
    });
    await queue.give(1, 'a', { id: 'x' });
    expect(await queue.heard()).toEqual({ ticket: 1, control: { error: true }, body: ['-A b'] });
  });
});

describe('a cancelled request', () => {
  it('has its signal aborted while it is in progress, and its reply is sent all the same', async () => {
    const keeper = new Keeper();
    const { queue } = await behindQueue(keeper.handle);
    await queue.give(1, 'a');
    await queue.give(2, 'b');
    await until(() => keeper.contexts.length === 2);
    await queue.cancel(1);
    await until(() => keeper.contexts[0]?.signal.aborted);
    expect(keeper.contexts[0]?.signal.reason).toMatchObject({ code: 'ZSCALE_ERR_CANCELLED' });
    expect(keeper.contexts[1]?.signal.aborted).toBe(false);
    keeper.release();
    keeper.release();
    expect([(await queue.heard()).body, (await queue.heard()).body]).toEqual([['a'], ['b']]);
  });

  it('is heard of by a worker that holds as many as it may', async () => {
    const keeper = new Keeper();
    const { queue } = await behindQueue(keeper.handle, { concurrency: 2 });
    for (const n of [1, 2, 3]) await queue.give(n, `${n}`);
    await until(() => keeper.contexts.length === 2);
    await queue.cancel(2);
    await until(() => keeper.contexts[1]?.signal.aborted);
    await queue.cancel(3);
    expect(await queue.heard()).toMatchObject({ ticket: 3, body: CANCELLED });
    keeper.release();
    expect((await queue.heard()).body).toEqual(['1']);
    await queue.give(4, '4');
    await until(() => keeper.texts.length === 3);
    expect(keeper.texts).toEqual(['1', '2', '4']);
  });

  it('is never begun when it waited behind one that computed', async () => {
    const listener = await RawListener.listen();
    const begun: string[] = [];
    const worker = workerSocket((body) => {
      begun.push(String(body[0]));
      if (begun.length === 1) block(20);
      return body;
    });
    worker.connect(listener.endpoint);
    const peer = await listener.accept();
    await peer.greet(READY_ZSCALE.DEALER);
    // In one piece: two requests, and the word that nobody waits for the second.
    peer.write(
      '01 08 0000000000000001 01 00 00 01 61' +
        '01 08 0000000000000002 01 00 00 01 62' +
        '01 08 0000000000000003 01 00 00 01 63' +
        '01 08 0000000000000002 00 09 81a663616e63656cc3',
    );
    await until(() => begun.length === 2);
    expect(begun).toEqual(['a', 'c']);
  });

  it('that is answered already changes nothing, and neither does one that never was', async () => {
    const { queue } = await behindQueue(shout);
    await queue.give(1, 'a');
    expect((await queue.heard()).body).toEqual(['a!']);
    await queue.cancel(1);
    await queue.cancel(77);
    await queue.give(1, 'b');
    expect(await queue.heard()).toEqual({ ticket: 1, control: undefined, body: ['b!'] });
  });

  it('does not keep the worker from draining', async () => {
    const keeper = new Keeper();
    const { queue, worker } = await behindQueue(keeper.handle, { concurrency: 1 });
    await queue.give(1, 'a');
    await queue.give(2, 'b');
    await until(() => keeper.contexts.length === 1);
    const drained = worker.drain();
    expect((await queue.heard()).control).toEqual({ drain: true });
    await queue.cancel(2);
    await queue.drain();
    expect(await queue.heard()).toMatchObject({ ticket: 2, body: CANCELLED });
    keeper.release();
    expect((await queue.heard()).body).toEqual(['a']);
    await within(drained, 'drain()');
  });

  it('is one whose queue is gone', async () => {
    const keeper = new Keeper();
    const listener = await RawListener.listen();
    const worker = workerSocket(keeper.handle);
    worker.connect(listener.endpoint);
    const peer = await listener.accept();
    await peer.greet(READY_ZSCALE.DEALER);
    peer.write('01 08 0000000000000001 01 00 00 01 61');
    await until(() => keeper.contexts.length === 1);
    const signal = keeper.contexts[0]?.signal;
    expect(signal?.aborted).toBe(false);
    peer.close();
    await until(() => signal?.aborted);
    keeper.release();
    await until(() => worker.waiting === 0);
  });
});

describe('a handler that says what may be done again', () => {
  const isGet = (body: Buffer[]): boolean => String(body[0]).startsWith('get');

  it('is announced in READY, and one that does not is not', async () => {
    for (const isIdempotent of [isGet, undefined]) {
      const listener = await RawListener.listen();
      workerSocket(shout, { handler: { handle: shout, isIdempotent } }).connect(listener.endpoint);
      const peer = await listener.accept();
      const ready = await peer.greet(READY_ZSCALE.DEALER);
      expect(String(ready).includes('X-Zscale-Idempotent')).toBe(isIdempotent !== undefined);
    }
  });

  it('has told the queue before a request is begun', async () => {
    const order: string[] = [];
    const { queue } = await behindQueue(shout, {
      handler: {
        isIdempotent: (body) => {
          order.push(`judge ${body[0]}`);
          return isGet(body);
        },
        handle: (body) => {
          order.push(`begin ${body[0]}`);
          return body;
        },
      },
    });
    await queue.give(1, 'get 1');
    expect(await queue.heard()).toEqual({ ticket: 1, control: { idempotent: true }, body: [] });
    expect(await queue.heard()).toEqual({ ticket: 1, control: undefined, body: ['get 1'] });
    await queue.give(2, 'put 2');
    expect(await queue.heard()).toEqual({ ticket: 2, control: undefined, body: ['put 2'] });
    expect(order).toEqual(['judge get 1', 'begin get 1', 'judge put 2', 'begin put 2']);
  });

  it('has told it of all that came together before the first of them is begun', async () => {
    const order: string[] = [];
    const listener = await RawListener.listen();
    const handler = {
      isIdempotent: (body: Buffer[]) => order.push(`judge ${body[0]}`) > 0,
      handle: (body: Buffer[]) => {
        order.push(`begin ${body[0]}`);
        return body;
      },
    };
    workerSocket(shout, { handler }).connect(listener.endpoint);
    const peer = await listener.accept();
    await peer.greet(READY_ZSCALE.DEALER);
    const request = (n: number) => `01 08 000000000000000${n} 01 00 00 01 3${n}`;
    peer.write([1, 2, 3].map(request).join(' '));
    const told = (n: number) => `01 08 000000000000000${n} 00 0d 81aa6964656d706f74656e74c3`;
    await peer.expectBytes([1, 2, 3].map(told).join(' '));
    await until(() => order.length === 6);
    const all = ['judge 1', 'judge 2', 'judge 3', 'begin 1', 'begin 2', 'begin 3'];
    expect(order).toEqual(all);
  });

  it('keeps requests in order, and takes as many at once as it may', async () => {
    const keeper = new Keeper();
    const { queue, worker } = await behindQueue(shout, {
      concurrency: 3,
      handler: { handle: keeper.handle, isIdempotent: () => false },
    });
    for (let n = 1; n <= 9; n++) await queue.give(n, `${n}`);
    for (let n = 1; n <= 9; n++) {
      await until(() => keeper.texts.length === Math.min(9, n + 2));
      expect(worker.waiting).toBe(Math.min(3, 10 - n));
      keeper.release();
      expect((await queue.heard()).body).toEqual([`${n}`]);
    }
    expect(keeper.texts).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });
});
