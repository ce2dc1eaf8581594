/*
 * Those who break the rules of streams, and what comes when nobody waits for it any more: the exchange ends, once, for whoever
 * is left, and everything else goes on.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Control } from '../../../packages/core/src/messages/control.ts';
import { WINDOW_BYTES } from '../../../packages/core/src/messages/streams.ts';
import type { WorkerQueue } from '../../../packages/core/src/queue/worker-queue.ts';
import { PlayedGateway, PlayedWorker } from '../../support/played-streams.ts';
import { startGatewayQueue } from '../../support/streaming.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  failureOf,
  frontOf,
  plainWorker,
  reqClient,
  serve,
  zscaleClient,
} from '../../support/worker-queue.ts';

const STREAMS: Control = { streams: true };
const UPLOAD: Control = { streams: true, more: true };
const PART: Control = { part: true, more: true };
const LAST: Control = { part: true };

let queue: WorkerQueue;
let gateway: PlayedGateway;
let worker: PlayedWorker;

beforeEach(async () => {
  const started = await startGatewayQueue();
  queue = started.queue;
  gateway = new PlayedGateway(started.gatewayEndpoint);
  worker = await PlayedWorker.join(queue);
});

afterEach(() => {
  gateway.close();
  worker.close();
});

/** The code of the error reply that ended a request; waits for it. */
async function errorOf(id: string): Promise<string> {
  const isError = ({ control }: { control: Control }): boolean => control.error === true;
  await until(() => gateway.of(id).some(isError), `the error of ${id}`);
  const errors = gateway.of(id).filter(isError);
  expect(errors).toHaveLength(1);
  expect(gateway.of(id).at(-1)).toBe(errors[0]);
  return /^-(\w+)/.exec(String(errors[0]?.body[0]))?.[1] ?? '';
}

/** Opens a request and gives its ticket. */
async function opened(id: string, control: Control, ...body: string[]): Promise<string> {
  await gateway.send(id, control, ...body);
  return worker.ticket();
}

/** Nothing is left of the exchange once the worker has answered what was cancelled. */
async function expectNothingLeft(ticket: string): Promise<void> {
  await until(
    () => worker.of(ticket).some(({ control }) => control.cancel === true),
    'the worker to hear that nobody waits',
  );
  await worker.send(ticket, { error: true }, '-X cancelled');
  await until(() => queue.stats().workers[0]?.inFlight === 0, 'the worker to hold nothing');
  expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0 });
}

