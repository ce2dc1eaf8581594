/*
 * What a client says of a request beside its value: what of it the queue acts on, and what the
 * worker hears.
 */
import { describe, expect, it } from 'vitest';
import type { RequestOptions } from '../../../packages/core/src/client.ts';
import { encodeControl } from '../../../packages/core/src/messages/control.ts';
import type { WorkerQueueOptions } from '../../../packages/core/src/queue/worker-queue.ts';
import { texts } from '../../support/hex.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { RawWorker } from '../../support/raw-worker.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  ERROR_MARK,
  failureOf,
  frontOf,
  plainWorker,
  READY_ZSCALE,
  reqClient,
  serve,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What a zscale worker is told of a request with these options. */
async function told(options: RequestOptions, limits: Partial<WorkerQueueOptions> = {}) {
  const queue = await startQueue(limits);
  const worker = await RawWorker.join(queue);
  const reply = zscaleClient(frontOf(queue)).request('x', options);
  const { ticket, control, text } = await worker.take();
  expect(text).toBe('x');
  worker.answer(ticket, 'y');
  expect(String(await within(reply, 'the reply'))).toBe('y');
  return control;
}

describe('a zscale worker', () => {
  it('is told nothing of a request of which nothing is said', async () => {
    expect(await told({})).toBeUndefined();
  });

  it('is told id and trace as the client said them, and how long it may take', async () => {
    const trace = { traceparent: TRACE, tracestate: 'vendor=1' };
    expect(await told({ id: 'order-7', trace })).toEqual({
      id: 'order-7',
      trace: TRACE,
      state: 'vendor=1',
    });
    const control = await told({ timeout: 60_000 });
    expect(Object.keys(control ?? {})).toEqual(['deadline']);
    expect(control?.deadline).toBeGreaterThan(40_000);
    expect(control?.deadline).toBeLessThanOrEqual(60_000);
  });

  it('is told baggage, as much of it as there may be, also beside all else and where messages are small', async () => {
    expect(await told({ baggage: 'user=42' })).toEqual({ baggage: 'user=42' });
    const trace = { traceparent: TRACE, tracestate: 's'.repeat(512) };
    const baggage = 'b'.repeat(8192);
    const words = { id: 'i'.repeat(64), trace, baggage };
    const { traceparent, tracestate } = trace;
    expect(await told(words, { maxMessageSize: 1 })).toEqual({
      id: words.id,
      trace: traceparent,
      state: tracestate,
      baggage,
    });
  });

  it('is not told what is for the queue alone', async () => {
    expect(await told({ key: 'k', route: 'r', idempotent: true })).toBeUndefined();
    expect(await told({ timeout: Infinity })).toBeUndefined();
  });

  it('is told what is left for a request that waited noticeably', async () => {
    const queue = await startQueue({ timeout: 10_000 });
    const reply = ask(reqClient(queue), 'x');
    await until(() => queue.stats().queued === 1);
    const start = performance.now();
    await until(() => performance.now() - start > 700, 'a sixteenth of the time to pass');
    const worker = await RawWorker.join(queue);
    const { ticket, control } = await worker.take();
    expect(control?.deadline).toBeLessThan(9400);
    expect(control?.deadline).toBeGreaterThan(0);
    worker.answer(ticket, 'done');
    expect(await reply).toEqual(['done']);
  });
});

describe('a plain worker', () => {
  it('gets the same bytes whatever the client says', async () => {
    const queue = await startQueue();
    const worker = await RawPeer.greeted(queue.backendEndpoints[0] ?? '', 'REP');
    await until(() => queue.stats().workers.length === 1);
    void zscaleClient(frontOf(queue))
      .request('x', { id: 'order-7', timeout: 60_000, key: 'k' })
      .catch(() => {}); // the test ends first
    await worker.takeFrame();
    await worker.expectBytes('01 00 00 01 78');
  });
});

