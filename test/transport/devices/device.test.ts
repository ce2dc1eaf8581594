import { describe, expect, it } from 'vitest';
import {
  type Device,
  type DeviceKind,
  type DeviceOptions,
  device,
} from '../../../packages/transport/src/devices/device.ts';
import { Dealer } from '../../../packages/transport/src/sockets/dealer.ts';
import { Publisher } from '../../../packages/transport/src/sockets/publisher.ts';
import { Pull } from '../../../packages/transport/src/sockets/pull.ts';
import { Push } from '../../../packages/transport/src/sockets/push.ts';
import { Reply } from '../../../packages/transport/src/sockets/reply.ts';
import { Request } from '../../../packages/transport/src/sockets/request.ts';
import type { Socket } from '../../../packages/transport/src/sockets/socket.ts';
import { Subscriber } from '../../../packages/transport/src/sockets/subscriber.ts';
import { XPublisher } from '../../../packages/transport/src/sockets/xpublisher.ts';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { freshTcp, TCP_WILDCARD } from '../../support/endpoints.ts';
import { texts } from '../../support/hex.ts';
import { transports } from '../../support/transports.ts';
import { until, within } from '../../support/until.ts';

interface Started {
  readonly running: Device;
  readonly frontend: string;
  readonly backend: string;
}

/** A device between two free addresses, unless told otherwise. It drops what it has when the test ends. */
async function start(kind: DeviceKind, options: Partial<DeviceOptions> = {}): Promise<Started> {
  const running = await device(kind, {
    frontend: TCP_WILDCARD,
    backend: TCP_WILDCARD,
    ...options,
  });
  closing({ close: () => running.close({ gracefulTimeout: 0 }) });
  const { frontend, backend } = running.endpoints;
  return { running, frontend: frontend[0] ?? '', backend: backend[0] ?? '' };
}

function connected<S extends Socket>(socket: S, endpoint: string): S {
  closing(socket).connect(endpoint);
  return socket;
}

async function serve(worker: Reply): Promise<void> {
  for await (const [body] of worker) await worker.send(`re: ${String(body)}`);
}

