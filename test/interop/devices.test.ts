/*
 * Our devices between libzmq's sockets, and our sockets at the ends of libzmq's own proxy. Last, the two
 * proxies side by side: what a program sees of them is the same.
 */
import * as ours from '@zscale/transport';
import { afterEach, describe, expect, it } from 'vitest';
import * as theirs from 'zeromq';
import { closing } from '../support/closing.ts';
import { freshIpc, freshTcp, TCP_WILDCARD } from '../support/endpoints.ts';
import { texts } from '../support/hex.ts';
import { theirStacks } from '../support/their-stacks.ts';
import { until } from '../support/until.ts';

type Kind = Parameters<typeof ours.device>[0];

const transports = [
  { name: 'tcp', anywhere: () => TCP_WILDCARD },
  { name: 'ipc', anywhere: freshIpc },
];

/** A device of ours and its two addresses. It ends with the test. */
async function start(
  kind: Kind,
  anywhere: () => string,
  options: Partial<ours.DeviceOptions> = {},
): Promise<{ running: ours.Device; frontend: string; backend: string }> {
  const running = await ours.device(kind, {
    frontend: anywhere(),
    backend: anywhere(),
    ...options,
  });
  closing({ close: () => running.close({ gracefulTimeout: 0 }) });
  const [frontend = ''] = running.endpoints.frontend;
  const [backend = ''] = running.endpoints.backend;
  return { running, frontend, backend };
}

function connected<S extends theirs.Socket | ours.Socket>(socket: S, endpoint: string): S {
  closing(socket).connect(endpoint);
  return socket;
}

for (const stack of theirStacks) {
  describe.skipIf(stack.isAbsent)(`${stack.title} REQ and REP`, () => {
    it.each(transports)(
      'talk through our QUEUE over $name, each client with its own answers',
      async ({ anywhere }) => {
        const { frontend, backend } = await start('QUEUE', anywhere);
        const workers = [await stack.open('REP'), await stack.open('REP')];
        for (const worker of workers) {
          await worker.connect(backend);
          void (async () => {
            for (;;) {
              const request = await worker.receive();
              await worker.send([Buffer.from('re'), ...request]);
            }
          })().catch(() => {}); // It ends when the worker is closed.
        }
        const clients = [await stack.open('REQ'), await stack.open('REQ')];
        for (const client of clients) await client.connect(frontend);
        for (let round = 0; round < 5; round++) {
          await Promise.all(
            clients.map(async (client, i) => {
              await client.send([Buffer.from(`${i}`), Buffer.from(`${round}`)]);
              expect(texts(await client.receive())).toEqual(['re', `${i}`, `${round}`]);
            }),
          );
        }
      },
    );
  });
}

describe.each(transports)('libzmq over $name', ({ anywhere }) => {
  it('XPUB hears through our FORWARDER what its SUBs subscribe to and cancel, and sends only that', async () => {
    const { frontend, backend } = await start('FORWARDER', anywhere);
    const publisher = connected(new theirs.XPublisher(), frontend);
    const subscriber = connected(new theirs.Subscriber(), backend);
    subscriber.subscribe('a');
    expect(texts(await publisher.receive())).toEqual(['\x01a']);
    await publisher.send(['b', 'nobody asked']);
    await publisher.send(['a', 'asked']);
    expect(texts(await subscriber.receive())).toEqual(['a', 'asked']);
    subscriber.unsubscribe('a');
    expect(texts(await publisher.receive())).toEqual(['\x00a']);
  });

  it('XPUB that binds is told by our FORWARDER that connects, also when it comes late', async () => {
    const feed = anywhere() === TCP_WILDCARD ? await freshTcp() : freshIpc();
    const { backend } = await start('FORWARDER', anywhere, { frontend: `connect:${feed}` });
    const subscriber = connected(new theirs.Subscriber(), backend);
    subscriber.subscribe('a');
    const publisher = closing(new theirs.XPublisher());
    await publisher.bind(feed);
    expect(texts(await publisher.receive())).toEqual(['\x01a']);
    await publisher.send('a1');
    expect(texts(await subscriber.receive())).toEqual(['a1']);
  });

  it('PUSH reaches PULL through our STREAMER, every message once and in order', async () => {
    const { frontend, backend } = await start('STREAMER', anywhere);
    const consumer = connected(new theirs.Pull(), backend);
    const producer = connected(new theirs.Push(), frontend);
    const COUNT = 5000;
    const sending = (async () => {
      for (let i = 0; i < COUNT; i++) await producer.send([String(i), 'body']);
    })();
    for (let i = 0; i < COUNT; i++) {
      expect(texts(await consumer.receive())).toEqual([String(i), 'body']);
    }
    await sending;
  });

  it('PUSH has to wait when the PULL behind our STREAMER stops, and nothing is lost', async () => {
    const { running, frontend, backend } = await start('STREAMER', anywhere, { highWaterMark: 5 });
    const consumer = connected(new theirs.Pull({ receiveHighWaterMark: 5 }), backend);
    const producer = connected(
      new theirs.Push({ sendHighWaterMark: 5, sendTimeout: 300 }),
      frontend,
    );
    const body = Buffer.alloc(256 * 1024);
    let sent = 0;
    const flood = async (): Promise<void> => {
      for (; sent < 2000; sent++) {
        const numbered = Buffer.from(body);
        numbered.writeUInt32BE(sent);
        await producer.send(numbered);
      }
    };
    await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(running.stats().backend.sentMessages).toBeLessThan(sent);
    for (let i = 0; i < sent; i++) {
      const [got] = await consumer.receive();
      expect(got?.readUInt32BE(0)).toBe(i);
    }
  });

  it('SUB sees at our capture endpoint what passes between libzmq REQ and REP', async () => {
    const { running, frontend, backend } = await start('QUEUE', anywhere, { capture: anywhere() });
    const observer = connected(new theirs.Subscriber(), running.endpoints.capture[0] ?? '');
    observer.subscribe();
    const seen: string[][] = [];
    void (async () => {
      for await (const message of observer) seen.push(texts(message));
    })();
    const worker = connected(new theirs.Reply(), backend);
    void (async () => {
      for await (const [body] of worker) await worker.send(`re: ${String(body)}`);
    })();
    const client = connected(new theirs.Request({ routingId: 'me' }), frontend);
    await until(async () => {
      await client.send('hello'); // more than once: the subscription needs its time
      await client.receive();
      return seen.length >= 2;
    });
    expect(seen).toContainEqual(['me', '', 'hello']);
    expect(seen).toContainEqual(['me', '', 're: hello']);
  });
});

