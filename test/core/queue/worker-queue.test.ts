/*
 * The queue as clients and workers of any kind meet it: who gets a request, and what comes back.
 */
import { Dealer, Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../packages/core/src/messages/control.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { PlayedGateway } from '../../support/played-streams.ts';
import { RawWorker } from '../../support/raw-worker.ts';
import { startGatewayQueue } from '../../support/streaming.ts';
import { transports } from '../../support/transports.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  backOf,
  dealerClient,
  failureOf,
  frontOf,
  HeldRequests,
  plainWorker,
  recordingLogger,
  reqClient,
  serve,
  shout,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

describe.each(transports)('a queue over $name', ({ anywhere }) => {
  const listening = (options: Parameters<typeof startQueue>[0] = {}) =>
    startQueue({ bind: [anywhere()], backend: [anywhere()], ...options });

  it('serves plain REQ clients from plain REP workers', async () => {
    const queue = await listening();
    serve(await plainWorker(queue));
    const client = reqClient(queue);
    for (let i = 0; i < 10; i++) expect(await ask(client, `${i}`)).toEqual([`${i}!`]);
    expect(queue.stats()).toMatchObject({ requests: 10, replies: 10, errors: {}, inFlight: 0 });
  });

  it('serves REQ, DEALER and connect() from both kinds of worker', async () => {
    const queue = await listening();
    serve(await plainWorker(queue));
    await zscaleWorker(queue, shout);
    expect(await ask(reqClient(queue), 'a')).toEqual(['a!']);
    const dealer = dealerClient(queue);
    await dealer.send(['', 'b']);
    expect(texts(await within(dealer.receive(), 'a reply'))).toEqual(['', 'b!']);
    expect(String(await zscaleClient(frontOf(queue)).request('c'))).toBe('c!');
  });

  it('holds requests while no worker is there, and gives them in order when one comes', async () => {
    const queue = await listening();
    const client = dealerClient(queue);
    for (let i = 0; i < 20; i++) await client.send(['', `${i}`]);
    await until(() => queue.stats().queued === 20);
    const seen: string[] = [];
    serve(await plainWorker(queue), ([text = '']) => {
      seen.push(text);
      return text;
    });
    for (let i = 0; i < 20; i++) await within(client.receive(), `reply ${i}`);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    expect(queue.stats()).toMatchObject({ queued: 0, queuedBytes: 0 });
  });

  it('lets what may be done again wait at workers that say so, while more wait than there are workers', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue();
    const workers = [await RawWorker.join(queue), await RawWorker.join(queue)];
    for (const worker of workers) {
      worker.say('0000000000000000', encodeControl({ credit: 2, spare: 1 }));
    }
    await until(() => queue.stats().workers.every(({ credit }) => credit === 2));
    const gateway = new PlayedGateway(gatewayEndpoint);
    for (let i = 0; i < 8; i++) await gateway.send(`request${i}`, { idempotent: true }, `${i}`);
    await until(() => queue.stats().queued === 4);
    const held = (): number[] => queue.stats().workers.map(({ inFlight }) => inFlight);
    expect(held()).toEqual([2, 2]);
    const [first] = workers;
    const { ticket = '' } = (await first?.take()) ?? {};
    first?.answer(ticket, 'done'); // 4 wait, and one of them is its own: 3 for two workers
    await until(() => queue.stats().queued === 2);
    expect(held().sort()).toEqual([2, 3]);
    for (const worker of workers) worker.say('0000000000000000', encodeControl({ credit: 2 }));
    const second = await first?.take();
    first?.answer(second?.ticket ?? '', 'done');
    await until(() => queue.stats().replies === 2);
    expect(held().sort()).toEqual([2, 2]);
  });

  it('lets nothing wait at workers that could be lost with one of them', async () => {
    const queue = await startQueue();
    const workers = [await RawWorker.join(queue), await RawWorker.join(queue)];
    for (const worker of workers) {
      worker.say('0000000000000000', encodeControl({ credit: 2, spare: 1 }));
    }
    await until(() => queue.stats().workers.every(({ credit }) => credit === 2));
    const client = dealerClient(queue);
    for (let i = 0; i < 8; i++) await client.send(['', `${i}`]);
    await until(() => queue.stats().queued === 4);
    const [first] = workers;
    const { ticket = '' } = (await first?.take()) ?? {};
    first?.answer(ticket, 'done');
    await until(() => queue.stats().replies === 1);
    expect(queue.stats()).toMatchObject({ queued: 3, inFlight: 4 });
  });

  it('gives each request to the least busy worker', async () => {
    const queue = await listening();
    const [left, right] = [new HeldRequests(), new HeldRequests()];
    await zscaleWorker(queue, left.handle, { workerId: 1 });
    await zscaleWorker(queue, right.handle, { workerId: 2 });
    const client = dealerClient(queue);
    for (let i = 1; i <= 6; i++) {
      await until(() => queue.stats().workers.every(({ inFlight, credit }) => credit > inFlight));
      await client.send(['', `${i}`]);
      await until(() => left.length + right.length === i);
    }
    expect([left.length, right.length]).toEqual([3, 3]);
    right.answer('done');
    right.answer('done');
    await until(() => queue.stats().inFlight === 4);
    for (let i = 5; i <= 6; i++) {
      await client.send(['', 'more']);
      await until(() => left.length + right.length === i);
    }
    expect([left.length, right.length]).toEqual([3, 3]);
  });

  it('lets idle workers take turns', async () => {
    const queue = await listening();
    for (let i = 0; i < 3; i++) serve(await plainWorker(queue));
    const client = reqClient(queue);
    for (let i = 0; i < 9; i++) await ask(client, 'x');
    expect(queue.stats().workers.map(({ requests }) => requests)).toEqual([3, 3, 3]);
  });

  it('binds late: a plain REP holds one request, and whoever is free first gets the next', async () => {
    const queue = await listening();
    const [busy, quick] = [await plainWorker(queue), await plainWorker(queue)];
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3', '4']) await client.send([id, '', id]);
    await until(() => queue.stats().queued === 2);
    expect(queue.stats().workers.map(({ inFlight }) => inFlight)).toEqual([1, 1]);
    await busy.receive(); // ... and keeps it
    for (let i = 0; i < 3; i++) {
      await quick.receive();
      await quick.send('done');
      await within(client.receive(), 'its reply');
    }
    expect(queue.stats().workers.map(({ requests }) => requests)).toEqual([1, 3]);
    expect(queue.stats().queued).toBe(0);
  });

  it('gives envelopes of several hops back untouched, and bodies with empty frames whole', async () => {
    const queue = await listening();
    serve(await plainWorker(queue), (body) => [...body]);
    const client = dealerClient(queue);
    const messages = [
      ['', 'body'],
      ['hop', '', 'body'],
      ['hop 1', '\u0000\u0001', 'hop 3', 'id', '', 'body'],
      ['id', '', '', ''],
      ['id', '', 'a', '', 'b', ''],
    ];
    for (const message of messages) {
      await client.send(message);
      expect(texts(await within(client.receive(), 'the reply'))).toEqual(message);
    }
  });

  it('takes bodies of many frames from each kind of client through each kind of worker', async () => {
    const body = ['', 'a', '', 'b'];
    const viaPlain = await listening();
    serve(await plainWorker(viaPlain), (frames) => [...frames]);
    const viaZscale = await listening();
    await zscaleWorker(viaZscale, (frames) => frames);
    for (const queue of [viaPlain, viaZscale]) {
      expect(await ask(reqClient(queue), body)).toEqual(body);
      const reply = await zscaleClient(frontOf(queue)).request(body);
      expect(texts(reply as Buffer[])).toEqual(body);
    }
  });

  it('serves REQ sockets that correlate', async () => {
    const queue = await listening();
    serve(await plainWorker(queue));
    await zscaleWorker(queue, shout);
    const client = closing(new Request({ correlate: true }));
    client.connect(frontOf(queue));
    for (let i = 0; i < 10; i++) expect(await ask(client, `${i}`)).toEqual([`${i}!`]);
  });

  it('lets a relaxed REQ give a request up for the next one', async () => {
    const queue = await listening();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle);
    const client = closing(new Request({ correlate: true, relaxed: true }));
    client.connect(frontOf(queue));
    await client.send('1');
    await client.send('2');
    await until(() => held.length === 2);
    held.answer('to 1');
    held.answer('to 2');
    expect(texts(await within(client.receive(), 'the reply'))).toEqual(['to 2']);
  });

  it('sends a DEALER away from the back end, says so, and gives it nothing', async () => {
    const { logger, lines } = recordingLogger();
    const queue = await listening({ logger });
    const lost = closing(new Dealer());
    let disconnects = 0;
    lost.events.on('disconnect', () => {
      disconnects += 1;
    });
    lost.connect(backOf(queue));
    await until(() => disconnects > 0, 'the stray client to be disconnected');
    expect(queue.stats().workers).toEqual([]);
    expect(lines.filter(({ level }) => level === 'warn')[0]).toMatchObject({
      facts: { socketType: 'DEALER' },
      text: expect.stringContaining('front end'),
    });
    serve(await plainWorker(queue));
    expect(await ask(reqClient(queue), 'x')).toEqual(['x!']);
  });

  it('marks errors for zscale clients, and shows others an empty delimiter and the error', async () => {
    const queue = await listening();
    await zscaleWorker(queue, () => {
      throw Object.assign(new Error('none left'), { code: 'OUT_OF_STOCK' });
    });
    expect(await failureOf(zscaleClient(frontOf(queue)).request('x'))).toMatchObject({
      name: 'RemoteError',
      code: 'OUT_OF_STOCK',
      message: 'none left',
    });
    const dealer = dealerClient(queue);
    await dealer.send(['id', '', 'x']);
    expect(texts(await within(dealer.receive(), 'the error'))).toEqual([
      'id',
      '',
      '-OUT_OF_STOCK none left',
    ]);
    expect(queue.stats()).toMatchObject({ replies: 2, errors: { handler: 2 } });
  });

  it('does not take a reply that looks like an error for one', async () => {
    const queue = await listening();
    await zscaleWorker(queue, () => [Buffer.from('-FOO bar')]);
    expect(String(await zscaleClient(frontOf(queue)).request('x'))).toBe('-FOO bar');
    expect(queue.stats().errors).toEqual({});
  });

  it('shows what it knows of its workers', async () => {
    const queue = await listening();
    await plainWorker(queue);
    await zscaleWorker(queue, shout, { workerId: 7 });
    expect(queue.stats().workers).toMatchObject([
      { id: undefined, zscale: false, inFlight: 0, credit: 1, requests: 0 },
      { id: 7, zscale: true, inFlight: 0, credit: 1, requests: 0 },
    ]);
  });
});
