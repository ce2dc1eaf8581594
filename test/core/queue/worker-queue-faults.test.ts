/*
 * What the queue does when peers break the rules, die or go, and when it ends itself.
 */
import { describe, expect, it } from 'vitest';
import { hex, texts } from '../../support/hex.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  backOf,
  dealerClient,
  ERROR_MARK,
  failureOf,
  frontOf,
  HeldRequests,
  plainWorker,
  READY_ZSCALE,
  recordingLogger,
  reqClient,
  serve,
  shout,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

type Queue = Awaited<ReturnType<typeof startQueue>>;

/** Kernels buffer less than this many replies of {@link BIG_BYTES}, and the front end's mark is on top. */
const BIG_REPLIES = 2500;
const BIG_BYTES = 32 * 1024;

/** A raw peer at the back end: a plain REP, or one that speaks zscale. */
async function rawWorker(queue: Queue, ready?: string): Promise<RawPeer> {
  if (ready === undefined) return RawPeer.greeted(backOf(queue), 'REP');
  const peer = await RawPeer.connect(backOf(queue));
  await peer.greet(ready);
  return peer;
}

/** Takes `[ticket][empty][body]` from the wire, and gives the ticket. */
async function takeTicket(worker: RawPeer): Promise<string> {
  const ticket = await worker.takeFrame();
  await worker.takeFrame();
  await worker.takeFrame();
  return ticket.subarray(2).toString('hex');
}

const replyFrames = (ticket: string, text: string): string =>
  `01 08 ${ticket} 01 00 00 0${text.length} ${Buffer.from(text).toString('hex')}`;

describe('tickets', () => {
  it('that are malformed, forged or used up are dropped and counted, and hurt nobody', async () => {
    const queue = await startQueue();
    const worker = await rawWorker(queue);
    const client = reqClient(queue);
    await client.send('1');
    const ticket = await takeTicket(worker);
    const forged = hex(ticket);
    forged.writeUInt32BE((forged.readUInt32BE(4) ^ 0x55) >>> 0, 4);
    worker.write(
      '01 07 00000000000000 01 00 00 01 61', // too short
      replyFrames('ffffffffffffffff', 'no'),
      replyFrames(forged.toString('hex'), 'no'),
      '00 01 61', // no frames of ours at all
      `01 08 ${ticket} 00 00`, // no body
      '01 00 00 01 61', // no ticket
      replyFrames(ticket, 'yes'),
      replyFrames(ticket, 'no'), // twice
    );
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['yes']);
    await until(() => queue.stats().lateReplies === 7);
    await client.send('2');
    worker.write(replyFrames(await takeTicket(worker), 'two'));
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['two']);
    expect(queue.stats()).toMatchObject({ replies: 2, lateReplies: 7, inFlight: 0, errors: {} });
    expect(queue.stats().workers[0]?.inFlight).toBe(0);
  });

  it('of another worker cannot be used', async () => {
    const queue = await startQueue();
    const [owner, thief] = [await rawWorker(queue), await rawWorker(queue)];
    await until(() => queue.stats().workers.length === 2);
    const client = reqClient(queue);
    await client.send('1');
    const holder = await until(() => [owner, thief].find(({ pending }) => pending.length > 0));
    const ticket = await takeTicket(holder);
    (holder === owner ? thief : owner).write(replyFrames(ticket, 'stolen'));
    await until(() => queue.stats().lateReplies === 1);
    holder.write(replyFrames(ticket, 'own'));
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['own']);
  });
});

