import { describe, expect, it } from 'vitest';
import {
  type ProxyOptions,
  Proxy as SocketProxy,
} from '../../../packages/transport/src/devices/proxy.ts';
import { Dealer } from '../../../packages/transport/src/sockets/dealer.ts';
import { Pair } from '../../../packages/transport/src/sockets/pair.ts';
import { Pull } from '../../../packages/transport/src/sockets/pull.ts';
import { Push } from '../../../packages/transport/src/sockets/push.ts';
import { Reply } from '../../../packages/transport/src/sockets/reply.ts';
import { Request } from '../../../packages/transport/src/sockets/request.ts';
import { Router } from '../../../packages/transport/src/sockets/router.ts';
import type { Socket } from '../../../packages/transport/src/sockets/socket.ts';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { texts } from '../../support/hex.ts';
import { transports } from '../../support/transports.ts';
import { until, within } from '../../support/until.ts';
import { MemorySocket } from './memory-socket.ts';

interface Running {
  readonly proxy: SocketProxy;
  readonly frontend: string;
  readonly backend: string;
  readonly run: Promise<void>;
}

/** A proxy between two sockets that are bound, running. */
async function start(
  front: Socket,
  back: Socket,
  options: ProxyOptions = {},
  anywhere: () => string = () => TCP_WILDCARD,
): Promise<Running> {
  const proxy = new SocketProxy(closing(front), closing(back), options);
  const frontend = await boundTo(front, anywhere());
  const backend = front === back ? frontend : await boundTo(back, anywhere());
  return { proxy, frontend, backend, run: proxy.run() };
}

function connected<S extends Socket>(socket: S, endpoint: string): S {
  closing(socket).connect(endpoint);
  return socket;
}

/** Answers as many requests as come, until it is closed. */
async function serve(worker: Reply, prefix: string): Promise<void> {
  for await (const [body] of worker) await worker.send(`${prefix}${String(body)}`);
}

describe.each(transports)('a proxy over $name', ({ anywhere }) => {
  it('carries requests to workers and their replies back to who asked', async () => {
    const { frontend, backend } = await start(new Router(), new Dealer(), {}, anywhere);
    const clients = [0, 1, 2].map(() => connected(new Request(), frontend));
    for (const name of ['a', 'b']) void serve(connected(new Reply(), backend), name);
    for (let round = 0; round < 5; round++) {
      const replies = await Promise.all(
        clients.map(async (client, i) => {
          await client.send(`${i}.${round}`);
          return String(await client.receive());
        }),
      );
      expect(replies.map((reply) => reply.slice(1))).toEqual([0, 1, 2].map((i) => `${i}.${round}`));
    }
  });

  it('may be one of several between client and worker: each adds its routing id and takes it off', async () => {
    const last = await start(new Router(), new Dealer(), {}, anywhere);
    const middle = new Dealer();
    const first = new SocketProxy(closing(new Router()), closing(middle));
    const frontend = await boundTo(first.frontEnd, anywhere());
    middle.connect(last.frontend);
    const run = first.run();
    const worker = connected(new Dealer(), last.backend);
    const client = connected(new Request(), frontend);
    await client.send('question');
    const request = await worker.receive();
    expect(request.map((frame) => frame.length)).toEqual([5, 5, 0, 8]);
    await worker.send([...request.slice(0, 3), 'answer']);
    expect(texts(await client.receive())).toEqual(['answer']);
    first.terminate();
    await run;
  });

  it('lets a producer wait when the consumer stopped, and loses and reorders nothing', async () => {
    const { frontend, backend, proxy } = await start(
      new Pull({ receiveHighWaterMark: 5 }),
      new Push({ sendHighWaterMark: 5 }),
      {},
      anywhere,
    );
    const producer = connected(new Push({ sendHighWaterMark: 5, sendTimeout: 200 }), frontend);
    const consumer = connected(new Pull({ receiveHighWaterMark: 5 }), backend);
    const body = Buffer.alloc(256 * 1024); // beyond what kernels buffer in a few hundred
    let sent = 0;
    const flood = async (): Promise<void> => {
      for (; sent < 1000; sent++) {
        const numbered = Buffer.from(body);
        numbered.writeUInt32BE(sent);
        await producer.send(numbered);
      }
    };
    await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(proxy.stats().backend.sentMessages).toBeLessThan(sent);
    for (let i = 0; i < sent; i++) {
      const [got] = await consumer.receive();
      expect(got?.readUInt32BE(0)).toBe(i);
    }
  });

  it('holds requests while no worker is there, in the order they came', async () => {
    const { frontend, backend, proxy } = await start(new Router(), new Dealer(), {}, anywhere);
    const client = connected(new Dealer(), frontend);
    for (let i = 0; i < 10; i++) await client.send(['', String(i)]);
    const worker = connected(new Dealer(), backend);
    for (let i = 0; i < 10; i++) expect(texts(await worker.receive()).at(-1)).toBe(String(i));
    expect(proxy.stats().frontend.receivedMessages).toBe(10);
  });
});