/** What was sent has reached the other side's socket: in one process a few turns suffice. */
async function arrived(producer: Push): Promise<void> {
  await until(() => producer.unsent.messages === 0);
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Publishes until a message of this topic arrives: a subscription needs its time to get there. */
async function publishUntilHeard(
  publisher: Publisher,
  subscriber: Subscriber,
  body: string,
): Promise<Buffer[]> {
  const received = subscriber.receive();
  let isThere = false;
  const done = received.finally(() => {
    isThere = true;
  });
  await until(async () => {
    await publisher.send(body);
    return isThere;
  });
  return done;
}

describe.each(transports)('over $name', ({ anywhere, fresh }) => {
  it('a QUEUE takes requests to workers and brings replies back', async () => {
    const { frontend, backend } = await start('QUEUE', {
      frontend: anywhere(),
      backend: anywhere(),
    });
    void serve(connected(new Reply(), backend));
    const client = connected(new Request(), frontend);
    await client.send('hello');
    expect(texts(await client.receive())).toEqual(['re: hello']);
  });

  it('a FORWARDER brings data down and subscriptions up', async () => {
    const { frontend, backend } = await start('FORWARDER', {
      frontend: anywhere(),
      backend: anywhere(),
    });
    const publisher = connected(new XPublisher(), frontend);
    const subscriber = connected(new Subscriber(), backend);
    subscriber.subscribe('a');
    expect(texts(await publisher.receive())).toEqual(['\x01a']);
    await publisher.send('b: nobody asked');
    await publisher.send('a: asked');
    expect(texts(await subscriber.receive())).toEqual(['a: asked']);
    subscriber.unsubscribe('a');
    expect(texts(await publisher.receive())).toEqual(['\x00a']);
  });

  it('a STREAMER takes work down, and to each consumer in turn', async () => {
    const { frontend, backend } = await start('STREAMER', {
      frontend: anywhere(),
      backend: anywhere(),
    });
    const consumers = [0, 1].map(() => connected(new Pull(), backend));
    const producer = connected(new Push(), frontend);
    const got = Promise.all(consumers.map((consumer) => consumer.receive()));
    let sent = 0;
    await until(async () => {
      await producer.send(String(sent++)); // until both consumers are connected
      return Promise.race([got.then(() => true), new Promise((r) => setImmediate(r))]);
    });
    expect((await got).flat().map(String).sort()).toHaveLength(2);
  });

  it('a device connects where an endpoint says connect:', async () => {
    const frontend = await fresh();
    const worker = closing(new Reply());
    const backend = await boundTo(worker, await fresh());
    void serve(worker);
    const { running } = await start('QUEUE', { frontend, backend: `connect:${backend}` });
    expect(running.endpoints).toEqual({
      frontend: [frontend],
      backend: [`connect:${backend}`],
      capture: [],
    });
    const client = connected(new Request(), frontend);
    await client.send('hello');
    expect(texts(await client.receive())).toEqual(['re: hello']);
  });

  it('the addresses of a device are free when close() has resolved', async () => {
    const endpoints = { frontend: await fresh(), backend: await fresh() };
    await (await device('QUEUE', endpoints)).close();
    await (await device('QUEUE', endpoints)).close();
  });
});

describe('a device', () => {
  it('has as many endpoints as it is given, some bound, some connected', async () => {
    const { running, backend } = await start('STREAMER', {
      frontend: [TCP_WILDCARD, TCP_WILDCARD, `connect:${await freshTcp()}`],
    });
    const consumer = connected(new Pull(), backend);
    const [first = '', second = ''] = running.endpoints.frontend;
    expect(first).not.toBe(second);
    for (const endpoint of [first, second]) {
      await connected(new Push(), endpoint).send(endpoint);
      expect(texts(await consumer.receive())).toEqual([endpoint]);
    }
  });

  it('shows everything that passes to who subscribes at its capture endpoint', async () => {
    const { running, frontend, backend } = await start('QUEUE', { capture: TCP_WILDCARD });
    const observer = connected(new Subscriber(), running.endpoints.capture[0] ?? '');
    observer.subscribe();
    const seen: string[][] = [];
    void (async () => {
      for await (const message of observer) seen.push(texts(message));
    })();
    void serve(connected(new Reply(), backend));
    const client = connected(new Request({ routingId: 'me' }), frontend);
    await until(async () => {
      await client.send('hello');
      await client.receive();
      return seen.length >= 2;
    });
    expect(seen).toContainEqual(['me', '', 'hello']);
    expect(seen).toContainEqual(['me', '', 're: hello']);
  });

  it('never waits for who listens at its capture endpoint', async () => {
    const { running, frontend, backend } = await start('STREAMER', {
      capture: TCP_WILDCARD,
      captureOptions: { sendHighWaterMark: 1 },
    });
    const observer = connected(
      new Subscriber({ receiveHighWaterMark: 1 }),
      running.endpoints.capture[0] ?? '',
    );
    observer.subscribe();
    const producer = connected(new Push(), frontend);
    const consumer = connected(new Pull(), backend);
    for (let i = 0; i < 2000; i++) {
      await producer.send(Buffer.alloc(10_000));
      await consumer.receive();
    }
    expect(running.stats().backend.sentMessages).toBe(2000);
  });

  it('gives its sockets the options it is given', async () => {
    const { frontend, backend } = await start('STREAMER', {
      frontendOptions: { maxMessageSize: 100 },
    });
    const consumer = connected(new Pull(), backend);
    const producer = connected(new Push({ reconnectInterval: 1 }), frontend);
    const received = consumer.receive();
    let isThere = false;
    void received.then(() => {
      isThere = true;
    });
    await producer.send(Buffer.alloc(101)); // ends its connection, with what else was on it
    await until(async () => {
      await producer.send(Buffer.alloc(100));
      return isThere;
    });
    expect((await received)[0]).toHaveLength(100);
  });

  it('lets the back-pressure of a subscriber cross a FORWARDER with noDrop on its way, and loses nothing', async () => {
    const { frontend, backend } = await start('FORWARDER', {
      highWaterMark: 2,
      backendOptions: { noDrop: true },
    });
    const publisher = connected(new XPublisher({ noDrop: true, sendHighWaterMark: 2 }), frontend);
    const subscriber = new Subscriber({ receiveHighWaterMark: 2 });
    subscriber.subscribe('');
    connected(subscriber, backend);
    await publisher.receive(); // the subscription, through the device
    const body = Buffer.alloc(500_000);
    let sent = 0;
    for (let refused = 0; refused < 200; ) {
      if (publisher.trySend([Buffer.from(String(sent)), body])) {
        sent += 1;
        refused = 0;
      } else {
        refused += 1;
        await new Promise(setImmediate);
      }
      expect(sent).toBeLessThan(5000); // without back-pressure it would never end
    }
    for (let i = 0; i < sent; i++) expect(String((await subscriber.receive())[0])).toBe(String(i));
  });

  it('gives both sides its highWaterMark', async () => {
    const { running, frontend } = await start('STREAMER', {
      backend: `connect:${await freshTcp()}`,
      highWaterMark: 3,
    });
    const producer = connected(new Push(), frontend);
    for (let i = 0; i < 20; i++) await producer.send(String(i));
    await until(() => running.stats().backend.sentMessages === 3);
    await until(() => producer.unsent.messages === 0);
    expect(running.stats().backend.sentMessages).toBe(3);
  });

  it('moves nothing between pause() and resume()', async () => {
    const { running, frontend, backend } = await start('STREAMER');
    const consumer = connected(new Pull(), backend);
    running.pause();
    const producer = connected(new Push(), frontend);
    await producer.send('x');
    const received = consumer.receive();
    await until(() => producer.unsent.messages === 0);
    expect(running.stats().frontend.receivedMessages).toBe(0);
    running.resume();
    expect(texts(await received)).toEqual(['x']);
  });

  it('that is a FORWARDER tells a publisher that comes later what its subscribers want', async () => {
    const { frontend, backend } = await start('FORWARDER');
    const subscriber = connected(new Subscriber(), backend);
    subscriber.subscribe('a');
    const publisher = connected(new Publisher(), frontend);
    expect(texts(await publishUntilHeard(publisher, subscriber, 'a1'))).toEqual(['a1']);
  });
});

describe('close() of a device', () => {
  it('first moves what it has received', async () => {
    const backend = await freshTcp();
    const { running, frontend } = await start('STREAMER', {
      backend: `connect:${backend}`,
      highWaterMark: 10,
    });
    const producer = connected(new Push(), frontend);
    for (let i = 0; i < 15; i++) await producer.send(String(i));
    await until(() => running.stats().backend.sentMessages === 10);
    await arrived(producer);
    const closed = running.close();
    const consumer = closing(new Pull());
    await consumer.bind(backend);
    for (let i = 0; i < 15; i++) expect(texts(await consumer.receive())).toEqual([String(i)]);
    await within(closed, 'close() to resolve');
    await running.ended;
  });

  it('resolves when what it had moved is sent', async () => {
    const backend = await freshTcp();
    const { running, frontend } = await start('STREAMER', { backend: `connect:${backend}` });
    const producer = connected(new Push(), frontend);
    for (let i = 0; i < 15; i++) await producer.send(String(i));
    await until(() => running.stats().backend.sentMessages === 15);
    let isClosed = false;
    const closed = running.close().then(() => {
      isClosed = true;
    });
    await arrived(producer);
    expect(isClosed).toBe(false);
    const consumer = closing(new Pull());
    await consumer.bind(backend);
    for (let i = 0; i < 15; i++) expect(texts(await consumer.receive())).toEqual([String(i)]);
    await within(closed, 'close() to resolve');
  });

  it('gives up after gracefulTimeout', async () => {
    const { running, frontend } = await start('STREAMER', { gracefulTimeout: 50 });
    const producer = connected(new Push(), frontend);
    await producer.send('nobody takes it');
    await arrived(producer);
    await within(running.close(), 'close() to resolve');
  });

  it('with a gracefulTimeout of 0 drops what it has, also when a close() waits already', async () => {
    const { running, frontend } = await start('STREAMER', { gracefulTimeout: -1 });
    const producer = connected(new Push(), frontend);
    await producer.send('nobody takes it');
    await arrived(producer);
    let isClosed = false;
    const first = running.close().then(() => {
      isClosed = true;
    });
    await arrived(producer);
    expect(isClosed).toBe(false);
    await within(running.close({ gracefulTimeout: 0 }), 'close() to resolve');
    await within(first, 'the first close() to resolve');
  });

  it('is what await using does at the end', async () => {
    const endpoints = { frontend: await freshTcp(), backend: TCP_WILDCARD };
    {
      await using running = await device('QUEUE', endpoints);
      expect(running.kind).toBe('QUEUE');
    }
    await (await device('QUEUE', endpoints)).close();
  });
});

describe('device() refuses', () => {
  const ends = { frontend: TCP_WILDCARD, backend: TCP_WILDCARD };

  it.each([
    ['an unknown kind', 'QUEU', ends, 'EINVAL'],
    ['no frontend', 'QUEUE', { ...ends, frontend: [] }, 'EINVAL'],
    ['no backend', 'QUEUE', { frontend: TCP_WILDCARD }, 'EINVAL'],
    ['a malformed endpoint', 'QUEUE', { ...ends, backend: 'tcp:/x' }, 'EINVAL'],
    ['an unknown transport', 'QUEUE', { ...ends, backend: 'connect:x://y' }, 'EPROTONOSUPPORT'],
    ['a mark out of range', 'QUEUE', { ...ends, highWaterMark: -1 }, 'EINVAL'],
    ['a timeout out of range', 'QUEUE', { ...ends, gracefulTimeout: -2 }, 'EINVAL'],
    [
      'an option that the socket does not have',
      'STREAMER',
      { ...ends, frontendOptions: { mandatory: true } },
      'ERR_INVALID_ARG_TYPE',
    ],
  ])('%s', async (_, kind, options, code) => {
    // As callers without types may.
    const wrong = device(kind as DeviceKind, options as unknown as DeviceOptions);
    await expect(wrong).rejects.toMatchObject({ code });
  });

  it('an address that is taken, and lets go of the others', async () => {
    const taken = closing(new Dealer());
    const frontend = await boundTo(taken, TCP_WILDCARD);
    const backend = await freshTcp();
    await expect(device('QUEUE', { frontend, backend })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await until(async () => {
      await (await device('QUEUE', { frontend: TCP_WILDCARD, backend })).close();
      return true;
    });
  });
});