describe('a worker that breaks the rules', () => {
  it.each<[string, string, (ticket: string) => Promise<void>]>([
    ['a part before a head', 'before a head', (ticket) => worker.send(ticket, PART, 'x')],
    [
      'a second head',
      'second head',
      async (ticket) => {
        await worker.send(ticket, { more: true }, 'head');
        await worker.send(ticket, { more: true }, 'head');
      },
    ],
    [
      'more than its window',
      'not granted',
      async (ticket) => {
        await worker.send(ticket, { more: true }, 'head');
        const part = Buffer.alloc(WINDOW_BYTES / 4);
        for (let i = 0; i < 4; i++) await worker.send(ticket, PART, part);
      },
    ],
    [
      'its window in interim heads',
      'not granted',
      async (ticket) => {
        const head = Buffer.alloc(WINDOW_BYTES / 4);
        for (let i = 0; i < 4; i++) await worker.send(ticket, { more: true, interim: true }, head);
      },
    ],
    ['a grant of what it never got', 'than it got', (ticket) => worker.send(ticket, { grant: 1 })],
  ])('by %s: the client hears so, and the worker that nobody waits', async (_, what, misbehave) => {
    const ticket = await opened('one', STREAMS, 'GET');
    await misbehave(ticket);
    expect(await errorOf('one')).toBe('ZSCALE_ERR_STREAM');
    expect(String(gateway.of('one').at(-1)?.body[0])).toContain(what);
    expect(queue.stats().streamFaults).toBe(1);
    await expectNothingLeft(ticket);
  });

  it('by a whole reply behind a head: the client hears so, and the worker is free', async () => {
    const ticket = await opened('one', STREAMS, 'GET');
    await worker.send(ticket, { more: true }, 'head');
    await worker.answer(ticket, 'whole');
    expect(await errorOf('one')).toBe('ZSCALE_ERR_STREAM');
    expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0, streamFaults: 1 });
    expect(queue.stats().workers[0]?.inFlight).toBe(0);
  });

  it('by parts for tickets that nobody has: they are dropped and counted, and others are served', async () => {
    const ticket = await opened('one', STREAMS, 'GET');
    await worker.send('0011223344556677', PART, 'x');
    await worker.send(ticket, { more: true }, 'head');
    await worker.send(ticket, LAST, 'end');
    await worker.send(ticket, LAST, 'end');
    await worker.send(ticket, { more: true }, 'head');
    await until(() => queue.stats().lateReplies === 3, 'what is late to be counted');
    expect(gateway.of('one').map(({ control }) => control)).toEqual([{ more: true }, LAST]);
    expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0, replies: 1 });
  });

  it('is not believed about tickets of another worker', async () => {
    const ticket = await opened('one', STREAMS, 'GET');
    const other = await PlayedWorker.join(queue);
    await gateway.send('two', STREAMS, 'GET');
    await other.ticket();
    await other.send(ticket, { more: true }, 'forged');
    await until(() => queue.stats().lateReplies === 1, 'the forged head to be dropped');
    await worker.answer(ticket, 'real');
    await until(() => gateway.of('one').length > 0, 'the reply');
    expect(String(gateway.of('one')[0]?.body[0])).toBe('real');
    other.close();
  });

  it('hears no more of a reply when its client went, and what it still sends is dropped', async () => {
    const ticket = await opened('one', STREAMS, 'GET');
    await worker.send(ticket, { more: true }, 'head');
    await until(() => gateway.of('one').length === 1, 'the head');
    await gateway.send('one', { cancel: true });
    await until(() => worker.of(ticket).length === 2, 'the cancellation');
    await worker.send(ticket, PART, 'x');
    await worker.send(ticket, LAST, 'x');
    await until(() => queue.stats().workers[0]?.inFlight === 0, 'the worker to hold nothing');
    expect(gateway.of('one')).toHaveLength(1);
    expect(queue.stats()).toMatchObject({ cancelled: 1, lateParts: 2, streams: 0 });
  });
});