describe('a proxy', () => {
  it('works the other way round too: it is symmetric', async () => {
    const { frontend, backend } = await start(new Push(), new Pull());
    const producer = connected(new Push(), backend);
    const consumer = connected(new Pull(), frontend);
    await producer.send('x');
    expect(texts(await consumer.receive())).toEqual(['x']);
  });

  it('between two PAIRs passes both ways', async () => {
    const { frontend, backend } = await start(new Pair(), new Pair());
    const left = connected(new Pair(), frontend);
    const right = connected(new Pair(), backend);
    await left.send(['to', 'right']);
    expect(texts(await right.receive())).toEqual(['to', 'right']);
    await right.send('to left');
    expect(texts(await left.receive())).toEqual(['to left']);
  });

  it('between REP and REQ passes one request after the other', async () => {
    const { frontend, backend } = await start(new Reply(), new Request());
    void serve(connected(new Reply(), backend), 'r');
    const clients = [0, 1].map(() => connected(new Request(), frontend));
    for (let round = 0; round < 3; round++) {
      await Promise.all(clients.map((client, i) => client.send(`${i}`)));
      const replies = await Promise.all(clients.map((client) => client.receive()));
      expect(replies.map(String)).toEqual(['r0', 'r1']);
    }
  });

  it.each([
    ['ROUTER', () => new Router()],
    ['REP', () => new Reply()],
  ])('with the same %s on both sides sends each message back to its sender', async (_, make) => {
    const socket = make();
    const { frontend, proxy } = await start(socket, socket);
    const clients = [0, 1].map(() => connected(new Request(), frontend));
    for (let round = 0; round < 3; round++) {
      await Promise.all(clients.map((client, i) => client.send(`${i}`)));
      const echoes = await Promise.all(clients.map((client) => client.receive()));
      expect(echoes.map(String)).toEqual(['0', '1']);
    }
    expect(proxy.stats().frontend).toMatchObject({ receivedMessages: 6, sentMessages: 6 });
    expect(proxy.stats().backend).toEqual(proxy.stats().frontend);
  });

  it('lets other work of the process in while it moves a flood', async () => {
    const front = new MemorySocket('PULL').fill(10_000);
    const back = new MemorySocket('PUSH');
    await start(front, back);
    const seen: number[] = [];
    while (back.sent.length < 10_000) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(back.sent.length);
    }
    expect(seen.length).toBeGreaterThanOrEqual(10);
    expect(back.numbers).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  });

  it('counts what went through each side', async () => {
    const { frontend, backend, proxy } = await start(new Router(), new Dealer());
    void serve(connected(new Reply(), backend), 're: ');
    const client = connected(new Request(), frontend);
    await client.send('12345');
    await client.receive();
    // [5-byte routing id][empty][body]
    expect(proxy.stats()).toEqual({
      frontend: {
        receivedMessages: 1,
        receivedBytes: 10,
        sentMessages: 1,
        sentBytes: 14,
        dropped: 0,
      },
      backend: {
        receivedMessages: 1,
        receivedBytes: 14,
        sentMessages: 1,
        sentBytes: 10,
        dropped: 0,
      },
    });
  });

  it('goes on when the peer a reply is for has left, also with mandatory', async () => {
    const { frontend, backend, proxy } = await start(new Router({ mandatory: true }), new Dealer());
    const worker = connected(new Dealer(), backend);
    const client = connected(new Request(), frontend);
    await client.send('1');
    const request = await worker.receive();
    await worker.send(['nobody', '', 'reply']);
    await worker.send([...request.slice(0, 2), 'reply']);
    expect(texts(await client.receive())).toEqual(['reply']);
    expect(proxy.stats().frontend).toMatchObject({ sentMessages: 1, dropped: 1 });
  });
});

