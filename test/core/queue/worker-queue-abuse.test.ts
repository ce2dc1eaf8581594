/*
 * Clients that take more than their share: of places in the queue, or of memory.
 */
import { describe, expect, it } from 'vitest';
import { texts } from '../../support/hex.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  frontOf,
  plainWorker,
  recordingLogger,
  reqClient,
  serve,
  startQueue,
  zscaleWorker,
} from '../../support/worker-queue.ts';

const MIB = 1024 * 1024;

describe('a client that floods the queue', () => {
  it('is refused, and others are let in and served', async () => {
    const queue = await startQueue({ maxQueue: 100 });
    const flooding = dealerClient(queue);
    for (let i = 0; i < 1000; i++)
      flooding.trySend([Buffer.from(`${i}`), Buffer.alloc(0), Buffer.from('x')]);
    await until(() => queue.stats().errors.ZSCALE_ERR_BUSY === 900);
    const good = Array.from({ length: 10 }, () => reqClient(queue));
    const replies = good.map((client, i) => ask(client, `${i}`));
    await until(() => queue.stats().requests === 1010);
    expect(queue.stats()).toMatchObject({ queued: 100, errors: { ZSCALE_ERR_BUSY: 910 } });
    serve(await plainWorker(queue));
    expect(await Promise.all(replies)).toEqual(good.map((_, i) => [`${i}!`]));
    const answers = new Map<string, string>();
    for (let i = 0; i < 1000; i++) {
      const [id = '', , text = ''] = texts(await within(flooding.receive(), 'an answer'));
      answers.set(id, text);
    }
    expect(answers.size).toBe(1000);
    const served = [...answers.values()].filter((text) => text === 'x!');
    expect(served).toHaveLength(90);
    expect(answers.get('0')).toBe('x!'); // the newest gave way
  });

  it('shares the places with another one that does', async () => {
    const queue = await startQueue({ maxQueue: 100 });
    const clients = [dealerClient(queue), dealerClient(queue)];
    for (const client of clients) {
      for (let i = 0; i < 500; i++) client.trySend([Buffer.alloc(0), Buffer.from('x')]);
    }
    await until(() => queue.stats().requests === 1000);
    serve(await plainWorker(queue));
    for (const client of clients) {
      let served = 0;
      for (let i = 0; i < 500; i++) {
        const [, text] = texts(await within(client.receive(), 'an answer'));
        if (text === 'x!') served += 1;
      }
      expect(served).toBeGreaterThanOrEqual(45);
      expect(served).toBeLessThanOrEqual(55);
    }
  });
});

describe('a client that does not read', () => {
  it('is disconnected when it has the most of too much that is unread', async () => {
    const { logger, lines } = recordingLogger();
    const queue = await startQueue({ maxUnsentBytes: 8 * MIB, logger });
    const body = Buffer.alloc(MIB);
    await zscaleWorker(queue, ([text]) => [text?.toString() === 'big' ? body : Buffer.from('ok')]);
    const slow = await RawPeer.greeted(frontOf(queue), 'DEALER');
    slow.pause();
    const good = reqClient(queue);
    for (let sent = 0; queue.stats().slowClients === 0 && sent < 200; sent++) {
      slow.write('01 00 00 03 626967');
      expect(await ask(good, 'small')).toEqual(['ok']);
    }
    expect(queue.stats().slowClients).toBe(1);
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', text: expect.stringContaining('maxUnsentBytes') }),
    );
    slow.resume();
    await slow.expectClosed();
    expect(await ask(good, 'small')).toEqual(['ok']);
    expect((await ask(good, 'big'))[0]).toHaveLength(MIB);
    expect(queue.stats()).toMatchObject({ slowClients: 1, inFlight: 0, queued: 0 });
  });

  it('is left alone while it reads, however much comes at once', async () => {
    const queue = await startQueue({ maxUnsentBytes: MIB });
    const body = Buffer.alloc(MIB / 4);
    await zscaleWorker(queue, () => [body]);
    const client = dealerClient(queue);
    for (let i = 0; i < 200; i++) {
      for (let n = 0; n < 4; n++) client.trySend([Buffer.alloc(0), Buffer.from('x')]);
      for (let n = 0; n < 4; n++) {
        expect((await within(client.receive(), 'a reply'))[1]?.length).toBe(body.length);
      }
    }
    expect(queue.stats().slowClients).toBe(0);
  });

  it('gets one answer whatever its size', async () => {
    const queue = await startQueue({ maxUnsentBytes: 1000 });
    await zscaleWorker(queue, () => [Buffer.alloc(8 * MIB)]);
    expect((await ask(reqClient(queue), 'x'))[0]).toHaveLength(8 * MIB);
    expect(queue.stats().slowClients).toBe(0);
  });
});

