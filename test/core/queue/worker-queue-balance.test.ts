/*
 * Who gets a request: the next in turn with round-robin, always the same with hash.
 */
import { describe, expect, it } from 'vitest';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import { texts } from '../../support/hex.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  HeldRequests,
  plainWorker,
  recordingLogger,
  reqClient,
  startQueue,
  workerSocket,
  zscaleWorker,
} from '../../support/worker-queue.ts';

type Queue = Awaited<ReturnType<typeof startQueue>>;

/** Workers that answer with their number. */
async function numberedWorkers(queue: Queue, count: number) {
  const workers = [];
  for (let workerId = 0; workerId < count; workerId++) {
    workers.push(await zscaleWorker(queue, () => [Buffer.from(`${workerId}`)], { workerId }));
  }
  return workers;
}

describe("balance: 'round-robin'", () => {
  it('gives each worker its turn, however busy it is', async () => {
    const queue = await startQueue({ balance: 'round-robin' });
    await numberedWorkers(queue, 3);
    const client = reqClient(queue);
    const answers = [];
    for (let i = 0; i < 9; i++) answers.push((await ask(client, 'x'))[0]);
    expect(answers).toEqual(['0', '1', '2', '0', '1', '2', '0', '1', '2']);
  });

  it('passes over those that have no room', async () => {
    const queue = await startQueue({ balance: 'round-robin' });
    await plainWorker(queue); // which answers nothing
    await numberedWorkers(queue, 1);
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3']) await client.send([id, '', id]);
    for (let i = 0; i < 2; i++) {
      expect(texts(await within(client.receive(), 'a reply'))[2]).toBe('0');
    }
  });
});

/** The answers to these keys, which are what the requests are. */
async function answersTo(queue: Queue, keys: readonly string[]): Promise<string[]> {
  const client = reqClient(queue);
  const answers = [];
  for (const key of keys) answers.push((await ask(client, key))[0] ?? '');
  return answers;
}

/** Keeps requests that begin with the same letter together. */
const byLetter = ([first = 0]: Buffer): string => String.fromCharCode(first);
const KEYS = [...'abcdefghijklmnopqrstuvwxyz'];

