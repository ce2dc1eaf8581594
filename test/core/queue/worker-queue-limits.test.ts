/*
 * What the queue bounds: how much may wait, for how long, how large a message may be. Each limit
 * answers with its own code and has its own counter.
 */
import { describe, expect, it } from 'vitest';
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
  reqClient,
  serve,
  shout,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

/** Far above any test's end, in ms. */
const NEVER = 3_600_000;

describe('maxQueue', () => {
  it('answers ZSCALE_ERR_BUSY to what does not fit, and serves what does', async () => {
    const queue = await startQueue({ maxQueue: 2 });
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3', '4']) await client.send([id, '', id]);
    for (const id of ['3', '4']) {
      const [envelope, , text] = texts(await within(client.receive(), 'a refusal'));
      expect([envelope, text]).toEqual([id, expect.stringMatching(/^-ZSCALE_ERR_BUSY .*maxQueue/)]);
    }
    expect(queue.stats()).toMatchObject({ queued: 2, errors: { ZSCALE_ERR_BUSY: 2 }, replies: 0 });
    serve(await plainWorker(queue));
    expect(texts(await within(client.receive(), 'a reply'))).toEqual(['1', '', '1!']);
    expect(texts(await within(client.receive(), 'a reply'))).toEqual(['2', '', '2!']);
  });
});

describe('maxQueueBytes', () => {
  it('answers ZSCALE_ERR_BUSY to what would exceed it', async () => {
    const queue = await startQueue({ maxQueueBytes: 10_000 });
    const client = dealerClient(queue);
    await client.send(['1', '', Buffer.alloc(6000)]);
    await client.send(['2', '', Buffer.alloc(6000)]);
    const [id, , text] = texts(await within(client.receive(), 'a refusal'));
    expect([id, text]).toEqual(['2', expect.stringMatching(/^-ZSCALE_ERR_BUSY .*maxQueueBytes/)]);
    expect(queue.stats()).toMatchObject({ queued: 1, errors: { ZSCALE_ERR_BUSY: 1 } });
  });

  it('counts envelopes and empty frames too', async () => {
    const queue = await startQueue({ maxQueueBytes: 10_000 });
    const client = dealerClient(queue);
    await client.send([Buffer.alloc(20_000), '', 'small body']);
    await client.send(['id', '', ...Array.from({ length: 1000 }, () => '')]);
    for (let i = 0; i < 2; i++) await within(client.receive(), 'a refusal');
    expect(queue.stats()).toMatchObject({ queued: 0, queuedBytes: 0 });
    expect(queue.stats().errors).toEqual({ ZSCALE_ERR_BUSY: 2 });
  });
});

describe('maxQueueWait', () => {
  it('answers ZSCALE_ERR_QUEUE_WAIT to what waited longer, and only to that', async () => {
    const queue = await startQueue({ maxQueueWait: 20, timeout: NEVER });
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { concurrency: 1 });
    const client = dealerClient(queue);
    await client.send(['given', '', 'x']);
    await until(() => held.length === 1);
    await client.send(['waits', '', 'x']);
    const [id, , text] = texts(await within(client.receive(), 'a refusal'));
    expect([id, text]).toEqual(['waits', expect.stringMatching(/^-ZSCALE_ERR_QUEUE_WAIT /)]);
    held.answer('still good');
    expect(texts(await within(client.receive(), 'a reply'))).toEqual(['given', '', 'still good']);
    expect(queue.stats()).toMatchObject({ queued: 0, errors: { ZSCALE_ERR_QUEUE_WAIT: 1 } });
  });

  it('answers before its time to nobody', async () => {
    const queue = await startQueue({ maxQueueWait: 200 });
    const start = performance.now();
    await ask(reqClient(queue), 'x');
    expect(performance.now() - start).toBeGreaterThan(195);
  });
});