describe('a gateway that breaks the rules', () => {
  it.each<[string, string, () => Promise<void>]>([
    [
      'a part behind the last',
      'behind the last',
      async () => {
        await gateway.send('one', LAST, 'x');
        await gateway.send('one', LAST, 'x');
      },
    ],
    [
      'more than its window',
      'not granted',
      async () => {
        for (let i = 0; i < 4; i++) await gateway.send('one', PART, Buffer.alloc(WINDOW_BYTES / 4));
      },
    ],
    ['a grant of what it never got', 'than it got', () => gateway.send('one', { grant: 100 })],
  ])('by %s: it hears so, and the worker that nobody waits', async (_, what, misbehave) => {
    const ticket = await opened('one', UPLOAD, 'POST');
    await misbehave();
    expect(await errorOf('one')).toBe('ZSCALE_ERR_STREAM');
    expect(String(gateway.of('one').at(-1)?.body[0])).toContain(what);
    expect(queue.stats().streamFaults).toBe(1);
    await expectNothingLeft(ticket);
  });

  it('by an id that is open already: the second is refused', async () => {
    const ticket = await opened('one', UPLOAD, 'POST');
    await gateway.send('one', UPLOAD, 'POST');
    expect(await errorOf('one')).toBe('ZSCALE_ERR_STREAM');
    await gateway.send('one', LAST, 'end');
    await until(() => worker.of(ticket).length === 2, 'the first to go on');
    await worker.answer(ticket, 'done');
    await until(() => queue.stats().replies === 1, 'its reply');
  });

  it('by one id for two whole requests: the second to be answered in parts is ended', async () => {
    const first = await opened('one', STREAMS, 'GET');
    const other = await PlayedWorker.join(queue);
    await gateway.send('one', STREAMS, 'GET');
    const second = await other.ticket();
    await worker.send(first, { more: true }, 'head');
    await until(() => gateway.of('one').length === 1, 'the head of the first');
    await other.send(second, { more: true }, 'head');
    expect(await errorOf('one')).toBe('ZSCALE_ERR_STREAM');
    await worker.send(first, LAST, 'end');
    await until(() => queue.stats().replies === 1, 'the end of the first');
    await other.send(second, { error: true }, '-X cancelled');
    await until(() => queue.stats().workers.every(({ inFlight }) => inFlight === 0));
    expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0 });
    other.close();
  });

  it('by a first message beyond the window', async () => {
    await gateway.send('one', UPLOAD, 'POST', Buffer.alloc(WINDOW_BYTES));
    expect(await errorOf('one')).toBe('ZSCALE_ERR_STREAM');
    expect(queue.stats()).toMatchObject({ streams: 0, streamFaults: 1, inFlight: 0 });
  });

  it('by parts and grants of requests that are over, or never were: dropped and counted', async () => {
    const ticket = await opened('one', UPLOAD, 'POST');
    await worker.answer(ticket, 'enough');
    await until(() => gateway.of('one').length === 1, 'the reply');
    await gateway.send('one', PART, 'x');
    await gateway.send('one', { grant: 1 });
    await gateway.send('never', LAST, 'x');
    await until(() => queue.stats().lateParts === 3, 'what is late to be counted');
    expect(queue.stats()).toMatchObject({ streams: 0, streamFaults: 0 });
  });
});

describe('a public client', () => {
  it('may not send a request in several messages: it is told so, and its parts are dropped', async () => {
    const client = new PlayedGateway(frontOf(queue));
    await client.send('one', UPLOAD, 'POST');
    await client.send('one', PART, 'x');
    await client.send('one', { grant: 5 });
    await until(() => client.of('one').length > 0, 'the refusal');
    expect(String(client.of('one')[0]?.body[0])).toMatch(/^-ENOTSUP Only a gateway/);
    await until(() => queue.stats().streamFaults === 2, 'the parts to be counted');
    expect(worker.heard).toEqual([]);
    client.close();
  });

  it('gets no reply in several messages, also when it asks for one', async () => {
    const client = new PlayedGateway(frontOf(queue));
    await client.send('one', STREAMS, 'GET');
    const ticket = await worker.ticket();
    expect(worker.of(ticket)[0]?.control).toEqual({});
    await worker.send(ticket, { more: true }, 'head');
    await until(() => client.of('one').length > 0, 'the error');
    expect(client.of('one')[0]?.control).toEqual({ error: true });
    await expectNothingLeft(ticket);
    client.close();
  });

  it('is served as ever beside streams', async () => {
    await opened('one', STREAMS, 'GET');
    serve(await plainWorker(queue));
    expect(await ask(reqClient(queue), 'hello')).toEqual(['hello!']);
    expect(await failureOf(zscaleClient(frontOf(queue)).request('x', { timeout: 1 }))).toBeTruthy();
    expect(dealerClient(queue)).toBeTruthy();
  });
});

describe('a plain REP worker', () => {
  it('is given no request in several messages: its gateway hears why', async () => {
    worker.close();
    await until(() => queue.stats().workers.length === 0, 'the other worker to go');
    const plain = await plainWorker(queue);
    await gateway.send('one', UPLOAD, 'POST');
    expect(await errorOf('one')).toBe('ENOTSUP');
    expect(queue.stats()).toMatchObject({ streams: 0, inFlight: 0 });
    serve(plain);
    await gateway.send('two', STREAMS, 'GET');
    await until(() => gateway.of('two').length > 0, 'the reply of the plain worker');
    expect(String(gateway.of('two')[0]?.body[0])).toBe('GET!');
  });
});
