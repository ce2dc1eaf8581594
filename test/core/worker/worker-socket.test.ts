/*
 * The worker's socket: REP on the wire, behind a queue of ours, a raw peer that speaks zscale, or a
 * plain DEALER.
 */
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import type { WorkerSocketOptions } from '../../../packages/core/src/worker/worker-socket.ts';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { RawListener, type RawPeer } from '../../support/raw-peer.ts';
import { transports } from '../../support/transports.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  backOf,
  dealerClient,
  ERROR_MARK,
  frontOf,
  type Handle,
  HeldRequests,
  READY_ZSCALE,
  reqClient,
  shout,
  startQueue,
  workerSocket,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

const NO_TICKET = '01 08 0000000000000000';
const DRAIN = '81a5647261696ec3';
const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';
const TICKET = '01 08 0000000000000007';

/** A raw DEALER at which a worker is connected. */
async function rawQueue(
  handle: Handle,
  options: Partial<WorkerSocketOptions> = {},
  ready: string = READY_ZSCALE.DEALER,
): Promise<{ worker: ReturnType<typeof workerSocket>; queue: RawPeer }> {
  const listener = await RawListener.listen();
  const worker = workerSocket(handle, options);
  worker.connect(listener.endpoint);
  const queue = await listener.accept();
  await queue.greet(ready);
  return { worker, queue };
}