describe('timeout', () => {
  it('answers ZSCALE_ERR_TIMEOUT to what waits for a worker', async () => {
    const queue = await startQueue({ timeout: 20 });
    const [text] = await ask(reqClient(queue), 'x');
    expect(text).toMatch(/^-ZSCALE_ERR_TIMEOUT /);
    expect(queue.stats()).toMatchObject({ queued: 0, errors: { ZSCALE_ERR_TIMEOUT: 1 } });
  });

  it('answers ZSCALE_ERR_TIMEOUT to what a worker has, and keeps that worker busy until it is done', async () => {
    const queue = await startQueue({ timeout: 20, maxQueueWait: Infinity });
    const slow = await plainWorker(queue);
    const client = reqClient(queue);
    expect((await ask(client, '1'))[0]).toMatch(/^-ZSCALE_ERR_TIMEOUT /);
    expect(queue.stats().inFlight).toBe(0);
    expect(queue.stats().workers[0]).toMatchObject({ inFlight: 1 });
    expect((await ask(client, '2'))[0]).toMatch(/^-ZSCALE_ERR_TIMEOUT /);
    expect(queue.stats().workers[0]).toMatchObject({ requests: 1 });
    await slow.receive();
    await slow.send('too late');
    await until(() => queue.stats().workers[0]?.inFlight === 0);
    expect(queue.stats()).toMatchObject({ lateReplies: 1, replies: 0 });
    expect(queue.stats().errors).toEqual({ ZSCALE_ERR_TIMEOUT: 2 });
  });

  it('leaves a worker whose late reply came as good as any', async () => {
    const queue = await startQueue({ timeout: 50 });
    const worker = await plainWorker(queue);
    const client = reqClient(queue);
    expect((await ask(client, '1'))[0]).toMatch(/^-ZSCALE_ERR_TIMEOUT /);
    await worker.receive();
    await worker.send('late');
    serve(worker);
    await until(async () => (await ask(client, '2'))[0] === '2!', 'a reply in time');
  });
});

describe('maxMessageSize', () => {
  it('lets the largest pass, and answers EMSGSIZE to one that is a byte larger', async () => {
    const queue = await startQueue({ maxMessageSize: 1000 });
    serve(await plainWorker(queue), ([text = '']) => `${text.length}`);
    const client = reqClient(queue);
    expect(await ask(client, 'x'.repeat(1000))).toEqual(['1000']);
    expect((await ask(client, 'x'.repeat(1001)))[0]).toMatch(/^-EMSGSIZE .*1000 bytes.*1001/);
    expect(queue.stats()).toMatchObject({ replies: 1, errors: { EMSGSIZE: 1 } });
  });

  it('counts 64 bytes for each further frame', async () => {
    const queue = await startQueue({ maxMessageSize: 1000 });
    serve(await plainWorker(queue), (body) => `${body.length}`);
    const client = reqClient(queue);
    expect(await ask(client, ['x'.repeat(936), ''])).toEqual(['2']);
    expect((await ask(client, ['x'.repeat(937), '']))[0]).toMatch(/^-EMSGSIZE /);
  });

  it('ends the connection of a client that sends far more, and of nobody else', async () => {
    const queue = await startQueue({ maxMessageSize: 1000 });
    serve(await plainWorker(queue));
    const bystander = reqClient(queue);
    await ask(bystander, 'before');
    const peer = await RawPeer.greeted(frontOf(queue), 'DEALER');
    peer.write('01 00', '02 0000000000003001');
    await peer.expectClosed();
    expect(await ask(bystander, 'after')).toEqual(['after!']);
  });

  it.each([1, 16, 64, 200])('may be as small as %i bytes, and still all is told', async (limit) => {
    const queue = await startQueue({ maxMessageSize: limit });
    const failing = Buffer.from('f');
    await zscaleWorker(
      queue,
      (body) => {
        if (body[0]?.equals(failing)) throw new Error('x'.repeat(1000));
        return body;
      },
      { maxMessageSize: limit },
    );
    const client = zscaleClient(frontOf(queue));
    expect(String(await client.request('a'))).toBe('a');
    expect(await failureOf(client.request('f'))).toMatchObject({
      code: 'ZSCALE_ERR_HANDLER',
      message: 'x'.repeat(1000),
    });
    expect(await failureOf(client.request('x'.repeat(limit + 1)))).toMatchObject({
      code: 'EMSGSIZE',
    });
    expect(String(await client.request('b'))).toBe('b');
  });

  it('of a client may be as small as a byte, too', async () => {
    const queue = await startQueue();
    await zscaleWorker(queue, (body) => body);
    const client = zscaleClient(frontOf(queue), { maxMessageSize: 1 });
    expect(String(await client.request('a'))).toBe('a');
    expect(await failureOf(client.request('ab'))).toMatchObject({ code: 'EMSGSIZE' });
    expect(String(await client.request('b'))).toBe('b');
  });

  it('of a zscale client turns a larger reply into EMSGSIZE, and the client goes on', async () => {
    const queue = await startQueue();
    serve(await plainWorker(queue), ([text = '']) => 'x'.repeat(Number(text)));
    const client = zscaleClient(frontOf(queue), { maxMessageSize: 1000 });
    expect(await client.request('1000')).toHaveLength(1000);
    expect(await failureOf(client.request('1001'))).toMatchObject({
      name: 'RemoteError',
      code: 'EMSGSIZE',
      message: expect.stringMatching(/1000 bytes.*1001/),
    });
    expect(await client.request('5')).toHaveLength(5);
    expect(queue.stats().errors).toEqual({ EMSGSIZE: 1 });
  });
});