describe('clients that reset in the middle', () => {
  it('of a handshake, a request or a reply leave nothing behind, and others are served', async () => {
    const queue = await startQueue();
    serve(await plainWorker(queue));
    const good = reqClient(queue);
    for (let i = 0; i < 50; i++) {
      const early = await RawPeer.connect(frontOf(queue));
      early.write('ff 00 00 00 00 00 00 00 01 7f');
      const [half, whole] = [
        await RawPeer.greeted(frontOf(queue), 'DEALER'),
        await RawPeer.greeted(frontOf(queue), 'DEALER'),
      ];
      half.write('01 00 02 00 00 00 00 00 01 00 00 78'); // 64 KiB were said to come
      whole.write('01 00 00 01 78', '01 00 00 01 78', '01 00');
      for (const peer of [early, half, whole]) peer.reset();
      expect(await ask(good, 'x')).toEqual(['x!']);
    }
    await until(() => queue.stats().inFlight === 0 && queue.stats().queued === 0);
    const { replies, undelivered, cancelled, lateReplies, requests } = queue.stats();
    expect(replies + cancelled).toBe(requests);
    expect(replies - undelivered).toBeGreaterThanOrEqual(50);
    expect(lateReplies).toBeLessThanOrEqual(cancelled);
    expect(queue.stats().workers[0]?.inFlight).toBe(0);
  });
});

describe('clients that do not end their requests', () => {
  /** Begins a request of 64 KiB and sends so much of it. */
  async function begin(queue: Awaited<ReturnType<typeof startQueue>>, bytes: number) {
    const client = await RawPeer.greeted(frontOf(queue), 'DEALER');
    client.write('01 00 02 0000000000010000', Buffer.alloc(bytes));
    return client;
  }

  it('are counted together, and the one with the most is disconnected when it is too much', async () => {
    const { logger, lines } = recordingLogger();
    const queue = await startQueue({ maxQueueBytes: 100_000, logger });
    const first = await begin(queue, 60_000);
    await until(() => queue.stats().unfinishedBytes >= 60_000);
    expect(queue.stats().slowClients).toBe(0);
    const second = await begin(queue, 50_000);
    await first.expectClosed();
    expect(second.closed).toBe(false);
    expect(queue.stats().slowClients).toBe(1);
    expect(queue.stats().unfinishedBytes).toBeLessThan(100_000);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        text: expect.stringMatching(
          /^disconnected a client that does not end its request: .*maxQueueBytes/,
        ),
      }),
    );
    serve(await plainWorker(queue));
    expect(await ask(reqClient(queue), 'served')).toEqual(['served!']);
    second.write(Buffer.alloc(65_536 - 50_000));
    await second.expectBytes('01 00');
    await until(() => queue.stats().unfinishedBytes === 0);
  });

  it('count for nothing when they go', async () => {
    const queue = await startQueue({ maxQueueBytes: 100_000 });
    const client = await begin(queue, 60_000);
    await until(() => queue.stats().unfinishedBytes >= 60_000);
    client.close();
    await until(() => queue.stats().unfinishedBytes === 0);
    expect(queue.stats().slowClients).toBe(0);
  });
});
