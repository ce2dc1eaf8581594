/*
 * Pools: who gets what, and that a full one stands in nobody's way.
 */
import { describe, expect, it } from 'vitest';
import { texts } from '../../support/hex.ts';
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
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

const HEAVY = [{ name: 'heavy', workerIds: new Set([1024]), routes: ['report*'] }];

describe('a pool', () => {
  it('gets the requests whose route matches, and no others', async () => {
    const queue = await startQueue({ pools: HEAVY });
    const [light, heavy] = [new HeldRequests(), new HeldRequests()];
    await zscaleWorker(queue, light.handle, { workerId: 0 });
    await zscaleWorker(queue, heavy.handle, { workerId: 1024 });
    expect(queue.stats().workers.map(({ id, pool }) => [id, pool])).toEqual([
      [0, undefined],
      [1024, 'heavy'],
    ]);
    const client = dealerClient(queue);
    for (const text of ['quick', 'report 1', 'also quick', 'report 2'])
      await client.send(['', text]);
    await until(() => light.length === 2 && heavy.length === 2);
    expect([light.texts, heavy.texts]).toEqual([
      ['quick', 'also quick'],
      ['report 1', 'report 2'],
    ]);
  });

  it('that is busy or full leaves the others alone, and has limits of its own', async () => {
    const queue = await startQueue({ pools: HEAVY, maxQueue: 3 });
    serve(await plainWorker(queue));
    await zscaleWorker(queue, new HeldRequests().handle, { workerId: 1024, concurrency: 1 });
    const heavy = dealerClient(queue);
    for (let i = 0; i < 5; i++) await heavy.send([`${i}`, '', 'report']);
    const [id, , text] = texts(await within(heavy.receive(), 'the refusal'));
    expect([id, text]).toEqual(['4', expect.stringMatching(/^-ZSCALE_ERR_BUSY /)]);
    expect(queue.stats()).toMatchObject({ queued: 3, inFlight: 1 });
    const client = reqClient(queue);
    for (let i = 0; i < 20; i++) expect(await ask(client, `${i}`)).toEqual([`${i}!`]);
  });

  it('that has no worker keeps its requests until one comes, within the time they have', async () => {
    const queue = await startQueue({ pools: HEAVY, maxQueueWait: 60_000 });
    serve(await plainWorker(queue));
    const reply = ask(reqClient(queue), 'report');
    await until(() => queue.stats().queued === 1);
    await ask(reqClient(queue), 'x');
    await zscaleWorker(queue, () => [Buffer.from('from the pool')], { workerId: 1024 });
    expect(await reply).toEqual(['from the pool']);
  });

  it('is asked for by a client that says a route', async () => {
    const queue = await startQueue({ pools: HEAVY });
    serve(await plainWorker(queue));
    await zscaleWorker(queue, () => [Buffer.from('from the pool')], { workerId: 1024 });
    const client = zscaleClient(frontOf(queue));
    expect(String(await client.request('x', { route: 'report/7' }))).toBe('from the pool');
    expect(String(await client.request('report', { route: 'x' }))).toBe('report!');
  });

  it('loses what its worker held to another of its own only', async () => {
    const queue = await startQueue({ pools: HEAVY, retries: 1 });
    serve(await plainWorker(queue));
    const dying = await zscaleWorker(queue, new HeldRequests().handle, { workerId: 1024 });
    const reply = ask(reqClient(queue), 'report');
    await until(() => queue.stats().inFlight === 1);
    dying.linger = 0;
    dying.close();
    await until(() => queue.stats().queued === 1);
    await zscaleWorker(queue, () => [Buffer.from('done')], { workerId: 1024 });
    expect(await reply).toEqual(['done']);
  });

  it('cannot be entered by a worker from elsewhere that says its number', async () => {
    const queue = await startQueue({ pools: HEAVY, ownEndpoint: 'ipc:///nobody/comes/in/here' });
    await zscaleWorker(queue, () => [Buffer.from('stranger')], { workerId: 1024 });
    expect(queue.stats().workers[0]).toMatchObject({ id: undefined, pool: undefined });
    const failure = failureOf(
      zscaleClient(frontOf(queue)).request('report', { signal: AbortSignal.timeout(50) }),
    );
    expect(await failure).toMatchObject({ name: 'TimeoutError' });
  });
});
