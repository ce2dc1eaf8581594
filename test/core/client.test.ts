/*
 * connect(): requests and what becomes of them, while the service is there.
 */
import { Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { connect } from '../../packages/core/src/client.ts';
import { boundTo } from '../support/bound.ts';
import { fixture, Program } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { TCP_WILDCARD } from '../support/endpoints.ts';
import { transports } from '../support/transports.ts';
import { until, within } from '../support/until.ts';
import {
  failureOf,
  frontOf,
  HeldRequests,
  plainWorker,
  serve,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../support/worker-queue.ts';

/** Far above any test's end, in ms. */
const NEVER = 3_600_000;

describe.each(transports)('a client over $name', ({ anywhere, fresh }) => {
  it('has many requests in flight, and each gets its own reply', async () => {
    const queue = await startQueue({ bind: [anywhere()] });
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle, { concurrency: 200 });
    const client = zscaleClient(frontOf(queue));
    const replies = Array.from({ length: 100 }, (_, i) => client.request(`${i}`).then(String));
    await until(() => held.length === 100);
    expect(client.stats()).toMatchObject({ open: 100, unsent: 0, replies: 0 });
    for (const text of held.texts) held.answer(`${text}!`);
    expect(await Promise.all(replies)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}!`));
    expect(client.stats()).toMatchObject({ requests: 100, replies: 100, open: 0 });
  });

  it('takes replies in any order', async () => {
    const server = closing(new Router());
    const client = zscaleClient(await boundTo(server, anywhere()));
    const replies = ['a', 'b', 'c'].map((text) => client.request(text).then(String));
    const messages = [];
    for (let i = 0; i < 3; i++) messages.push(await within(server.receive(), 'a request'));
    for (const message of messages.reverse()) await server.send(message);
    expect(await Promise.all(replies)).toEqual(['a', 'b', 'c']);
  });

  it('sends a request that was made before the service was there when it comes', async () => {
    const endpoint = await fresh();
    const client = zscaleClient(endpoint);
    const replies = ['1', '2', '3'].map((text) => client.request(text).then(String));
    expect(client.stats()).toMatchObject({ unsent: 3, open: 3 });
    const queue = await startQueue({ bind: [endpoint] });
    const seen: string[] = [];
    serve(await plainWorker(queue), ([text = '']) => {
      seen.push(text);
      return `${text}!`;
    });
    expect(await Promise.all(replies)).toEqual(['1!', '2!', '3!']);
    expect(seen).toEqual(['1', '2', '3']);
  });

  it('deals its requests to several services, to the least busy first', async () => {
    const servers = [closing(new Router()), closing(new Router())];
    const endpoints: string[] = [];
    for (const server of servers) endpoints.push(await boundTo(server, anywhere()));
    const client = zscaleClient(endpoints);
    const [left, right] = servers as [Router, Router];
    const got = { left: 0, right: 0 };
    void (async () => {
      for await (const _ of left) got.left += 1; // keeps them all
    })();
    void (async () => {
      for await (const message of right) {
        got.right += 1;
        await right.send(message);
      }
    })();
    // Until both are connected, requests may go to one of them only.
    await until(async () => {
      void client.request('x').catch(() => {});
      await new Promise(setImmediate);
      return got.left > 0 && got.right > 0;
    });
    await until(() => client.stats().open === got.left); // the right one holds nothing
    const before = got.left;
    for (let i = 0; i < 20; i++) await client.request('y');
    expect(got.left).toBe(before);
  });

  it('goes on with the other service when one is lost', async () => {
    const [first, second] = [
      await startQueue({ bind: [anywhere()] }),
      await startQueue({ bind: [anywhere()] }),
    ];
    serve(await plainWorker(first));
    serve(await plainWorker(second));
    const client = zscaleClient([frontOf(first), frontOf(second)]);
    await client.request('x');
    await first.close();
    for (let i = 0; i < 10; i++) expect(String(await client.request(`${i}`))).toBe(`${i}!`);
  });
});

describe('a request', () => {
  it('rejects with RequestTimeoutError when no reply comes, and when nobody is there', async () => {
    const silent = closing(new Router());
    const client = zscaleClient(await boundTo(silent, TCP_WILDCARD), { timeout: 10 });
    expect(await failureOf(client.request('x'))).toMatchObject({
      name: 'RequestTimeoutError',
      code: 'ZSCALE_ERR_TIMEOUT',
    });
    const alone = zscaleClient('ipc:///nonexistent/folder/socket');
    expect(await failureOf(alone.request('x', { timeout: 10 }))).toMatchObject({
      name: 'RequestTimeoutError',
      message: expect.stringContaining('no connection within 10 ms'),
    });
    expect(alone.stats()).toMatchObject({ timeouts: 1, open: 0, unsent: 0 });
  });

  it('has a timeout of its own, if it says so', async () => {
    const silent = closing(new Router());
    const client = zscaleClient(await boundTo(silent, TCP_WILDCARD), { timeout: NEVER });
    const start = performance.now();
    await failureOf(client.request('x', { timeout: 50 }));
    expect(performance.now() - start).toBeGreaterThan(45);
  });

  it('given up before it began, is not sent, and rejects with the reason of its signal', async () => {
    const server = closing(new Router());
    const client = zscaleClient(await boundTo(server, TCP_WILDCARD));
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    expect(await failureOf(client.request('never', { signal }))).toBe(reason);
    expect(client.stats()).toMatchObject({ requests: 0, open: 0 });
    void client.request('first').catch(() => {});
    expect(String((await within(server.receive(), 'a request')).at(-1))).toBe('first');
  });

  it('given up while it waits, rejects with the reason, and its reply is late', async () => {
    const server = closing(new Router());
    const client = zscaleClient(await boundTo(server, TCP_WILDCARD));
    const giveUp = new AbortController();
    const failure = failureOf(client.request('x', { signal: giveUp.signal }));
    const message = await within(server.receive(), 'the request');
    giveUp.abort('enough');
    expect(await failure).toBe('enough');
    await server.send(message);
    await until(() => client.stats().lateReplies === 1);
    expect(client.stats()).toMatchObject({ open: 0, replies: 0 });
  });

  it('given up before there was a connection, is never sent', async () => {
    const endpoint = await transports[0]?.fresh();
    const client = zscaleClient(endpoint ?? '');
    const giveUp = new AbortController();
    const failure = failureOf(client.request('never', { signal: giveUp.signal }));
    giveUp.abort('enough');
    expect(await failure).toBe('enough');
    const reply = client.request('second').then(String);
    const server = closing(new Router());
    await server.bind(endpoint ?? '');
    const message = await within(server.receive(), 'a request');
    expect(String(message.at(-1))).toBe('second');
    await server.send(message);
    expect(await reply).toBe('second');
  });

  it('takes its reply once: a second, a forged and a nameless one are counted and dropped', async () => {
    const server = closing(new Router());
    const client = zscaleClient(await boundTo(server, TCP_WILDCARD));
    const reply = client.request('x').then(String);
    const message = await within(server.receive(), 'the request');
    const [peer = Buffer.alloc(0), id = Buffer.alloc(0)] = message;
    await server.send([peer, Buffer.alloc(8, 0xff), '', 'forged']);
    await server.send([peer, 'short', '', 'no']);
    await server.send([peer, id]);
    await server.send([peer, id, '', 'right']);
    await server.send([peer, id, '', 'again']);
    expect(await reply).toBe('right');
    await until(() => client.stats().lateReplies === 4);
  });

  it('of another type than the codec sends rejects with ZSCALE_ERR_ENCODE', async () => {
    const client = closing(connect('tcp://127.0.0.1:1'));
    expect(await failureOf(client.request(() => {}))).toMatchObject({ code: 'ZSCALE_ERR_ENCODE' });
    expect(client.stats()).toMatchObject({ requests: 0, open: 0 });
  });

  it('answered in another codec rejects with ZSCALE_ERR_DECODE, and the next is served', async () => {
    const server = closing(new Router());
    const client = closing(connect(await boundTo(server, TCP_WILDCARD)));
    const failure = failureOf(client.request(1));
    const message = await within(server.receive(), 'the request');
    await server.send([...message.slice(0, -1), 'not MessagePack']);
    expect(await failure).toMatchObject({ code: 'ZSCALE_ERR_DECODE' });
    const reply = client.request(2);
    await server.send(await within(server.receive(), 'the request'));
    expect(await reply).toBe(2);
  });

  it.each([0, -1, Number.NaN, '5'])('refuses a timeout of %s', async (timeout) => {
    const client = zscaleClient('tcp://127.0.0.1:1');
    const failure = await failureOf(client.request('x', { timeout: timeout as number }));
    expect(failure).toMatchObject({ code: 'ZSCALE_ERR_OPTIONS' });
  });
});

describe('connect()', () => {
  it.each([
    ['an empty list', [], {}, 'ZSCALE_ERR_OPTIONS'],
    ['a codec that is none', 'tcp://127.0.0.1:1', { codec: 'xml' }, 'ZSCALE_ERR_OPTIONS'],
    ['a timeout of 0', 'tcp://127.0.0.1:1', { timeout: 0 }, 'ZSCALE_ERR_OPTIONS'],
    ['what is no endpoint', 'nonsense', {}, 'EINVAL'],
    ['a transport that is none', ['tcp://127.0.0.1:1', 'foo://x'], {}, 'EPROTONOSUPPORT'],
  ])('refuses %s at once', (_, endpoints, options, code) => {
    expect(() => connect(endpoints, options as object)).toThrow(expect.objectContaining({ code }));
  });

  it('holds the process while a request is open, and lets it end by itself after that', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle);
    const program = new Program(process.execPath, [
      '--import',
      'tsx',
      fixture('programs/ask-once.ts'),
      frontOf(queue),
    ]);
    await until(() => held.length === 1, 'the request of the program');
    expect(program.hasEnded).toBe(false);
    held.answer('good');
    expect(await program.end()).toMatchObject({ exitCode: 0, stdout: 'good\n', stderr: '' });
  });
});