describe('a worker', () => {
  it('that is lost has what it held answered ZSCALE_ERR_WORKER_LOST at once', async () => {
    const queue = await startQueue();
    const worker = await rawWorker(queue);
    const client = zscaleClient(frontOf(queue));
    const failure = failureOf(client.request('x'));
    await takeTicket(worker);
    worker.reset();
    expect(await within(failure, 'the answer')).toMatchObject({ code: 'ZSCALE_ERR_WORKER_LOST' });
    expect(queue.stats()).toMatchObject({
      inFlight: 0,
      workers: [],
      errors: { ZSCALE_ERR_WORKER_LOST: 1 },
    });
  });

  it('that replied with its last breath is heard', async () => {
    const queue = await startQueue();
    const worker = await rawWorker(queue);
    const client = reqClient(queue);
    await client.send('x');
    worker.write(replyFrames(await takeTicket(worker), 'last'));
    worker.end();
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['last']);
    await until(() => queue.stats().workers.length === 0);
    expect(queue.stats().errors).toEqual({});
  });

  it('that dies takes nothing with it that was still queued', async () => {
    const queue = await startQueue();
    const worker = await rawWorker(queue);
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3']) await client.send([id, '', id]);
    await takeTicket(worker);
    worker.reset();
    const lost = texts(await within(client.receive(), 'the refusal'));
    expect(lost).toEqual(['1', '', expect.stringMatching(/^-ZSCALE_ERR_WORKER_LOST /)]);
    expect(queue.stats().queued).toBe(2);
    serve(await plainWorker(queue));
    for (const id of ['2', '3']) {
      expect(texts(await within(client.receive(), 'a reply'))).toEqual([id, '', `${id}!`]);
    }
  });

  it('may go together with most of the others: the next request finds who is left', async () => {
    const queue = await startQueue();
    const workers = [];
    for (let i = 0; i < 4; i++) workers.push(await plainWorker(queue));
    for (const worker of workers) serve(worker);
    const client = reqClient(queue);
    for (let i = 0; i < 3; i++) await ask(client, 'x'); // the fourth would be next
    for (const worker of workers.slice(0, 3)) worker.close();
    await until(() => queue.stats().workers.length === 1);
    expect(await ask(client, 'y')).toEqual(['y!']);
  });

  it('that sends an unreadable control frame is disconnected, told of, and its request answered', async () => {
    const { logger, lines } = recordingLogger();
    const queue = await startQueue({ logger });
    const worker = await rawWorker(queue, READY_ZSCALE.REP);
    const failure = failureOf(zscaleClient(frontOf(queue)).request('x'));
    worker.write(`01 08 ${await takeTicket(worker)} 01 01 ff 00 01 61`);
    expect(await failure).toMatchObject({ code: 'ZSCALE_ERR_WORKER_LOST' });
    await worker.expectClosed();
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', text: expect.stringContaining('control frame') }),
    );
  });

  it('may mark its reply as an error; the mark is in the bytes a zscale client gets', async () => {
    const queue = await startQueue();
    const worker = await rawWorker(queue, READY_ZSCALE.REP);
    const client = await RawPeer.connect(frontOf(queue));
    await client.greet(READY_ZSCALE.DEALER);
    client.write('01 01 69 01 00 00 01 78');
    worker.write(`01 08 ${await takeTicket(worker)} 01 08 ${ERROR_MARK} 00 04 2d412062`);
    await client.expectBytes(`01 01 69 01 08 ${ERROR_MARK} 00 04 2d412062`);
  });
});

describe('a client', () => {
  it('that vanishes leaves its worker free for others', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { concurrency: 1 });
    const gone = await RawPeer.greeted(frontOf(queue), 'DEALER');
    gone.write('01 00 00 01 78', '01 00 00 01 79');
    await until(() => held.length === 1 && queue.stats().queued === 1);
    gone.reset();
    await until(() => queue.stats().cancelled === 2);
    const client = reqClient(queue);
    await client.send('z');
    await until(() => queue.stats().queued === 1);
    for (let i = 0; i < 2; i++) {
      await until(() => held.length === 1);
      held.answer('done');
    }
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['done']);
    expect(held.texts).toEqual(['x', 'z']);
    expect(queue.stats()).toMatchObject({ replies: 1, lateReplies: 1, inFlight: 0, queued: 0 });
  });

  it('gets 5000 answers that were made in one turn', async () => {
    const queue = await startQueue();
    const worker = await rawWorker(queue, READY_ZSCALE.REP);
    worker.write('01 08 0000000000000000 00 0b 81a6637265646974 cd1388'); // credit 5000
    await until(() => queue.stats().workers[0]?.credit === 5000);
    const client = dealerClient(queue);
    for (let i = 0; i < 5000; i++) {
      client.trySend([Buffer.from(`${i}`), Buffer.alloc(0), Buffer.from('x')]);
    }
    await until(() => queue.stats().inFlight === 5000);
    worker.reset();
    const ids = new Set<string>();
    for (let i = 0; i < 5000; i++) {
      const [id = '', , text] = texts(await within(client.receive(), `answer ${i}`));
      expect(text).toMatch(/^-ZSCALE_ERR_WORKER_LOST /);
      ids.add(id);
    }
    expect(ids.size).toBe(5000);
    expect(queue.stats().undelivered).toBe(0);
  });

  it('that reads slowly loses no reply, and is not read from meanwhile', async () => {
    const queue = await startQueue();
    const body = Buffer.alloc(BIG_BYTES);
    await zscaleWorker(queue, () => [body]);
    const slow = await RawPeer.greeted(frontOf(queue), 'DEALER');
    slow.pause();
    const other = reqClient(queue); // served as ever
    let others = 0;
    for (let sent = 0; sent < BIG_REPLIES; sent += 100) {
      slow.write('01 02 4141 01 00 00 01 78'.repeat(100));
      for (let i = 0; i < 20; i++, others++) await ask(other, 'x');
    }
    expect(queue.stats().requests - others).toBeGreaterThan(1000);
    expect(queue.stats().requests - others).toBeLessThan(BIG_REPLIES);
    slow.resume();
    for (let i = 0; i < BIG_REPLIES; i++) {
      expect((await slow.takeFrame()).length).toBe(4);
      expect((await slow.takeFrame()).length).toBe(2);
      expect((await slow.takeFrame()).length).toBe(9 + BIG_BYTES);
    }
    expect(queue.stats()).toMatchObject({ undelivered: 0, replies: BIG_REPLIES + others });
  });
});