describe.each(transports)('a worker behind a plain DEALER over $name', ({ anywhere }) => {
  async function behindDealer(handle: Handle, options: Partial<WorkerSocketOptions> = {}) {
    const dealer = closing(new Dealer({ sendHighWaterMark: 0 }));
    const worker = workerSocket(handle, options);
    worker.connect(await boundTo(dealer, anywhere()));
    const next = async (): Promise<string[]> =>
      texts(await within(dealer.receive(), 'a reply of the worker'));
    return { dealer, worker, next };
  }

  it('answers with the envelope its request came in, at once or later', async () => {
    const { dealer, next } = await behindDealer(shout);
    await dealer.send(['hop', 'id', '', 'a']);
    expect(await next()).toEqual(['hop', 'id', '', 'a!']);
    const later = await behindDealer(async (body) => body);
    await later.dealer.send(['', 'b', '', 'c']);
    expect(await later.next()).toEqual(['', 'b', '', 'c']);
  });

  it('holds no more than concurrency requests, and leaves the rest where they are', async () => {
    const held = new HeldRequests();
    const { dealer, worker, next } = await behindDealer(held.handle, { concurrency: 3 });
    for (let i = 0; i < 10; i++) await dealer.send(['t', '', `${i}`]);
    await until(() => held.length === 3);
    let most = 0;
    for (let i = 0; i < 10; i++) {
      await until(() => held.length > 0);
      most = Math.max(most, held.length, worker.waiting);
      held.answer(`${i}`);
      expect(await next()).toEqual(['t', '', `${i}`]);
    }
    expect(most).toBe(3);
    expect(held.texts).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`));
  });

  it('gives replies in the order handlers are done, each to its own request', async () => {
    const release = new Map<string, () => void>();
    const { dealer, next } = await behindDealer(
      (body) =>
        new Promise((resolve) => {
          release.set(String(body[0]), () => resolve(body));
        }),
    );
    for (const id of ['a', 'b', 'c']) await dealer.send([id, '', id]);
    await until(() => release.size === 3);
    for (const id of ['b', 'c', 'a']) {
      release.get(id)?.();
      expect(await next()).toEqual([id, '', id]);
    }
  });

  it.each<[string, unknown, string]>([
    ['an error', new Error('no'), '-ZSCALE_ERR_HANDLER no'],
    ['an error with a code', Object.assign(new Error('no'), { code: 'E_NO' }), '-E_NO no'],
    [
      'an error with a code of another form',
      Object.assign(new Error('no'), { code: 'e no' }),
      '-ZSCALE_ERR_HANDLER no',
    ],
    ['a text', 'no', '-ZSCALE_ERR_HANDLER no'],
    ['nothing', undefined, '-ZSCALE_ERR_HANDLER The handler threw undefined.'],
    ['null', null, '-ZSCALE_ERR_HANDLER The handler threw null.'],
  ])('turns what a handler throws into an error reply: %s', async (_, thrown, reply) => {
    const { dealer, next, worker } = await behindDealer((body) => {
      if (String(body[0]) === 'sync') throw thrown;
      return Promise.reject(thrown);
    });
    for (const how of ['sync', 'async', 'sync']) {
      await dealer.send(['t', '', how]);
      expect(await next()).toEqual(['t', '', reply]);
    }
    expect(worker.waiting).toBe(0);
  });

  it('answers EMSGSIZE in place of a reply above maxMessageSize, and goes on', async () => {
    const { dealer, next } = await behindDealer(
      ([size]) => [Buffer.alloc(Number(String(size)), 'x')],
      { maxMessageSize: 100 },
    );
    await dealer.send(['t', '', '100']);
    expect(await next()).toEqual(['t', '', 'x'.repeat(100)]);
    await dealer.send(['t', '', '101']);
    expect(await next()).toEqual(['t', '', expect.stringMatching(/^-EMSGSIZE .*100 bytes.*101/)]);
    await dealer.send(['t', '', '1']);
    expect(await next()).toEqual(['t', '', 'x']);
  });

  it('drops what is no request, and goes on', async () => {
    const { dealer, next } = await behindDealer(shout);
    await dealer.send('no delimiter');
    await dealer.send(['nothing behind it', '']);
    await dealer.send(['t', '', 'x']);
    expect(await next()).toEqual(['t', '', 'x!']);
  });

  it('drained, finishes what it holds and takes nothing new', async () => {
    const held = new HeldRequests();
    const { dealer, worker, next } = await behindDealer(held.handle);
    await dealer.send(['1', '', 'x']);
    await until(() => held.length === 1);
    let isDrained = false;
    const drained = worker.drain().then(() => {
      isDrained = true;
    });
    await dealer.send(['2', '', 'y']);
    const other = await behindDealer(shout);
    for (let i = 0; i < 20; i++) {
      await other.dealer.send(['', 'x']);
      await other.next();
    }
    expect([held.texts, isDrained]).toEqual([['x'], false]);
    held.answer('done');
    expect(await next()).toEqual(['1', '', 'done']);
    await within(drained, 'drain()');
    await within(worker.drain(), 'drain() again');
    expect(held.texts).toEqual(['x']);
  });
});

describe('a worker behind a queue that speaks zscale', () => {
  it('asks for one request more than it waits on, up to its concurrency', async () => {
    const { queue } = await rawQueue(new HeldRequests().handle, { concurrency: 3 });
    const request = `${TICKET} 01 00 00 01 78`;
    const credit = (n: number): string => `${NO_TICKET} 00 09 81a6637265646974 0${n}`;
    queue.write(request);
    await queue.expectBytes(credit(2));
    queue.write(request);
    await queue.expectBytes(credit(3));
    queue.write(request, request); // waits for more than it may: nothing further to ask for
    for (let i = 0; i < 2; i++) {
      queue.write(PING);
      await queue.expectBytes(PONG);
    }
  });

  it('is never given more than its concurrency by our queue', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { concurrency: 3 });
    const client = dealerClient(queue);
    for (let i = 0; i < 10; i++) await client.send(['', `${i}`]);
    for (let i = 0; i < 10; i++) {
      await until(() => held.length === Math.min(3, 10 - i));
      expect(queue.stats().inFlight).toBeLessThanOrEqual(3);
      held.answer('done');
      await within(client.receive(), 'a reply');
    }
  });

  it('marks errors in the place of the delimiter', async () => {
    const { queue } = await rawQueue(() => {
      throw Object.assign(new Error('b'), { code: 'A' });
    });
    queue.write(`${TICKET} 01 00 00 01 78`);
    await queue.expectBytes(`${TICKET} 01 08 ${ERROR_MARK} 00 04 2d412062`);
  });

  it('drained, asks the queue first, and answers what was on its way', async () => {
    const { worker, queue } = await rawQueue(shout);
    let isDrained = false;
    const drained = worker.drain().then(() => {
      isDrained = true;
    });
    await queue.expectBytes(`${NO_TICKET} 00 08 ${DRAIN}`);
    queue.write(`${TICKET} 01 00 00 01 78`);
    await queue.expectBytes(`${TICKET} 01 00 00 02 7821`);
    expect(isDrained).toBe(false);
    queue.write(`${NO_TICKET} 00 08 ${DRAIN}`);
    await within(drained, 'drain()');
  });

  it('drained behind our queue, loses nothing of a stream of requests', async () => {
    const queue = await startQueue();
    const worker = await zscaleWorker(queue, shout);
    const client = dealerClient(queue);
    for (let i = 0; i < 500; i++) await client.send([`${i}`, '', 'x']);
    await until(() => queue.stats().replies > 50);
    await within(worker.drain(), 'drain()');
    worker.close();
    await until(() => queue.stats().workers.length === 0);
    await zscaleWorker(queue, shout);
    for (let i = 0; i < 500; i++) {
      const [, , text] = texts(await within(client.receive(), 'a reply'));
      expect(text).toBe('x!');
    }
    expect(queue.stats()).toMatchObject({ errors: {}, lateReplies: 0, replies: 500 });
  });

  it('serves two queues, and lets neither wait for the other to run empty', async () => {
    const order: string[] = [];
    const slowly: Handle = (body) => {
      const start = performance.now();
      while (performance.now() - start < 2); // longer than a turn
      order.push(String(body[0]));
      return body;
    };
    const worker = workerSocket(slowly);
    for (const name of ['a', 'b']) {
      const dealer = closing(new Dealer({ sendHighWaterMark: 0 }));
      await dealer.bind('tcp://127.0.0.1:*');
      for (let i = 0; i < 50; i++) void dealer.send(['t', '', name]); // waits for the worker
      worker.connect(dealer.lastEndpoint ?? '');
    }
    await until(() => order.length === 100);
    const lastOfA = order.lastIndexOf('a');
    expect(order.slice(0, lastOfA).filter((name) => name === 'b').length).toBeGreaterThan(25);
    const firstOfB = order.indexOf('b');
    expect(order.slice(firstOfB).filter((name) => name === 'a').length).toBeGreaterThan(25);
  });

  it('answers each of two queues of ours where it asked', async () => {
    const [left, right] = [await startQueue(), await startQueue()];
    const worker = await zscaleWorker(left, shout);
    worker.connect(backOf(right));
    await until(() => right.stats().workers.length === 1);
    const [viaLeft, viaRight] = [reqClient(left), reqClient(right)];
    for (let i = 0; i < 10; i++) {
      expect(await ask(viaLeft, `l${i}`)).toEqual([`l${i}!`]);
      expect(await ask(viaRight, `r${i}`)).toEqual([`r${i}!`]);
    }
  });

  it('connects again when the queue was restarted, and serves', async () => {
    const queue = await startQueue();
    let connections = 0;
    await zscaleWorker(queue, shout, {
      onConnected: () => {
        connections += 1;
      },
    });
    expect(await ask(reqClient(queue), 'a')).toEqual(['a!']);
    await queue.close();
    const next = await startQueue({ backend: [backOf(queue)] });
    expect(await ask(reqClient(next), 'b')).toEqual(['b!']);
    expect(connections).toBe(2);
  });

  it('outlives a queue that goes while it works for it', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    const worker = await zscaleWorker(queue, held.handle, { concurrency: 1 });
    void zscaleClient(frontOf(queue))
      .request('x')
      .catch(() => {});
    await until(() => held.length === 1);
    await queue.close();
    held.answer('for nobody');
    await until(() => worker.waiting === 0);
    const next = await startQueue({ backend: [backOf(queue)] });
    const client = reqClient(next);
    await client.send('y');
    await until(() => held.length === 1);
    held.answer('for you');
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['for you']);
  });

  it('takes and sends nothing by the verbs of other sockets', () => {
    const worker = workerSocket(shout);
    expect(worker.writable).toBe(false);
    expect(worker.tryReceive()).toBeUndefined();
    expect(() => worker.trySend([Buffer.from('x')])).toThrow(
      expect.objectContaining({ code: 'ENOTSUP' }),
    );
  });
});