describe('a proxy refuses', () => {
  it('what is no socket, with a TypeError', () => {
    const router = closing(new Router());
    const none = {} as unknown as Socket;
    expect(() => new SocketProxy(none, router)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: 'Front-end must be a socket object' }),
    );
    expect(() => new SocketProxy(router, none)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: 'Back-end must be a socket object' }),
    );
    expect(() => new SocketProxy(router, closing(new Dealer()), { capture: none })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: 'capture must be a socket object' }),
    );
  });

  it('sides that do not fit, before it starts', () => {
    expect(() => new SocketProxy(closing(new Router()), closing(new Push()))).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    const pull = closing(new Pull());
    expect(() => new SocketProxy(pull, pull)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('capture and control sockets of a wrong type, and ones that are used twice', () => {
    const router = closing(new Router());
    const dealer = closing(new Dealer());
    for (const options of [
      { capture: closing(new Pull()) },
      { control: closing(new Push()) },
      { capture: dealer },
    ]) {
      expect(() => new SocketProxy(router, dealer, options)).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
    }
  });

  it('to run with a side that is neither bound nor connected, or closed', async () => {
    const proxy = new SocketProxy(closing(new Router()), closing(new Dealer()));
    const refusal = (text: string): object =>
      expect.objectContaining({ code: 'EINVAL', errno: 22, message: text });
    expect(() => proxy.run()).toThrow(refusal('Front-end socket must be bound or connected'));
    await proxy.frontEnd.bind(TCP_WILDCARD);
    expect(() => proxy.run()).toThrow(refusal('Back-end socket must be bound or connected'));
    await proxy.backEnd.bind(TCP_WILDCARD);
    proxy.frontEnd.close();
    expect(() => proxy.run()).toThrow(refusal('Front-end socket must be bound or connected'));
  });

  it('to run twice', async () => {
    const { proxy } = await start(new Router(), new Dealer());
    expect(() => proxy.run()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
  });

  it.each(['pause', 'resume', 'terminate'] as const)('%s() when it does not run', async (verb) => {
    const idle = new SocketProxy(closing(new Router()), closing(new Dealer()));
    expect(() => idle[verb]()).toThrow(expect.objectContaining({ code: 'EBADF', errno: 9 }));
    const { proxy, run } = await start(new Router(), new Dealer());
    proxy.terminate();
    await run;
    expect(() => proxy[verb]()).toThrow(expect.objectContaining({ code: 'EBADF', errno: 9 }));
  });
});

describe('pause() of a proxy', () => {
  it('moves nothing until resume(), and then everything in order', async () => {
    const { frontend, backend, proxy } = await start(new Pull(), new Push());
    const producer = connected(new Push(), frontend);
    const consumer = connected(new Pull(), backend);
    await producer.send('0');
    expect(texts(await consumer.receive())).toEqual(['0']);
    proxy.pause();
    for (const body of ['1', '2', '3']) await producer.send(body);
    await until(() => proxy.frontEnd.readable);
    expect(proxy.stats().frontend.receivedMessages).toBe(1);
    proxy.resume();
    for (const body of ['1', '2', '3']) expect(texts(await consumer.receive())).toEqual([body]);
  });
});

describe('the end of a proxy', () => {
  it('by terminate() closes both sides and resolves run()', async () => {
    const { proxy, run } = await start(new Router(), new Dealer());
    proxy.terminate();
    await run;
    expect([proxy.frontEnd.closed, proxy.backEnd.closed]).toEqual([true, true]);
  });

  it.each(['frontEnd', 'backEnd'] as const)('comes when its %s is closed', async (side) => {
    const { proxy, run } = await start(new Router(), new Dealer());
    proxy[side].close();
    await within(run, 'run() to resolve');
    expect([proxy.frontEnd.closed, proxy.backEnd.closed]).toEqual([true, true]);
  });

  it('comes when its capture socket is closed: nothing passes unseen', async () => {
    const capture = closing(new Push());
    await capture.bind(TCP_WILDCARD);
    const { run } = await start(new Router(), new Dealer(), { capture });
    capture.close();
    await within(run, 'run() to resolve');
  });

  it('leaves the capture and control sockets open, for their owner', async () => {
    const capture = closing(new Push());
    const control = closing(new Reply());
    const { proxy, run } = await start(new Router(), new Dealer(), { capture, control });
    proxy.terminate();
    await run;
    expect([capture.closed, control.closed]).toEqual([false, false]);
  });

  it('still sends what it had moved', async () => {
    const { frontend, backend, proxy, run } = await start(new Pull(), new Push());
    const producer = connected(new Push(), frontend);
    const consumer = connected(new Pull({ receiveHighWaterMark: 1 }), backend);
    for (let i = 0; i < 100; i++) await producer.send(String(i));
    await until(() => proxy.stats().backend.sentMessages === 100);
    proxy.terminate();
    await run;
    for (let i = 0; i < 100; i++) expect(texts(await consumer.receive())).toEqual([String(i)]);
  });

  it('by an error that no peer is at fault for rejects run() with it', async () => {
    const front = new MemorySocket('PULL').fill(1);
    const back = new MemorySocket('PUSH');
    back.nextError = new RangeError('a bug');
    const { run } = await start(front, back);
    await expect(run).rejects.toThrow('a bug');
    expect([front.closed, back.closed]).toEqual([true, true]);
  });
});

describe('drained() of a proxy', () => {
  it('resolves with true once everything received was moved', async () => {
    const front = new MemorySocket('PULL').fill(5000);
    const back = new MemorySocket('PUSH');
    const { proxy } = await start(front, back);
    expect(await proxy.drained()).toBe(true);
    expect(back.sent).toHaveLength(5000);
  });

  it('resolves with false when there was no room in time', async () => {
    const back = new MemorySocket('PUSH');
    back.room = 2;
    const { proxy } = await start(new MemorySocket('PULL').fill(3), back);
    expect(await proxy.drained(10)).toBe(false);
    expect(back.sent).toHaveLength(2);
  });

  it('resolves with false for one that ends meanwhile, or does not run', async () => {
    const back = new MemorySocket('PUSH');
    back.room = 0;
    const { proxy } = await start(new MemorySocket('PULL').fill(1), back);
    const drained = proxy.drained();
    proxy.terminate();
    expect(await drained).toBe(false);
    expect(await proxy.drained()).toBe(false);
  });
});

describe('a capture socket', () => {
  it('gets every message of both directions as it passed, with routing ids', async () => {
    const capture = closing(new Push());
    const observer = connected(new Pull(), await boundTo(capture, TCP_WILDCARD));
    const { frontend, backend } = await start(new Router(), new Dealer(), { capture });
    void serve(connected(new Reply(), backend), 're: ');
    const client = connected(new Request({ routingId: 'me' }), frontend);
    await client.send('hello');
    expect(texts(await client.receive())).toEqual(['re: hello']);
    expect(texts(await observer.receive())).toEqual(['me', '', 'hello']);
    expect(texts(await observer.receive())).toEqual(['me', '', 're: hello']);
  });

  it('without room makes the proxy wait, and it goes on when there is room', async () => {
    const capture = closing(new Push());
    const endpoint = await boundTo(capture, TCP_WILDCARD);
    const { frontend, backend, proxy } = await start(new Pull(), new Push(), { capture });
    const producer = connected(new Push(), frontend);
    const consumer = connected(new Pull(), backend);
    await producer.send('x');
    await until(() => proxy.frontEnd.readable);
    expect(proxy.stats().backend.sentMessages).toBe(0);
    const observer = connected(new Pull(), endpoint);
    expect(texts(await consumer.receive())).toEqual(['x']);
    expect(texts(await observer.receive())).toEqual(['x']);
  });
});

describe('a control socket', () => {
  interface Steered extends Running {
    command(name: string | string[]): Promise<Buffer[]>;
  }

  async function steered(front: Socket = new Pull(), back: Socket = new Push()): Promise<Steered> {
    const control = closing(new Reply());
    const steering = connected(new Request(), await boundTo(control, TCP_WILDCARD));
    const running = await start(front, back, { control });
    return {
      ...running,
      async command(name) {
        await steering.send(name);
        return steering.receive();
      },
    };
  }

  it('pauses and resumes, and a REP says that it did', async () => {
    const front = new MemorySocket('PULL');
    const back = new MemorySocket('PUSH');
    const { command, proxy } = await steered(front, back);
    expect(texts(await command('PAUSE'))).toEqual(['']);
    front.fill(3);
    expect(await proxy.drained()).toBe(false);
    expect(back.sent).toHaveLength(0);
    expect(texts(await command('RESUME'))).toEqual(['']);
    await until(() => back.sent.length === 3);
  });

  it('terminates, and a REP says that it did', async () => {
    const { command, run } = await steered();
    expect(texts(await command('TERMINATE'))).toEqual(['']);
    await within(run, 'run() to resolve');
  });

  it('gives statistics as eight 64-bit numbers', async () => {
    const { command, frontend, backend } = await steered(new Router(), new Dealer());
    void serve(connected(new Reply(), backend), 're: ');
    const client = connected(new Request(), frontend);
    await client.send('12345');
    await client.receive();
    const frames = await command('STATISTICS');
    const read = (frame: Buffer): number =>
      Number(new BigUint64Array(new Uint8Array(frame).buffer)[0]);
    expect(frames.map((frame) => frame.length)).toEqual(Array(8).fill(8));
    expect(frames.map(read)).toEqual([1, 10, 1, 14, 1, 14, 1, 10]);
  });

  it.each([['pause'], ['HELLO'], [''], [['PAUSE', 'now']], [`PAUSE${'!'.repeat(20)}`]])(
    'answers %j, which is no command, and does nothing',
    async (name) => {
      const front = new MemorySocket('PULL');
      const back = new MemorySocket('PUSH');
      const { command, proxy } = await steered(front, back);
      expect(texts(await command(name))).toEqual(['']);
      front.fill(1);
      expect(await proxy.drained()).toBe(true);
      expect(back.sent).toHaveLength(1);
    },
  );

  it('may be a PULL, which answers nothing, or a PAIR, which answers STATISTICS alone', async () => {
    const pull = closing(new Pull());
    const push = connected(new Push(), await boundTo(pull, TCP_WILDCARD));
    const first = await start(new Router(), new Dealer(), { control: pull });
    await push.send('STATISTICS');
    await push.send('TERMINATE');
    await within(first.run, 'the first to end');

    const control = closing(new Pair());
    const pair = connected(new Pair(), await boundTo(control, TCP_WILDCARD));
    const second = await start(new Router(), new Dealer(), { control });
    await pair.send('PAUSE');
    await pair.send('STATISTICS');
    expect(await pair.receive()).toHaveLength(8);
    await pair.send('TERMINATE');
    await within(second.run, 'the second to end');
    expect(pair.readable).toBe(false);
  });

  it('obeys what came before the proxy ran', async () => {
    const control = closing(new Pull());
    const push = connected(new Push(), await boundTo(control, TCP_WILDCARD));
    await push.send('TERMINATE');
    await until(() => control.readable);
    const { run } = await start(new Router(), new Dealer(), { control });
    await within(run, 'run() to resolve');
  });

  it('that is closed leaves the proxy running', async () => {
    const control = closing(new Pull());
    const { proxy } = await start(new Router(), new Dealer(), { control });
    control.close();
    await control.ended;
    proxy.terminate();
  });
});