describe("balance: 'hash'", () => {
  it('gives the requests of a client to one worker, and of many clients to all', async () => {
    const queue = await startQueue({ balance: 'hash' });
    await numberedWorkers(queue, 3);
    const seen = new Set<string>();
    await until(async () => {
      const answers = await answersTo(queue, ['x', 'y', 'z', 'x', 'y', 'z']);
      expect(new Set(answers).size).toBe(1);
      seen.add(answers[0] ?? '');
      return seen.size === 3;
    });
  });

  it('gives what has the same key, as the service’s function finds it, to one worker', async () => {
    const queue = await startQueue({ balance: 'hash', key: byLetter });
    await numberedWorkers(queue, 3);
    const answers = await answersTo(queue, KEYS);
    expect(new Set(answers).size).toBe(3);
    expect(
      await answersTo(
        queue,
        KEYS.map((key) => `${key}${key}`),
      ),
    ).toEqual(answers);
  });

  it('moves only the keys of a worker that goes, and gives them back to the next of its number', async () => {
    const queue = await startQueue({ balance: 'hash', key: byLetter });
    const workers = await numberedWorkers(queue, 3);
    const before = await answersTo(queue, KEYS);
    workers[1]?.close();
    await until(() => queue.stats().workers.length === 2);
    const without = await answersTo(queue, KEYS);
    for (const [i, answer] of without.entries()) {
      if (before[i] !== '1') expect(answer).toBe(before[i]);
      else expect(['0', '2']).toContain(answer);
    }
    await zscaleWorker(queue, () => [Buffer.from('1')], { workerId: 1 });
    expect(await answersTo(queue, KEYS)).toEqual(before);
  });

  it('lets a request wait for its busy worker, and nobody else with it', async () => {
    const queue = await startQueue({ balance: 'hash', key: byLetter });
    const [busy, other] = [new HeldRequests(), new HeldRequests()];
    await zscaleWorker(queue, busy.handle, { workerId: 0, concurrency: 1 });
    await zscaleWorker(queue, other.handle, { workerId: 1, concurrency: 1 });
    const client = dealerClient(queue);
    for (const key of KEYS) await client.send([key, '', key]);
    await until(() => queue.stats().queued === 24 && busy.length === 1 && other.length === 1);
    for (let left = other.length + 20; other.length === 1 && left > 0; left--) {
      const before = other.texts.length;
      other.answer('done');
      await until(() => other.texts.length > before || queue.stats().inFlight === 1);
    }
    expect(other.length).toBe(0);
    expect(busy.texts).toEqual([busy.texts[0]]);
    expect(queue.stats().queued).toBe(25 - other.texts.length);
    expect(queue.stats().workers.map(({ inFlight }) => inFlight)).toEqual([1, 0]);
  });

  it('lines up anew what waits for a worker that goes, or drains', async () => {
    const queue = await startQueue({ balance: 'hash', key: byLetter, maxQueue: 26 });
    const held = [new HeldRequests(), new HeldRequests(), new HeldRequests()];
    const workers = [];
    for (const [workerId, { handle }] of held.entries()) {
      workers.push(await zscaleWorker(queue, handle, { workerId, concurrency: 1 }));
    }
    const client = dealerClient(queue);
    for (const key of KEYS) await client.send([key, '', key]);
    await until(() => held.every(({ length }) => length === 1));
    workers[0]?.close();
    void queue.drainWorker(1);
    await until(() => queue.stats().workers.length === 2);
    held[1]?.answer('last');
    const last = held[2];
    let answers = 0;
    while (answers < 25) {
      await until(() => last?.length === 1 || queue.stats().inFlight === 0);
      last?.answer('done');
      await within(client.receive(), 'an answer');
      answers += 1;
    }
    expect(held[1]?.texts).toHaveLength(1);
    expect(last?.texts).toEqual([...(last?.texts ?? [])].sort());
  });

  it('holds what comes while there is no worker, within maxQueue', async () => {
    const queue = await startQueue({ balance: 'hash', maxQueue: 3 });
    const client = dealerClient(queue);
    for (const id of ['1', '2', '3', '4']) await client.send([id, '', id]);
    const [id, , text] = texts(await within(client.receive(), 'the refusal'));
    expect([id, text]).toEqual(['4', expect.stringMatching(/^-ZSCALE_ERR_BUSY /)]);
    await numberedWorkers(queue, 1);
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(texts(await within(client.receive(), 'a reply'))[2]);
    expect(new Set(answers).size).toBe(1);
  });

  it('answers what its function fails on, and serves the next', async () => {
    const queue = await startQueue({
      balance: 'hash',
      codec: createCodec('json'),
      key: ({ user }: { user: { name: string } }) => user.name,
    });
    await zscaleWorker(queue, () => [Buffer.from('"served"')], { codec: createCodec('json') });
    const client = reqClient(queue);
    const [thrown = ''] = await ask(client, '{}');
    expect(JSON.parse(thrown)).toMatchObject({ error: { code: 'ZSCALE_ERR_KEY' } });
    const [number = ''] = await ask(client, '{"user":{"name":7}}');
    expect(JSON.parse(number).error.message).toMatch(/number where a string is expected/);
    const [unread = ''] = await ask(client, 'not json');
    expect(JSON.parse(unread)).toMatchObject({ error: { code: 'ZSCALE_ERR_DECODE' } });
    expect(await ask(client, '{"user":{"name":"Ada"}}')).toEqual(['"served"']);
    expect(queue.stats().errors).toEqual({ ZSCALE_ERR_KEY: 2, ZSCALE_ERR_DECODE: 1 });
  });

  it('gives its function whole bytes, however large the request and in how many chunks it came', async () => {
    const seen: number[] = [];
    const key = (body: Buffer): string => {
      seen.push(body.length);
      return body.toString('latin1', body.length - 1);
    };
    const queue = await startQueue({ balance: 'hash', key });
    await zscaleWorker(queue, ([body]) => [Buffer.from(`${body?.length}`)]);
    for (const size of [10, 100_000, 3_000_000]) {
      expect(await ask(reqClient(queue), 'x'.repeat(size))).toEqual([`${size}`]);
    }
    expect(seen).toEqual([10, 100_000, 3_000_000]);
  });

  it('tells of a function that holds everybody up', async () => {
    const { logger, lines } = recordingLogger();
    const key = (): string => {
      const end = performance.now() + 15;
      while (performance.now() < end);
      return 'x';
    };
    const queue = await startQueue({ balance: 'hash', logger, key });
    await numberedWorkers(queue, 1);
    await ask(reqClient(queue), 'x');
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', text: expect.stringContaining('`key` was slow') }),
    );
  });

  it('goes on with a worker that is connected again under its number', async () => {
    const queue = await startQueue({ balance: 'hash' });
    const held = new HeldRequests();
    const first = await zscaleWorker(queue, held.handle, { workerId: 4, concurrency: 1 });
    const client = dealerClient(queue);
    for (const id of ['1', '2']) await client.send([id, '', id]);
    await until(() => held.length === 1 && queue.stats().queued === 1);
    const next = workerSocket(() => [Buffer.from('new')], { workerId: 4 });
    first.close();
    next.connect(queue.backendEndpoints[0] ?? '');
    const answers = [];
    for (let i = 0; i < 2; i++) answers.push(texts(await within(client.receive(), 'a reply'))[2]);
    expect(answers).toEqual([expect.stringMatching(/^-ZSCALE_ERR_WORKER_LOST /), 'new']);
  });
});
