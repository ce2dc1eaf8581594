/*
 * Many clients of every kind at once, while workers come and go: each request has exactly one
 * answer, and it is its own.
 */
import type { Socket } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { texts } from '../../support/hex.ts';
import { transports } from '../../support/transports.ts';
import { until, within } from '../../support/until.ts';
import {
  ask,
  dealerClient,
  frontOf,
  plainWorker,
  reqClient,
  serve,
  shout,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../../support/worker-queue.ts';

type Queue = Awaited<ReturnType<typeof startQueue>>;

const REQUESTS = 300;
const IN_FLIGHT = 20;

/** Answers a client got: texts by the request they came for. */
type Answers = Map<string, string[]>;

function note(answers: Answers, request: string, answer: string): void {
  answers.set(request, [...(answers.get(request) ?? []), answer]);
}

async function reqTraffic(queue: Queue, name: string): Promise<Answers> {
  const answers: Answers = new Map();
  const client = reqClient(queue);
  for (let i = 0; i < REQUESTS; i++) {
    const [text = ''] = await ask(client, `${name}.${i}`);
    note(answers, `${name}.${i}`, text);
  }
  return answers;
}

async function dealerTraffic(queue: Queue, name: string): Promise<Answers> {
  const answers: Answers = new Map();
  const client = dealerClient(queue);
  let sent = 0;
  for (let received = 0; received < REQUESTS; received++) {
    for (; sent < Math.min(REQUESTS, received + IN_FLIGHT); sent++) {
      await client.send([`${name}.${sent}`, '', `${name}.${sent}`]);
    }
    const [id = '', , text = ''] = texts(await within(client.receive(), `a reply to ${name}`));
    note(answers, id, text);
  }
  return answers;
}

async function zscaleTraffic(queue: Queue, name: string): Promise<Answers> {
  const answers: Answers = new Map();
  const client = zscaleClient(frontOf(queue));
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < REQUESTS) {
      const text = `${name}.${next}`;
      next += 1;
      const reply = client.request(text).then(String, ({ code, message }) => `-${code} ${message}`);
      note(answers, text, await reply);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return answers;
}

/** Ten clients of all kinds with 300 requests each; resolves with what each got. */
function traffic(queue: Queue): Promise<Answers[]> {
  return Promise.all([
    ...['a', 'b', 'c'].map((name) => reqTraffic(queue, name)),
    ...['d', 'e', 'f'].map((name) => dealerTraffic(queue, name)),
    ...['g', 'h', 'i', 'j'].map((name) => zscaleTraffic(queue, name)),
  ]);
}

/** Runs `step` again and again until `work` is done. */
async function during<T>(work: Promise<T>, step: () => Promise<void>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => {}); // awaited below
  while (!isDone) await step();
  return done;
}

/** Waits until so many more requests were answered, or all were. */
async function progress(queue: Queue, replies: number): Promise<void> {
  const goal = Math.min(queue.stats().replies + replies, 10 * REQUESTS);
  await until(() => {
    const { replies: answered, requests, inFlight, queued } = queue.stats();
    return answered >= goal || (requests >= 10 * REQUESTS && inFlight + queued === 0);
  });
}

/** The handler that answers a turn later. */
async function later([body = Buffer.alloc(0)]: Buffer[]): Promise<Buffer[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return [Buffer.concat([body, Buffer.from('!')])];
}

/** A worker of one kind, then of the other. */
async function mortal(queue: Queue, workerId: number): Promise<Socket> {
  if (workerId % 2 === 0) return zscaleWorker(queue, later, { workerId });
  const worker = await plainWorker(queue);
  serve(worker);
  return worker;
}

describe.each(transports)('traffic over $name', ({ anywhere }) => {
  it('loses, doubles and misroutes nothing while workers drain and others come', async () => {
    const queue = await startQueue({ bind: [anywhere()], backend: [anywhere()] });
    serve(await plainWorker(queue));
    let workerId = 0;
    const clients = await during(traffic(queue), async () => {
      workerId += 1;
      const handle = workerId % 2 === 0 ? later : shout;
      const worker = await zscaleWorker(queue, handle, { workerId });
      await progress(queue, 100);
      await within(worker.drain(), 'a worker to drain');
      worker.close();
      await until(() => queue.stats().workers.length === 1, 'the queue to know that it is gone');
    });
    for (const answers of clients) {
      expect(answers.size).toBe(REQUESTS);
      for (const [request, got] of answers) expect(got).toEqual([`${request}!`]);
    }
    expect(workerId).toBeGreaterThan(3);
    expect(queue.stats()).toMatchObject({
      requests: 3000,
      replies: 3000,
      errors: {},
      lateReplies: 0,
      undelivered: 0,
      queued: 0,
      inFlight: 0,
    });
  });

  it('answers each request once, with its reply or ZSCALE_ERR_WORKER_LOST, while workers die', async () => {
    const queue = await startQueue({ bind: [anywhere()], backend: [anywhere()] });
    serve(await plainWorker(queue));
    let workerId = 0;
    const clients = await during(traffic(queue), async () => {
      workerId += 1;
      const worker = await mortal(queue, workerId);
      await progress(queue, 100);
      worker.linger = 0;
      worker.close();
      await until(() => queue.stats().workers.length === 1, 'the queue to know that it is gone');
    });
    let lost = 0;
    for (const answers of clients) {
      expect(answers.size).toBe(REQUESTS);
      for (const [request, got] of answers) {
        expect(got).toHaveLength(1);
        if (got[0] === `${request}!`) continue;
        expect(got[0]).toMatch(/^-ZSCALE_ERR_WORKER_LOST /);
        lost += 1;
      }
    }
    expect(queue.stats()).toMatchObject({
      requests: 3000,
      replies: 3000 - lost,
      errors: lost === 0 ? {} : { ZSCALE_ERR_WORKER_LOST: lost },
      undelivered: 0,
      queued: 0,
      inFlight: 0,
    });
  });
});
