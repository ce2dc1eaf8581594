/*
 * Drop-in for zeromq.js: each test is one program, run on the npm package `zeromq` and on ours. What the package does is
 * the measure; where we differ, the difference is written out here and explained in docs/reference/zeromq-js.md.
 */
import * as ours from '@zscale/transport';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as theirs from 'zeromq';
import { closing } from '../support/closing.ts';
import { until } from '../support/until.ts';

type Library = typeof theirs;

// The same program for both: that ours type-checks as theirs is what test/house/zeromq-types.test.ts shows.
const libraries = [
  ['npm zeromq', theirs],
  ['ours', ours as unknown as Library],
] as const;

const TYPES = [
  'Pair',
  'Publisher',
  'Subscriber',
  'Request',
  'Reply',
  'Dealer',
  'Router',
  'Pull',
  'Push',
  'XPublisher',
  'XSubscriber',
  'Stream',
] as const;

/** zmq.h's numbers. */
const NUMBERS: Record<(typeof TYPES)[number], number> = {
  Pair: 0,
  Publisher: 1,
  Subscriber: 2,
  Request: 3,
  Reply: 4,
  Dealer: 5,
  Router: 6,
  Pull: 7,
  Push: 8,
  XPublisher: 9,
  XSubscriber: 10,
  Stream: 11,
};