describe('drainWorker()', () => {
  it('gives the worker nothing more, and resolves when it holds nothing', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { workerId: 1 });
    const client = dealerClient(queue);
    await client.send(['1', '', 'x']);
    await until(() => held.length === 1);
    let isDrained = false;
    const drained = queue.drainWorker(1).then(() => {
      isDrained = true;
    });
    await zscaleWorker(queue, shout, { workerId: 2 });
    for (let i = 0; i < 10; i++) {
      await client.send(['2', '', 'y']);
      expect(texts(await within(client.receive(), 'a reply'))).toEqual(['2', '', 'y!']);
    }
    expect([held.length, isDrained]).toEqual([1, false]);
    held.answer('done');
    expect(texts(await within(client.receive(), 'a reply'))).toEqual(['1', '', 'done']);
    await within(drained, 'drainWorker()');
  });

  it('resolves when the worker dies, when the queue closes, and for one that is not there', async () => {
    const queue = await startQueue();
    await within(queue.drainWorker(99), 'drainWorker() of nobody');
    const dying = await zscaleWorker(queue, new HeldRequests().handle, { workerId: 1 });
    const client = dealerClient(queue);
    await client.send(['', 'x']);
    await until(() => queue.stats().inFlight === 1);
    const first = queue.drainWorker(1);
    dying.close();
    await within(first, 'drainWorker() of a dead worker');
    await zscaleWorker(queue, new HeldRequests().handle, { workerId: 2 });
    await client.send(['', 'y']);
    await until(() => queue.stats().inFlight === 1);
    const second = queue.drainWorker(2);
    await queue.close();
    await within(second, 'drainWorker() of a closed queue');
  });
});

describe('a worker that came in where strangers can', () => {
  it('is given requests, but its number is not believed', async () => {
    const queue = await startQueue({ ownEndpoint: 'ipc:///nobody/comes/in/here' });
    await zscaleWorker(queue, shout, { workerId: 3 });
    queue.workerExited(3);
    await within(queue.drainWorker(3), 'drainWorker()');
    expect(queue.stats().workers[0]?.id).toBeUndefined();
    expect(String(await zscaleClient(frontOf(queue)).request('x'))).toBe('x!');
  });
});

describe('workerExited()', () => {
  it('answers what the worker held, though its connection stays open', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { workerId: 3 });
    const failure = failureOf(zscaleClient(frontOf(queue)).request('x'));
    await until(() => held.length === 1);
    queue.workerExited(3);
    expect(queue.stats().workers[0]?.credit).toBe(0);
    expect(await within(failure, 'the answer')).toMatchObject({ code: 'ZSCALE_ERR_WORKER_LOST' });
  });
});

describe('drain() and close()', () => {
  it('drain() turns new requests away, and resolves when every earlier one is answered', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { concurrency: 1 });
    const client = dealerClient(queue);
    for (const id of ['1', '2']) await client.send([id, '', id]);
    await until(() => queue.stats().queued === 1 && held.length === 1);
    let isDrained = false;
    const drained = queue.drain().then(() => {
      isDrained = true;
    });
    await client.send(['3', '', 'late']);
    const refused = texts(await within(client.receive(), 'the refusal'));
    expect(refused).toEqual(['3', '', expect.stringMatching(/^-ZSCALE_ERR_STOPPING /)]);
    for (const id of ['1', '2']) {
      await until(() => held.length === 1);
      expect(isDrained).toBe(false);
      held.answer('done');
      expect(texts(await within(client.receive(), 'a reply'))).toEqual([id, '', 'done']);
    }
    await within(drained, 'drain()');
    expect(queue.stats().errors).toEqual({ ZSCALE_ERR_STOPPING: 1 });
  });

  it('close() answers ZSCALE_ERR_STOPPING to what is queued and in flight, and frees the addresses', async () => {
    const queue = await startQueue();
    await zscaleWorker(queue, new HeldRequests().handle, { concurrency: 1 });
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3']) await client.send([id, '', id]);
    await until(() => queue.stats().queued === 2 && queue.stats().inFlight === 1);
    const closed = queue.close();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const [id = '', , text] = texts(await within(client.receive(), 'an answer'));
      expect(text).toMatch(/^-ZSCALE_ERR_STOPPING /);
      ids.push(id);
    }
    expect(ids.sort()).toEqual(['1', '2', '3']);
    await within(closed, 'close()');
    await within(queue.close(), 'close() again');
    await startQueue({ bind: [frontOf(queue)], backend: [backOf(queue)] });
  });

  it('start() leaves nothing listening when an address is taken', async () => {
    const [taken, free] = [await startQueue(), await startQueue()];
    await free.close();
    const failure = await failureOf(
      startQueue({ bind: [frontOf(taken)], backend: [backOf(free)] }),
    );
    expect(failure).toMatchObject({ code: 'EADDRINUSE' });
    await startQueue({ bind: [backOf(free)] });
  });
});
