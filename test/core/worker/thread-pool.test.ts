/*
 * A pool of threads that run a handler module: what goes in and out, and how one request is ended without the others. The threads
 * run what was built.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { RequestContext } from '../../../packages/core/src/handlers/request-context.ts';
import type { Control } from '../../../packages/core/src/messages/control.ts';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import { asBuffer, ownBytes, ThreadPool } from '../../../packages/core/src/worker/thread-pool.ts';
import { closing } from '../../support/closing.ts';
import { until, within } from '../../support/until.ts';
import { failureOf, requestHost } from '../../support/worker-queue.ts';

const IN_THREAD = new URL('../../fixtures/handlers/in-thread.mjs', import.meta.url);
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const codec = createCodec('msgpack');

/** What the fixture says of the thread that it is in. */
interface Who {
  readonly pid: number;
  readonly thread: number;
  readonly isMainThread: boolean;
}

/** One request in a pool. */
interface Asked {
  readonly context: RequestContext;
  readonly reply: Promise<unknown>;
}

/** The code that a handler returned, or failed with. */
function codeOf({ reply }: Asked): Promise<unknown> {
  return reply.catch((error: unknown) => Reflect.get(Object(error), 'code'));
}

async function poolOf(threads: number, module: URL = IN_THREAD): Promise<ThreadPool> {
  const pool = closing(
    new ThreadPool({
      service: 0,
      serviceName: 'zscale',
      workerId: 4,
      generation: 1,
      reportsLoad: false,
      hangTimeout: Infinity,
      backends: [],
      codec: 'msgpack',
      concurrency: threads + 2,
      threads,
      timeout: Infinity,
      module: module.href,
      exportName: undefined,
      maxMessageSize: Infinity,
      functions: 'messages',
      earlierEndpoints: [],
    }),
  );
  await within(pool.load(), 'threads to load');
  return pool;
}

function ask(pool: ThreadPool, request: object, control?: Control, timeout = Infinity): Asked {
  const host = requestHost(timeout, { workerId: 4 });
  const context = new RequestContext(host, undefined, performance.now(), control);
  const answered = pool.handle(codec.encode(request), context);
  const reply = within(
    answered.then((body) => codec.decode(body)),
    `the reply to ${JSON.stringify(request)}`,
  );
  reply.catch(() => {}); // looked at later, or not at all
  return { context, reply };
}

/** The threads that answer when all are asked at once. */
async function threadsOf(pool: ThreadPool, threads: number): Promise<number[]> {
  const seen = new Set<number>();
  await until(async () => {
    const asked = Array.from({ length: threads * 2 }, () => ask(pool, { act: 'who' }).reply);
    for (const who of (await Promise.all(asked)) as Who[]) seen.add(who.thread);
    return seen.size >= threads;
  });
  return [...seen].sort((a, b) => a - b);
}

describe('requests in threads', () => {
  it('are answered by each of them, and by no other', async () => {
    const pool = await poolOf(3);
    expect(await threadsOf(pool, 3)).toHaveLength(3);
    const who = (await ask(pool, { act: 'who' }).reply) as Who;
    expect(who).toMatchObject({ pid: process.pid, isMainThread: false });
  });

  it('run at the same time, one in each thread, while the others wait', async () => {
    const pool = await poolOf(2);
    const stuck = [ask(pool, { act: 'untilAborted' }), ask(pool, { act: 'untilAborted' })];
    const waiting = ask(pool, { act: 'echo', value: 1 });
    let isAnswered = false;
    void waiting.reply.then(() => {
      isAnswered = true;
    });
    const other = await poolOf(1);
    await ask(other, { act: 'echo', value: 2 }).reply;
    expect(isAnswered).toBe(false);
    stuck[0]?.context.cancel();
    expect(await waiting.reply).toBe(1);
    stuck[1]?.context.cancel();
    expect(await stuck[1]?.reply).toBe('ZSCALE_ERR_CANCELLED');
  });

  it('come and go whole: small bytes, large ones, and none', async () => {
    const pool = await poolOf(1);
    for (const size of [0, 1, 100, 70_000, 3_000_000]) {
      const value = Buffer.alloc(size, 'x');
      const reply = await ask(pool, { act: 'echo', value }).reply;
      expect((reply as Buffer).equals(value)).toBe(true);
    }
    expect(await ask(pool, { act: 'echo' }).reply).toBe(null);
  });

  it('know what is known of them, also behind an await', async () => {
    const pool = await poolOf(1);
    const control = { id: 'order-1', attempt: 2, trace: TRACE, state: 'a=b', deadline: 60_000 };
    const before = Date.now();
    const reply = await ask(pool, { act: 'context' }, control).reply;
    expect(reply).toEqual({
      requestId: 'order-1',
      attempt: 2,
      trace: { traceparent: TRACE, tracestate: 'a=b' },
      deadline: expect.closeTo(before + 60_000, -4),
      worker: { id: 4, pid: process.pid, service: 'zscale' },
      same: true,
    });
    expect(await ask(pool, { act: 'context' }, { trace: TRACE }).reply).toMatchObject({
      deadline: Infinity,
      attempt: 1,
    });
  });

  it('never lead', async () => {
    expect(await ask(await poolOf(1), { act: 'leads' }).reply).toBe(false);
  });

  it('fail with the code and the message of the handler', async () => {
    const pool = await poolOf(1);
    expect(await failureOf(ask(pool, { act: 'fail' }).reply)).toMatchObject({
      code: 'OUT_OF_STOCK',
      message: 'none left',
    });
    expect(await failureOf(ask(pool, { act: 'no such act' }).reply)).toBeInstanceOf(Error);
    expect(await ask(pool, { act: 'echo', value: 1 }).reply).toBe(1);
  });
});