describe('a message that is no request', () => {
  it.each([
    ['without an empty frame', ['body']],
    ['without an empty frame, of several frames', ['a', 'b', 'c']],
    ['with nothing behind its empty frame', ['id', '']],
  ])('%s is answered ZSCALE_ERR_ENVELOPE, without an envelope', async (_, message) => {
    const queue = await startQueue();
    await zscaleWorker(queue, shout);
    const client = dealerClient(queue);
    await client.send(message);
    expect(texts(await within(client.receive(), 'a refusal'))).toEqual([
      expect.stringMatching(/^-ZSCALE_ERR_ENVELOPE /),
    ]);
    expect(queue.stats()).toMatchObject({ requests: 1, errors: { ZSCALE_ERR_ENVELOPE: 1 } });
    await client.send(['', 'x']);
    expect(texts(await within(client.receive(), 'a reply'))).toEqual(['', 'x!']);
  });
});

describe('maxQueueWait and timeout, with pinned requests', () => {
  it('are for every line, and not only for the first', async () => {
    const queue = await startQueue({
      balance: 'hash',
      key: (body: Buffer) => body.toString(),
      maxQueueWait: 30,
    });
    const held = [new HeldRequests(), new HeldRequests()];
    for (const [workerId, { handle }] of held.entries()) {
      await zscaleWorker(queue, handle, { workerId, concurrency: 1 });
    }
    const client = dealerClient(queue);
    for (let i = 0; i < 20; i++) await client.send([`${i}`, '', `${i}`]);
    await until(() => held.every(({ length }) => length === 1));
    for (let i = 0; i < 18; i++) {
      const [, , text] = texts(await within(client.receive(), 'a refusal'));
      expect(text).toMatch(/^-ZSCALE_ERR_QUEUE_WAIT /);
    }
    expect(queue.stats()).toMatchObject({ queued: 0, queuedBytes: 0, inFlight: 2 });
    expect(queue.stats().errors).toEqual({ ZSCALE_ERR_QUEUE_WAIT: 18 });
  });
});

describe('a request that waits again because its worker was lost', () => {
  it('is not held to maxQueueWait', async () => {
    const queue = await startQueue({ maxQueueWait: 20, retries: 1 });
    const dying = await RawWorker.join(queue);
    const first = ask(reqClient(queue), 'again');
    await dying.take();
    dying.peer.reset();
    await until(() => queue.stats().retried === 1);
    const [text] = await ask(reqClient(queue), 'waits in vain');
    expect(text).toMatch(/^-ZSCALE_ERR_QUEUE_WAIT /);
    expect(queue.stats().queued).toBe(1);
    serve(await plainWorker(queue));
    expect(await first).toEqual(['again!']);
  });
});
