/*
 * Requests that nobody waits for any more: what waits is taken out, and whoever works on one hears
 * of it.
 */
import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../packages/core/src/messages/control.ts';
import { texts } from '../../support/hex.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { RawWorker } from '../../support/raw-worker.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  failureOf,
  frontOf,
  HeldRequests,
  plainWorker,
  READY_ZSCALE,
  reqClient,
  serve,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

const CANCEL = encodeControl({ cancel: true }).toString('hex');

describe('a client that goes', () => {
  it('has its waiting requests taken out, and nobody else’s', async () => {
    const queue = await startQueue();
    const [gone, other] = [dealerClient(queue), dealerClient(queue)];
    for (const text of ['1', '2', '3']) {
      await gone.send([text, '', `gone ${text}`]);
      await until(() => queue.stats().queued % 2 === 1);
      await other.send([text, '', `other ${text}`]);
      await until(() => queue.stats().queued % 2 === 0);
    }
    const { queuedBytes } = queue.stats();
    gone.close();
    await until(() => queue.stats().queued === 3);
    expect(queue.stats()).toMatchObject({ cancelled: 3, requests: 6, errors: {}, undelivered: 0 });
    expect(queue.stats().queuedBytes).toBeLessThan(queuedBytes / 1.8);
    serve(await plainWorker(queue));
    for (const text of ['1', '2', '3']) {
      expect(texts(await within(other.receive(), 'a reply'))).toEqual([text, '', `other ${text}!`]);
    }
    expect(queue.stats()).toMatchObject({ queued: 0, queuedBytes: 0, inFlight: 0, replies: 3 });
  });

  it('has the zscale worker told of what it holds, which stays busy until it is done', async () => {
    const queue = await startQueue();
    const worker = await RawWorker.join(queue);
    const gone = dealerClient(queue);
    await gone.send(['', 'x']);
    const { ticket } = await worker.take();
    gone.close();
    expect(await worker.take()).toEqual({ ticket, control: { cancel: true }, text: undefined });
    expect(queue.stats()).toMatchObject({ cancelled: 1, inFlight: 0 });
    expect(queue.stats().workers[0]).toMatchObject({ inFlight: 1 });
    worker.answer(ticket, 'late');
    await until(() => queue.stats().workers[0]?.inFlight === 0);
    expect(queue.stats()).toMatchObject({ lateReplies: 1, undelivered: 0, replies: 0 });
  });

  it('leaves a plain worker in peace, which serves others when it is done', async () => {
    const queue = await startQueue();
    const worker = await plainWorker(queue);
    const gone = dealerClient(queue);
    await gone.send(['', 'x']);
    expect(texts(await within(worker.receive(), 'the request'))).toEqual(['x']);
    gone.close();
    await until(() => queue.stats().cancelled === 1);
    await worker.send('for nobody');
    serve(worker);
    expect(await ask(reqClient(queue), 'y')).toEqual(['y!']);
    expect(queue.stats()).toMatchObject({ requests: 2, replies: 1, lateReplies: 1 });
  });

  it('has what it sent with its last breath counted, and given to nobody', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle);
    for (let i = 0; i < 20; i++) {
      const gone = await RawPeer.greeted(frontOf(queue), 'DEALER');
      gone.write('01 00 00 01 78'.repeat(50));
      gone.end();
    }
    await until(() => queue.stats().requests === 1000 && queue.stats().cancelled === 1000);
    expect(queue.stats()).toMatchObject({ queued: 0, inFlight: 0 });
  });
});

describe('a zscale client', () => {
  it('takes back a request that waits, by its id', async () => {
    const queue = await startQueue();
    const client = await RawPeer.connect(frontOf(queue));
    await client.greet(READY_ZSCALE.DEALER);
    client.write('01 01 61 01 00 00 01 78', '01 01 62 01 00 00 01 79');
    await until(() => queue.stats().queued === 2);
    client.write(`01 01 61 00 09 ${CANCEL}`, `01 01 63 00 09 ${CANCEL}`); // c is none of its own
    await until(() => queue.stats().cancelled === 1);
    expect(queue.stats()).toMatchObject({ queued: 1, requests: 2, errors: {} });
    serve(await plainWorker(queue));
    await client.expectBytes('01 01 62 01 00 00 02 7921');
  });

  it('takes back nothing of another client’s', async () => {
    const queue = await startQueue();
    const [client, thief] = [
      await RawPeer.connect(frontOf(queue)),
      await RawPeer.connect(frontOf(queue)),
    ];
    for (const each of [client, thief]) await each.greet(READY_ZSCALE.DEALER);
    client.write('01 01 61 01 00 00 01 78');
    await until(() => queue.stats().queued === 1);
    thief.write(`01 01 61 00 09 ${CANCEL}`, '01 01 62 01 00 00 01 79');
    await until(() => queue.stats().queued === 2);
    expect(queue.stats().cancelled).toBe(0);
  });

  it('tells the worker through the queue that a request was aborted, or took too long', async () => {
    const queue = await startQueue();
    const worker = await RawWorker.join(queue);
    const client = zscaleClient(frontOf(queue));
    const abort = new AbortController();
    const aborted = failureOf(client.request('x', { signal: abort.signal }));
    const first = await worker.take();
    abort.abort(new Error('not needed any more'));
    expect(await aborted).toMatchObject({ message: 'not needed any more' });
    expect(await worker.take()).toMatchObject({ ticket: first.ticket, control: { cancel: true } });
    worker.answer(first.ticket, 'late');
    const late = failureOf(client.request('y', { timeout: 1000 }));
    const second = await worker.take();
    expect(await late).toMatchObject({ code: 'ZSCALE_ERR_TIMEOUT' });
    expect(await worker.take()).toMatchObject({ ticket: second.ticket, control: { cancel: true } });
    await until(() => queue.stats().inFlight === 0);
  });

  it('without X-Zscale is no zscale client: what it sends are bodies', async () => {
    const queue = await startQueue();
    serve(await plainWorker(queue), ([text = '']) => `${text.length}`);
    const client = dealerClient(queue);
    await client.send(['', Buffer.from(CANCEL, 'hex')]);
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['', '9']);
  });
});

describe('a request that timed out', () => {
  it('is taken back from its zscale worker', async () => {
    const queue = await startQueue({ timeout: 20 });
    const worker = await RawWorker.join(queue);
    const reply = ask(reqClient(queue), 'x');
    const { ticket } = await worker.take();
    expect((await reply)[0]).toMatch(/^-ZSCALE_ERR_TIMEOUT /);
    expect(await worker.take()).toEqual({ ticket, control: { cancel: true }, text: undefined });
    expect(queue.stats()).toMatchObject({ cancelled: 0, errors: { ZSCALE_ERR_TIMEOUT: 1 } });
  });
});