/** What came out of a call: a value, or an error's class and code. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return { name: (error as Error).constructor.name, code: (error as { code?: string }).code };
  }
}

const errno = (code: string): object => ({ code });
const typeError = (): object => ({ name: 'TypeError' });

describe.each(libraries)('a program written for zeromq.js, on %s,', (name, zmq) => {
  it.each(TYPES)('makes a %s with the defaults it knows', (type) => {
    const socket = closing(new zmq[type]());
    expect(socket.type).toBe(NUMBERS[type]);
    expect(socket).toMatchObject({
      closed: false,
      readable: false,
      lastEndpoint: null,
      securityMechanism: null,
      threadSafe: false,
      linger: ['Subscriber', 'XSubscriber'].includes(type) ? 0 : -1,
      writable: ['Publisher', 'XPublisher', 'XSubscriber', 'Router', 'Stream'].includes(type),
      context: zmq.context,
    });
    expect(socket.events).toBe(socket.events);
    expect(socket.events.closed).toBe(false);
  });

  it('reads the defaults of the common options', () => {
    expect(closing(new zmq.Dealer())).toMatchObject({
      affinity: 0,
      rate: 100,
      recoveryInterval: 10_000,
      reconnectInterval: 100,
      reconnectMaxInterval: 0,
      backlog: 100,
      maxMessageSize: -1,
      tcpKeepalive: -1,
      tcpKeepaliveCount: -1,
      tcpKeepaliveIdle: -1,
      tcpKeepaliveInterval: -1,
      immediate: false,
      ipv6: false,
      plainServer: false,
      plainUsername: null,
      plainPassword: null,
      curveServer: false,
      zapDomain: null,
      typeOfService: 0,
      handshakeInterval: 30_000,
      socksProxy: null,
      heartbeatInterval: 0,
      heartbeatTimeToLive: 0,
      heartbeatTimeout: -1,
      connectTimeout: 0,
      tcpMaxRetransmitTimeout: 0,
      multicastMaxTransportDataUnit: 1500,
      interface: null,
      zapEnforceDomain: false,
      loopbackFastPath: false,
      sendHighWaterMark: 1000,
      sendTimeout: -1,
      sendBufferSize: -1,
      multicastHops: 1,
      receiveHighWaterMark: 1000,
      receiveTimeout: -1,
      receiveBufferSize: -1,
      routingId: null,
    });
  });

  it.each([
    ['unknown options', { nope: 1 }, typeError()],
    ['options of another type', { correlate: true }, typeError()],
    ['wrong types', { linger: '1' }, typeError()],
    ['numbers for booleans', { immediate: 1 }, typeError()],
    ['a linger below -1', { linger: -2 }, errno('EINVAL')],
    ['a mark below 0', { sendHighWaterMark: -1 }, errno('EINVAL')],
    ['an empty routing id', { routingId: '' }, errno('EINVAL')],
    ['a routing id of 256 bytes', { routingId: 'x'.repeat(256) }, errno('EINVAL')],
    ['a keep-alive of 2', { tcpKeepalive: 2 }, errno('EINVAL')],
    ['a time to live beyond its field', { heartbeatTimeToLive: 6_553_600 }, errno('EINVAL')],
    ['a filter that is no address', { tcpAcceptFilter: 'zzz' }, errno('EINVAL')],
    ['a key that is none', { curveSecretKey: 'abc' }, errno('EINVAL')],
  ])('is refused %s', async (_, options, expected) => {
    expect(await outcome(() => new zmq.Dealer(options as object))).toMatchObject(expected);
  });

  it('sets options and reads them back', () => {
    const socket = closing(
      new zmq.Dealer({ linger: 5, routingId: 'me', heartbeatTimeToLive: 250 }),
    );
    expect(socket).toMatchObject({ linger: 5, routingId: 'me', heartbeatTimeToLive: 200 });
    Object.assign(socket, { routingId: Buffer.from('you'), zapDomain: 'global' });
    expect(socket).toMatchObject({ routingId: 'you', zapDomain: 'global' });
  });

  it.each([
    ['tcp://127.0.0.1', 'EINVAL', 'EINVAL'],
    ['foo://x', 'EPROTONOSUPPORT', 'EPROTONOSUPPORT'],
    ['tcp://1.2.3.4:5555', 'EADDRNOTAVAIL', undefined],
    ['tcp://nosuchif:*', 'ENODEV', 'EINVAL'],
    ['ipc:///nonexistent/x', 'ENOENT', undefined],
    [`ipc:///${'x'.repeat(120)}`, 'ENAMETOOLONG', 'ENAMETOOLONG'],
    ['x', 'EINVAL', 'EINVAL'],
    ['inproc://', 'EINVAL', 'EINVAL'],
  ])('binds and connects %s to the error it knows', async (endpoint, bind, connect) => {
    const socket = closing(new zmq.Reply());
    expect(await outcome(() => socket.bind(endpoint))).toMatchObject({ code: bind });
    const connected = await outcome(() => socket.connect(endpoint));
    if (connect === undefined) expect(connected).toBe(undefined);
    else expect(connected).toMatchObject({ code: connect });
  });

  it('is told an address in use, of an errno and with the address', async () => {
    const first = closing(new zmq.Reply());
    await first.bind('tcp://127.0.0.1:*');
    const endpoint = first.lastEndpoint as string; // just bound
    const error = await closing(new zmq.Reply())
      .bind(endpoint)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'EADDRINUSE', errno: 98, address: endpoint });
    await first.unbind(endpoint);
    expect(await outcome(() => first.unbind(endpoint))).toMatchObject({ code: 'ENOENT' });
    expect(await outcome(() => first.disconnect(endpoint))).toMatchObject({ code: 'ENOENT' });
  });

  it('binds before bindSync returns, and is told its errors there', async () => {
    const first = closing(new zmq.Reply());
    first.bindSync('tcp://127.0.0.1:*');
    const endpoint = first.lastEndpoint as string; // just bound
    expect(endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    expect(await outcome(() => new zmq.Reply().bindSync(endpoint))).toMatchObject({
      code: 'EADDRINUSE',
    });
    const client = closing(new zmq.Request());
    client.connect(endpoint);
    await client.send('hello');
    expect(String(await first.receive())).toBe('hello');
  });

  it('gets EAGAIN after a timeout, or EFSM where its turn did not come', async () => {
    const dealer = closing(new zmq.Dealer({ sendTimeout: 5, receiveTimeout: 5 }));
    expect(await outcome(() => dealer.send('x'))).toMatchObject({ code: 'EAGAIN' });
    expect(await outcome(() => dealer.receive())).toMatchObject({ code: 'EAGAIN' });
    const request = closing(new zmq.Request({ receiveTimeout: 0 }));
    expect(await outcome(() => request.receive())).toMatchObject({ code: 'EFSM' });
    request.receiveTimeout = 5;
    expect(await outcome(() => request.receive())).toMatchObject({ code: 'EFSM' });
  });

  it('may receive on REQ before it sends, and send on REP before it receives: both wait for their turn', async () => {
    const reply = closing(new zmq.Reply());
    const request = closing(new zmq.Request());
    await reply.bind('tcp://127.0.0.1:*');
    request.connect(reply.lastEndpoint as string); // just bound
    const answer = request.receive();
    const sent = reply.send('world');
    await request.send('hello');
    expect(String(await reply.receive())).toBe('hello');
    await sent;
    expect(String(await answer)).toBe('world');
  });

  it('is turned away with EAGAIN when the socket closes under it, and with EBADF afterwards', async () => {
    const socket = closing(new zmq.Dealer());
    const waiting = [outcome(() => socket.send('x')), outcome(() => socket.receive())];
    socket.close();
    expect(await Promise.all(waiting)).toMatchObject([{ code: 'EAGAIN' }, { code: 'EAGAIN' }]);
    expect(socket.closed).toBe(true);
    for (const call of [
      () => socket.send('x'),
      () => socket.receive(),
      () => socket.bind('tcp://127.0.0.1:*'),
      () => socket.connect('tcp://127.0.0.1:1'),
    ]) {
      expect(await outcome(call)).toMatchObject({ code: 'EBADF' });
    }
    socket.close();
  });

  it('gets EBUSY for a second call while one waits, where ours is asked to with strictBusy', async () => {
    const options: object = name === 'ours' ? { strictBusy: true } : {};
    const socket = closing(new zmq.Dealer(options));
    const waiting = [outcome(() => socket.send('a')), outcome(() => socket.receive())];
    expect(await outcome(() => socket.send('b'))).toMatchObject({ code: 'EBUSY' });
    expect(await outcome(() => socket.receive())).toMatchObject({ code: 'EBUSY' });
    socket.close();
    await Promise.all(waiting);
  });

  it('gets EHOSTUNREACH for an unknown peer of a mandatory Router', async () => {
    const router = closing(new zmq.Router({ mandatory: true, sendTimeout: 0 }));
    expect(await outcome(() => router.send(['nobody', 'x']))).toMatchObject({
      code: 'EHOSTUNREACH',
    });
  });

  it('iterates over messages until the socket is closed', async () => {
    const push = closing(new zmq.Push());
    const pull = closing(new zmq.Pull());
    await pull.bind('tcp://127.0.0.1:*');
    push.connect(pull.lastEndpoint as string); // just bound
    for (const text of ['a', 'b', 'c']) await push.send(text);
    const got: string[] = [];
    for await (const [frame] of pull) {
      got.push(String(frame));
      if (got.length === 3) pull.close();
    }
    expect(got).toEqual(['a', 'b', 'c']);
  });

  it('follows the life of a connection by its events', async () => {
    const reply = closing(new zmq.Reply());
    const request = closing(new zmq.Request({ linger: 0 }));
    const seen: string[] = [];
    const note = (side: string, socket: theirs.Socket): void => {
      for (const type of ['bind', 'accept', 'handshake', 'disconnect', 'close', 'end'] as const)
        socket.events.on(type, () => void seen.push(`${side} ${type}`));
      for (const type of ['connect', 'connect:retry'] as const)
        socket.events.on(type, () => void seen.push(`${side} ${type}`));
    };
    note('reply', reply);
    note('request', request);
    let bound = '';
    reply.events.on('bind', (event) => {
      bound = event.address;
    });
    await reply.bind('tcp://127.0.0.1:*');
    await until(() => bound !== '');
    expect(bound).toBe(reply.lastEndpoint);
    request.connect(bound);
    await until(() => seen.filter((each) => each.endsWith('handshake')).length === 2);
    expect(seen).toContain('reply accept');
    expect(seen).toContain('request connect');
    const { events } = reply;
    reply.close();
    await until(() => seen.includes('request connect:retry') && seen.includes('reply end'));
    expect(seen).toContain('request disconnect');
    expect(seen).toContain('reply close');
    expect(events.closed).toBe(true);
  });

  it('reads events with receive()', async () => {
    const socket = closing(new zmq.Reply());
    const next = socket.events.receive();
    await socket.bind('tcp://127.0.0.1:*');
    expect(await next).toMatchObject({ type: 'bind', address: socket.lastEndpoint });
  });

  it('reads bind:error with its cause', async () => {
    const first = closing(new zmq.Reply());
    await first.bind('tcp://127.0.0.1:*');
    const second = closing(new zmq.Reply());
    let cause: unknown;
    second.events.on('bind:error', (event) => {
      cause = event.error;
    });
    await second.bind(first.lastEndpoint as string).catch(() => undefined); // just bound
    await until(() => cause !== undefined);
    expect(cause).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('sends strings, numbers, null, views and buffers', async () => {
    const push = closing(new zmq.Push());
    const pull = closing(new zmq.Pull());
    await pull.bind('tcp://127.0.0.1:*');
    push.connect(pull.lastEndpoint as string); // just bound
    const bytes = new Uint8Array([1, 2, 3, 4]);
    await push.send(['é', 42, null, bytes.subarray(1, 3), bytes.buffer, Buffer.from('b')]);
    expect((await pull.receive()).map((frame) => frame.toString('hex'))).toEqual([
      'c3a9',
      '3432',
      '',
      '0203',
      '01020304',
      '62',
    ]);
  });

  it('may use a small Buffer again once its send has resolved', async () => {
    const push = closing(new zmq.Push());
    const pull = closing(new zmq.Pull());
    await pull.bind('tcp://127.0.0.1:*');
    push.connect(pull.lastEndpoint as string); // just bound
    const counter = Buffer.alloc(128);
    for (let i = 0; i < 5; i++) {
      counter.writeUInt32LE(i);
      await push.send(counter);
    }
    for (let i = 0; i < 5; i++) expect((await pull.receive())[0]?.readUInt32LE()).toBe(i);
  });

  it('is told why a peer of a wrong type is refused, and tries it no more', async () => {
    const pull = closing(new zmq.Pull());
    await pull.bind('tcp://127.0.0.1:*');
    const request = closing(new zmq.Request({ linger: 0 }));
    const seen: string[] = [];
    request.events.on('connect:retry', () => void seen.push('retry'));
    request.events.on('handshake:error:protocol', () => void seen.push('protocol'));
    request.events.on('disconnect', () => void seen.push('disconnect'));
    request.connect(pull.lastEndpoint as string); // just bound
    await until(() => seen.includes('disconnect'));
    expect(seen).not.toContain('retry');
    if (name === 'ours') expect(seen[0]).toBe('protocol'); // libzmq tells only the disconnect
  });

  it("reads libzmq's text in an error", async () => {
    const socket = closing(new zmq.Reply());
    await expect(socket.bind('foo://x')).rejects.toThrow(/^Protocol not supported/);
    await expect(socket.bind('tcp://127.0.0.1')).rejects.toThrow(/^Invalid argument/);
    await socket.bind('tcp://127.0.0.1:*');
    const endpoint = socket.lastEndpoint as string; // just bound
    await expect(closing(new zmq.Reply()).bind(endpoint)).rejects.toThrow(
      /^Address already in use/,
    );
    expect(() => socket.disconnect('tcp://127.0.0.1:1')).toThrow(/^No such endpoint/);
  });

  it('makes key pairs, asks for the version and for capabilities', () => {
    const { publicKey, secretKey } = zmq.curveKeyPair();
    expect(publicKey).toHaveLength(40);
    expect(secretKey).toHaveLength(40);
    expect(publicKey).not.toBe(secretKey);
    expect(zmq.version).toBe('4.3.5');
    expect(zmq.capability).toMatchObject({ ipc: true, curve: true });
  });

  it('has contexts with options, and EMFILE when they are full', async () => {
    const context = new zmq.Context({ maxSockets: 1 });
    expect(context).toMatchObject({ blocky: true, ioThreads: 1, maxSockets: 1, ipv6: false });
    const first = new zmq.Dealer({ context });
    onTestFinished(() => first.close());
    expect(await outcome(() => new zmq.Dealer({ context }))).toMatchObject({ code: 'EMFILE' });
    expect(await outcome(() => new zmq.Context({ nope: 1 } as object))).toMatchObject(typeError());
  });

  it('passes messages by inproc, within a context', async () => {
    const context = new zmq.Context();
    const reply = closing(new zmq.Reply({ context }));
    const request = closing(new zmq.Request({ context }));
    await reply.bind('inproc://there');
    request.connect('inproc://there');
    await request.send('hello');
    const [question] = await reply.receive();
    await reply.send(`${question} world`);
    expect(String(await request.receive())).toBe('hello world');
  });
});