describe('several hops', () => {
  it('a request and its reply cross our QUEUE and then the proxy of libzmq', async () => {
    const far = new theirs.Proxy(new theirs.Router(), new theirs.Dealer());
    const worker = closing(new theirs.Reply());
    await worker.bind(TCP_WILDCARD);
    far.backEnd.connect(worker.lastEndpoint ?? '');
    await far.frontEnd.bind(TCP_WILDCARD);
    const between = far.frontEnd.lastEndpoint ?? '';
    const run = far.run();
    const { frontend } = await start('QUEUE', () => TCP_WILDCARD, {
      backend: `connect:${between}`,
    });
    const client = connected(new ours.Request(), frontend);
    await client.send('there');
    expect(texts(await worker.receive())).toEqual(['there']);
    await worker.send('and back');
    expect(texts(await client.receive())).toEqual(['and back']);
    far.terminate();
    await run;
  });
});

/** What ours and theirs have in common. */
interface Face {
  readonly frontEnd: { bind(endpoint: string): Promise<void>; close(): void; closed: boolean };
  readonly backEnd: { bind(endpoint: string): Promise<void>; close(): void; closed: boolean };
  run(): Promise<void>;
  pause(): void;
  resume(): void;
  terminate(): void;
}

const faces: readonly { name: string; make(): Face }[] = [
  { name: 'ours', make: () => new ours.Proxy(new ours.Router(), new ours.Dealer()) },
  { name: "zeromq.js's", make: () => new theirs.Proxy(new theirs.Router(), new theirs.Dealer()) },
];

describe.each(faces)('the face of a Proxy: $name', ({ make }) => {
  const made: Face[] = [];
  const open = (): Face => {
    const proxy = make();
    made.push(proxy);
    return proxy;
  };

  afterEach(() => {
    for (const { frontEnd, backEnd } of made.splice(0)) {
      if (!frontEnd.closed) frontEnd.close();
      if (!backEnd.closed) backEnd.close();
    }
  });

  it('run() throws EINVAL at once while a side is neither bound nor connected', async () => {
    const proxy = open();
    const refusal = (side: string): object =>
      expect.objectContaining({
        code: 'EINVAL',
        errno: 22,
        message: `${side} socket must be bound or connected`,
      });
    expect(() => proxy.run()).toThrow(refusal('Front-end'));
    await proxy.frontEnd.bind(TCP_WILDCARD);
    expect(() => proxy.run()).toThrow(refusal('Back-end'));
  });

  it.each(['pause', 'resume', 'terminate'] as const)(
    '%s() throws EBADF before run() and after the end',
    async (verb) => {
      const proxy = open();
      const refusal = expect.objectContaining({ code: 'EBADF', errno: 9 });
      expect(() => proxy[verb]()).toThrow(refusal);
      await proxy.frontEnd.bind(TCP_WILDCARD);
      await proxy.backEnd.bind(TCP_WILDCARD);
      const run = proxy.run();
      proxy.terminate();
      expect(await run).toBeUndefined();
      expect([proxy.frontEnd.closed, proxy.backEnd.closed]).toEqual([true, true]);
      expect(() => proxy[verb]()).toThrow(refusal);
      expect(() => proxy.run()).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    },
  );
});
