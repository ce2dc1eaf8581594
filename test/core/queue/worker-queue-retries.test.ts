/*
 * What a lost worker held is given to another one, if the service says that this is safe: to the
 * right worker, with the right words, and not for ever.
 */
import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../packages/core/src/messages/control.ts';
import { texts } from '../../support/hex.ts';
import { RawWorker } from '../../support/raw-worker.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  frontOf,
  HeldRequests,
  plainWorker,
  reqClient,
  serve,
  startQueue,
  zscaleClient,
} from '../../support/worker-queue.ts';

const IDEMPOTENT = encodeControl({ idempotent: true });

describe('retries', () => {
  it('give what a lost worker held to another one, which is told the attempt', async () => {
    const queue = await startQueue({ retries: 2 });
    const [first, second] = [await RawWorker.join(queue), await RawWorker.join(queue)];
    const reply = ask(reqClient(queue), 'x');
    const holder = await until(() => [first, second].find(({ peer }) => peer.pending.length > 0));
    expect(await holder.take()).toMatchObject({ control: undefined, text: 'x' });
    holder.peer.reset();
    const other = holder === first ? second : first;
    const { ticket, control, text } = await other.take();
    expect([control, text]).toEqual([{ attempt: 2 }, 'x']);
    other.answer(ticket, 'done');
    expect(await reply).toEqual(['done']);
    expect(queue.stats()).toMatchObject({ retried: 1, keptBytes: 0, errors: {}, replies: 1 });
  });

  it('come before everything that waits, in the order in which they came', async () => {
    const queue = await startQueue({ retries: 1 });
    const dying = await RawWorker.join(queue);
    dying.say('0000000000000000', encodeControl({ credit: 3 }));
    await until(() => queue.stats().workers[0]?.credit === 3);
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3', '4', '5']) await client.send([id, '', id]);
    await until(() => queue.stats().queued === 2);
    expect(queue.stats().keptBytes).toBeGreaterThan(0);
    dying.peer.reset();
    await until(() => queue.stats().queued === 5);
    expect(queue.stats().keptBytes).toBe(0);
    const order: string[] = [];
    serve(await plainWorker(queue), ([text = '']) => {
      order.push(text);
      return text;
    });
    for (let i = 0; i < 5; i++) await within(client.receive(), 'a reply');
    expect(order).toEqual(['1', '2', '3', '4', '5']);
  });

  it('end: what takes every worker with it is answered once', async () => {
    const queue = await startQueue({ retries: 2 });
    const client = dealerClient(queue);
    await client.send(['poison', '', 'x']);
    for (let attempt = 1; attempt <= 3; attempt++) {
      const worker = await RawWorker.join(queue);
      const { control } = await worker.take();
      expect(control?.attempt ?? 1).toBe(attempt);
      worker.peer.reset();
      await until(() => queue.stats().workers.length === 0);
    }
    const [id, , text] = texts(await within(client.receive(), 'the answer'));
    expect([id, text]).toEqual(['poison', expect.stringMatching(/^-ZSCALE_ERR_WORKER_LOST 3 /)]);
    serve(await plainWorker(queue));
    expect(await ask(reqClient(queue), 'y')).toEqual(['y!']);
    expect(queue.stats()).toMatchObject({ retried: 2, queued: 0, inFlight: 0, requests: 2 });
    expect(queue.stats().errors).toEqual({ ZSCALE_ERR_WORKER_LOST: 1 });
  });

  it('of a handler that judges are only for what it said so of', async () => {
    const queue = await startQueue({ retries: 1 });
    const judge = await RawWorker.join(queue, { 'X-Zscale-Idempotent': '1' });
    judge.say('0000000000000000', encodeControl({ credit: 3 }));
    await until(() => queue.stats().workers[0]?.credit === 3);
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3']) await client.send([id, '', id]);
    const taken = [await judge.take(), await judge.take(), await judge.take()];
    judge.say(taken[1]?.ticket ?? '', IDEMPOTENT);
    judge.answer(taken[0]?.ticket ?? '', 'done'); // so the queue has read what was said before
    expect(texts(await within(client.receive(), 'a reply'))).toEqual(['1', '', 'done']);
    judge.peer.reset();
    const [lost, , text] = texts(await within(client.receive(), 'a refusal'));
    expect([lost, text]).toEqual(['3', expect.stringMatching(/^-ZSCALE_ERR_WORKER_LOST /)]);
    serve(await plainWorker(queue));
    expect(texts(await within(client.receive(), 'a reply'))).toEqual(['2', '', '2!']);
  });

  it('keep the request’s time going', async () => {
    const queue = await startQueue({ retries: 1, timeout: 100 });
    const dying = await RawWorker.join(queue);
    const start = performance.now();
    const reply = ask(reqClient(queue), 'x');
    await dying.take();
    dying.peer.reset();
    expect((await reply)[0]).toMatch(/^-ZSCALE_ERR_TIMEOUT /);
    expect(performance.now() - start).toBeGreaterThan(95);
    expect(queue.stats()).toMatchObject({ retried: 1, queued: 0 });
  });

  it('are not for what a client gave up', async () => {
    const queue = await startQueue({ retries: 5 });
    const dying = await RawWorker.join(queue);
    const gone = dealerClient(queue);
    await gone.send(['', 'x']);
    await dying.take();
    gone.close();
    await until(() => queue.stats().cancelled === 1);
    expect(queue.stats().keptBytes).toBe(0);
    dying.peer.reset();
    await until(() => queue.stats().workers.length === 0);
    expect(queue.stats()).toMatchObject({ retried: 0, queued: 0, inFlight: 0, errors: {} });
  });

  it('are not for what does not fit into maxQueueBytes, which is given out all the same', async () => {
    const queue = await startQueue({ retries: 1, maxQueueBytes: 1000 });
    const dying = await RawWorker.join(queue);
    const client = zscaleClient(frontOf(queue));
    const failure = client.request('x'.repeat(200).repeat(10)).catch(({ code }) => code);
    await until(() => queue.stats().inFlight === 1);
    expect(queue.stats().keptBytes).toBe(0);
    dying.peer.reset();
    expect(await within(failure, 'the answer')).toBe('ZSCALE_ERR_WORKER_LOST');
  });

  it('are none unless somebody asks for them', async () => {
    const queue = await startQueue();
    const dying = await RawWorker.join(queue);
    const held = new HeldRequests();
    const reply = ask(reqClient(queue), 'x');
    await dying.take();
    expect(queue.stats().keptBytes).toBe(0);
    dying.peer.reset();
    expect((await reply)[0]).toMatch(/^-ZSCALE_ERR_WORKER_LOST /);
    expect(held.length).toBe(0);
  });
});