describe('the time that a client gives', () => {
  it('ends a request that waits, also behind others that have more', async () => {
    const queue = await startQueue({ timeout: 60_000 });
    const patient = dealerClient(queue);
    await patient.send(['1', '', 'x']);
    await until(() => queue.stats().queued === 1);
    const client = await RawPeer.connect(frontOf(queue));
    await client.greet(READY_ZSCALE.DEALER);
    const control = encodeControl({ deadline: 30 });
    const length = control.length.toString(16).padStart(2, '0');
    client.write(`01 01 61 01 ${length}`, control, '00 01 78');
    await client.expectBytes(`01 01 61 01 08 ${ERROR_MARK}`);
    expect((await client.takeFrame()).toString()).toMatch(/-ZSCALE_ERR_TIMEOUT .*30 ms/);
    expect(queue.stats()).toMatchObject({ queued: 1, errors: { ZSCALE_ERR_TIMEOUT: 1 } });
    serve(await plainWorker(queue));
    expect(texts(await within(patient.receive(), 'the reply'))).toEqual(['1', '', 'x!']);
  });

  it('cannot be longer than the service’s', async () => {
    const queue = await startQueue({ timeout: 50 });
    const failure = failureOf(zscaleClient(frontOf(queue)).request('x', { timeout: 60_000 }));
    expect(await within(failure, 'the refusal')).toMatchObject({ code: 'ZSCALE_ERR_TIMEOUT' });
  });
});

describe('the key that a client says', () => {
  it('pins a request, where the service has no function of its own', async () => {
    const queue = await startQueue({ balance: 'hash' });
    for (let workerId = 0; workerId < 3; workerId++) {
      await zscaleWorker(queue, () => [Buffer.from(`${workerId}`)], { workerId });
    }
    const clients = [zscaleClient(frontOf(queue)), zscaleClient(frontOf(queue))];
    const answers = [];
    for (const client of clients) {
      const got = [];
      for (let i = 0; i < 20; i++) got.push(String(await client.request('x', { key: `k${i}` })));
      answers.push(got);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(new Set(answers[0]).size).toBe(3);
  });
});

describe('idempotent: false', () => {
  it('keeps a request from being done again', async () => {
    const queue = await startQueue({ retries: 3 });
    const dying = await RawWorker.join(queue);
    const client = zscaleClient(frontOf(queue));
    const failure = failureOf(client.request('x', { idempotent: false }));
    await dying.take();
    dying.peer.reset();
    expect(await within(failure, 'the refusal')).toMatchObject({ code: 'ZSCALE_ERR_WORKER_LOST' });
    expect(queue.stats().retried).toBe(0);
  });
});

describe('a zscale client', () => {
  it.each([
    ['an unreadable control frame', '01 01 61 01 02 ffff 00 01 78'],
    ['a control frame without a body', '01 01 61 00 01 80'],
    ['a key that nobody knows', '01 01 61 01 06 81a36e6577c3 00 01 78'],
  ])('that sends %s is answered, under its id', async (_what, bytes) => {
    const queue = await startQueue();
    serve(await plainWorker(queue));
    const client = await RawPeer.connect(frontOf(queue));
    await client.greet(READY_ZSCALE.DEALER);
    client.write(bytes);
    await client.expectBytes(`01 01 61 01 08 ${ERROR_MARK}`);
    expect((await client.takeFrame()).toString()).toMatch(/-ZSCALE_ERR_ENVELOPE /);
    client.write('01 01 62 01 00 00 01 79');
    await client.expectBytes('01 01 62 01 00 00 02 7921');
  });

  it.each<[RequestOptions, string]>([
    [{ id: 'with space' }, 'id of a request'],
    [{ id: 'x'.repeat(65) }, 'id of a request'],
    [{ trace: { traceparent: 'not one' } }, 'trace of a request'],
    [{ trace: { traceparent: TRACE, tracestate: 'é' } }, 'state of a request'],
    [{ baggage: 'two\nlines' }, 'baggage of a request'],
    [{ baggage: 'x'.repeat(8193) }, 'baggage of a request'],
    [{ key: 'x'.repeat(129) }, 'key of a request'],
    [{ route: 'x'.repeat(257) }, 'route of a request'],
  ])('cannot say %j', async (options, text) => {
    const client = zscaleClient('tcp://127.0.0.1:1');
    expect(await failureOf(client.request('x', options))).toMatchObject({
      code: 'ZSCALE_ERR_OPTIONS',
      message: expect.stringContaining(text),
    });
  });
});