describe('a request that nobody waits for', () => {
  it('hears of it in its thread, by its signal, and may answer', async () => {
    const pool = await poolOf(1);
    const before = await threadsOf(pool, 1);
    const asked = ask(pool, { act: 'untilAborted' });
    asked.context.cancel();
    // The word may be there before the request is: then it is not begun.
    expect(await codeOf(asked)).toBe('ZSCALE_ERR_CANCELLED');
    const timed = ask(pool, { act: 'untilAborted' }, { deadline: 20 });
    expect(await timed.reply).toBe('ZSCALE_ERR_TIMEOUT');
    expect(await threadsOf(pool, 1)).toEqual(before);
  });

  it('is ended with its thread where it loops, and no other is', async () => {
    const pool = await poolOf(2);
    const [first, second] = await threadsOf(pool, 2);
    const channel = closing(new BroadcastChannel('the loop has begun'));
    const begun = new Promise((resolve) => {
      channel.onmessage = resolve;
    });
    const runaway = ask(pool, { act: 'loop', tells: channel.name });
    const other = ask(pool, { act: 'untilAborted' });
    await within(begun, 'the loop to begin');
    runaway.context.cancel();
    expect(await failureOf(runaway.reply)).toMatchObject({ code: 'ZSCALE_ERR_CANCELLED' });
    other.context.cancel();
    expect(await codeOf(other)).toBe('ZSCALE_ERR_CANCELLED');
    const after = await threadsOf(pool, 2);
    expect(after.filter((thread) => thread === first || thread === second)).toHaveLength(1);
  });

  it('is ended when its time is up', async () => {
    const pool = await poolOf(1);
    const runaway = ask(pool, { act: 'loop' }, { deadline: 30 });
    const next = ask(pool, { act: 'echo', value: 'next' });
    expect(await failureOf(runaway.reply)).toMatchObject({ code: 'ZSCALE_ERR_TIMEOUT' });
    expect(await next.reply).toBe('next');
  });

  it('is not begun where it still waits for a thread', async () => {
    const pool = await poolOf(1);
    const before = await threadsOf(pool, 1);
    const busy = ask(pool, { act: 'untilAborted' });
    const waiting = ask(pool, { act: 'exit', code: 1 }); // would end the thread
    waiting.context.cancel();
    expect(await failureOf(waiting.reply)).toMatchObject({ code: 'ZSCALE_ERR_CANCELLED' });
    busy.context.cancel();
    await codeOf(busy);
    expect(await threadsOf(pool, 1)).toEqual(before);
  });
});

describe('a request that nobody waits for when it comes', () => {
  it('is not begun', async () => {
    const pool = await poolOf(1);
    const before = await threadsOf(pool, 1);
    const context = new RequestContext(requestHost(), undefined, performance.now(), undefined);
    context.cancel();
    const answered = pool.handle(codec.encode({ act: 'exit', code: 1 }), context);
    expect(await failureOf(answered)).toMatchObject({ code: 'ZSCALE_ERR_CANCELLED' });
    expect(await threadsOf(pool, 1)).toEqual(before);
  });
});

describe('a thread that ends', () => {
  it.each([
    ['exits', { act: 'exit', code: 3 }],
    ['throws what nobody catches', { act: 'throwLater' }],
  ])('because the handler %s, fails its request alone and is replaced', async (_, request) => {
    const pool = await poolOf(2);
    const before = await threadsOf(pool, 2);
    const other = ask(pool, { act: 'untilAborted' });
    const dying = ask(pool, request);
    expect(await failureOf(dying.reply)).toMatchObject({ code: 'ZSCALE_ERR_WORKER_LOST' });
    other.context.cancel();
    expect(await codeOf(other)).toBe('ZSCALE_ERR_CANCELLED');
    const after = await threadsOf(pool, 2);
    expect(after.filter((thread) => before.includes(thread))).toHaveLength(1);
  });
});

describe('a module', () => {
  it.each([
    ['missing.mjs', /there is no file/],
    ['throws.mjs', /could not be loaded/],
    ['exits.mjs', /a thread ended/],
    ['no-handler.mjs', /no handler in/],
    ['idempotent.mjs', /`idempotent`, which is not asked where it runs in threads/],
  ])('is refused when it is %s', async (name, text) => {
    const module = new URL(`../../fixtures/handlers/${name}`, import.meta.url);
    expect(await failureOf(poolOf(2, module))).toMatchObject({
      code: 'ZSCALE_ERR_LOAD',
      message: expect.stringMatching(text),
    });
  });

  it('may be TypeScript', async () => {
    const pool = await poolOf(1, new URL('../../fixtures/handlers/default.ts', import.meta.url));
    const context = new RequestContext(requestHost(), undefined, performance.now(), undefined);
    expect(codec.decode(await pool.handle(codec.encode('it'), context))).toBe('default.ts got it');
  });
});

describe('bytes for another thread', () => {
  it('are not copied where they have memory of their own, and are where they share it', () => {
    const own = new Uint8Array(100);
    expect(ownBytes(own).buffer).toBe(own.buffer);
    const shared = new Uint8Array(own.buffer, 10, 20).fill(7);
    expect(ownBytes(shared).buffer).not.toBe(own.buffer);
    expect([...ownBytes(shared)]).toEqual([...shared]);
    expect(asBuffer(shared).buffer).toBe(own.buffer);
  });
});
