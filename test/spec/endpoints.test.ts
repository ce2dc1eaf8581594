/*
 * Endpoints (zmq_tcp(7), zmq_ipc(7), zmq_bind(3), zmq_connect(3), zmq_unbind(3),
 * zmq_disconnect(3)): what is an address, what is an error, and which.
 */
import { existsSync, linkSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, relative } from 'node:path';
import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import * as zeromq from 'zeromq';
import { abstractNamesWork } from '../../packages/transport/src/transports/abstract-name.ts';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { freshIpc, freshPath, freshTcp, TCP_WILDCARD } from '../support/endpoints.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

/** A REQ connected to `endpoint` gets an answer from a REP bound there. */
async function expectTraffic(rep: Reply, endpoint: string, ipv6 = false): Promise<void> {
  const req = closing(new Request({ ipv6, reconnectInterval: 1 }));
  req.connect(endpoint);
  await req.send('ping');
  expect(texts(await rep.receive())).toEqual(['ping']);
  await rep.send('pong');
  expect(texts(await req.receive())).toEqual(['pong']);
  req.close();
}

let abstractNames = 0;

function freshAbstract(): string {
  abstractNames += 1;
  return `ipc://@zscale-test-${process.pid}-${abstractNames}`;
}

const malformed = ['', 'tcp', 'tcp:', 'tcp:/x', '://x', 'tcp://', 'ipc://', 'nothing at all'];
const unknown = ['foo://x', 'TCP://127.0.0.1:5555', 'http://127.0.0.1:80', 'vmci://*:*'];

describe('every endpoint', () => {
  it.each(malformed)('without a transport or an address is EINVAL: %j', async (endpoint) => {
    const socket = closing(new Dealer());
    await expect(socket.bind(endpoint)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(() => socket.connect(endpoint)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it.each(unknown)('of a transport that is not there is EPROTONOSUPPORT: %s', async (endpoint) => {
    const socket = closing(new Dealer());
    await expect(socket.bind(endpoint)).rejects.toMatchObject({ code: 'EPROTONOSUPPORT' });
    expect(() => socket.connect(endpoint)).toThrow(
      expect.objectContaining({ code: 'EPROTONOSUPPORT' }),
    );
  });

  it('is named in the error text', async () => {
    const socket = closing(new Dealer());
    await expect(socket.bind('foo://x')).rejects.toThrow(/foo/);
  });

  it('cannot be used on a closed socket: EBADF', async () => {
    const socket = new Dealer();
    socket.close();
    await expect(socket.bind(TCP_WILDCARD)).rejects.toMatchObject({ code: 'EBADF' });
    expect(() => socket.connect('tcp://127.0.0.1:5555')).toThrow(
      expect.objectContaining({ code: 'EBADF' }),
    );
  });
});

describe('tcp bind', () => {
  it.each(['tcp://127.0.0.1:*', 'tcp://127.0.0.1:0'])(
    '%s takes a free port, which lastEndpoint tells',
    async (endpoint) => {
      const rep = closing(new Reply());
      const real = await boundTo(rep, endpoint);
      expect(real).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
      await expectTraffic(rep, real);
    },
  );

  it('tcp://*:* listens on every interface, which lastEndpoint calls 0.0.0.0', async () => {
    const rep = closing(new Reply());
    const real = await boundTo(rep, 'tcp://*:*');
    expect(real).toMatch(/^tcp:\/\/0\.0\.0\.0:[1-9]\d*$/);
    await expectTraffic(rep, real.replace('0.0.0.0', '127.0.0.1'));
  });

  it('takes the name of an interface', async () => {
    const rep = closing(new Reply());
    const real = await boundTo(rep, 'tcp://lo:*');
    expect(real).toMatch(/^tcp:\/\/127\.0\.0\.1:/);
    await expectTraffic(rep, real);
  });

  it('takes a host name of this machine', async () => {
    const rep = closing(new Reply());
    await expectTraffic(rep, await boundTo(rep, 'tcp://localhost:*'));
  });

  it('listens when it resolves, not some time later', async () => {
    const socket = closing(new Dealer());
    const peer = await RawPeer.connect(await boundTo(socket, TCP_WILDCARD));
    await peer.take(10);
  });

  it.each([
    ['no port', 'tcp://127.0.0.1'],
    ['an empty port', 'tcp://127.0.0.1:'],
    ['a port that is no number', 'tcp://127.0.0.1:abc'],
    ['a port with something behind it', 'tcp://127.0.0.1:12abc'],
    ['a port above 65535', 'tcp://127.0.0.1:65536'],
    ['a negative port', 'tcp://127.0.0.1:-1'],
    ['a blank behind the port', 'tcp://127.0.0.1:5555 '],
  ])('with %s is EINVAL', async (_, endpoint) => {
    await expect(closing(new Dealer()).bind(endpoint)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it.each([
    ['an interface that is not there', 'tcp://nosuchif:*'],
    ['numbers that are no address', 'tcp://256.1.1.1:*'],
    ['a blank behind the address', 'tcp://127.0.0.1 :*'],
    ['no interface', 'tcp://:5555'],
  ])('with %s is ENODEV', async (_, endpoint) => {
    await expect(closing(new Dealer()).bind(endpoint)).rejects.toMatchObject({ code: 'ENODEV' });
  });

  it('to an address of another machine is EADDRNOTAVAIL', async () => {
    await expect(closing(new Dealer()).bind('tcp://1.2.3.4:5555')).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });

  it('to an IPv6 address is ENODEV while ipv6 is off', async () => {
    await expect(closing(new Dealer()).bind('tcp://[::1]:*')).rejects.toMatchObject({
      code: 'ENODEV',
    });
  });

  it.skipIf(!hasIpv6)('with ipv6, takes an IPv6 address in brackets or without', async () => {
    const bracketed = closing(new Reply({ ipv6: true }));
    const real = await boundTo(bracketed, 'tcp://[::1]:*');
    expect(real).toMatch(/^tcp:\/\/\[::1\]:[1-9]\d*$/);
    await expectTraffic(bracketed, real, true);
    const bare = closing(new Reply({ ipv6: true }));
    expect(await boundTo(bare, 'tcp://::1:*')).toMatch(/^tcp:\/\/\[::1\]:/);
  });

  it.skipIf(!hasIpv6)('with ipv6, tcp://*:* takes peers of both families', async () => {
    const rep = closing(new Reply({ ipv6: true }));
    const real = await boundTo(rep, 'tcp://*:*');
    const port = real.slice(real.lastIndexOf(':') + 1);
    expect(real).toBe(`tcp://[::]:${port}`);
    await expectTraffic(rep, `tcp://127.0.0.1:${port}`);
    await expectTraffic(rep, `tcp://[::1]:${port}`, true);
  });
});

describe('tcp connect', () => {
  it.each([
    'tcp://*:5555',
    'tcp://127.0.0.1:*',
    'tcp://127.0.0.1:abc',
    'tcp://127.0.0.1:12abc',
    'tcp://127.0.0.1:65536',
    'tcp://127.0.0.1:-1',
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:1 ',
    'tcp://h:1/path',
    'tcp://user@h:1',
    'tcp://-host:1',
    'tcp://_host:1',
    'tcp://host name:1',
    'tcp://[::1:5555',
    'tcp://x',
  ])('%j is EINVAL, told without a look-up', (endpoint) => {
    expect(() => closing(new Dealer()).connect(endpoint)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });

  it('never fails for what the network says: an unknown host is tried for ever', async () => {
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect('tcp://no.such.host.invalid:1');
    await until(() => countOf(events, 'connect:retry') >= 2, 'two retries');
  });

  it('takes a host name', async () => {
    const rep = closing(new Reply());
    const real = await boundTo(rep, 'tcp://127.0.0.1:*');
    await expectTraffic(rep, real.replace('127.0.0.1', 'localhost'));
  });

  it('unbinds by a name that resolves to what was bound, as libzmq does', async () => {
    const rep = closing(new Reply());
    const real = await boundTo(rep, 'tcp://127.0.0.1:*');
    await rep.unbind(real.replace('127.0.0.1', 'localhost'));
    await expect(rep.unbind(real)).rejects.toMatchObject({ code: 'ENOENT' });
    await closing(new Reply()).bind(real);
  });

  it('lastEndpoint is the endpoint as it was given', () => {
    const socket = closing(new Dealer());
    expect(socket.lastEndpoint).toBeNull();
    socket.connect('tcp://localhost:5555');
    expect(socket.lastEndpoint).toBe('tcp://localhost:5555');
  });

  it.each(['tcp://127.0.0.1:0;', 'tcp://127.0.0.1:*;', 'tcp://lo:0;'])(
    'takes a source address in front: %s',
    async (source) => {
      const rep = closing(new Reply());
      const real = await boundTo(rep, 'tcp://127.0.0.1:*');
      await expectTraffic(rep, real.replace('tcp://', source));
    },
  );

  it('with a source that is neither an address nor an interface is EINVAL', () => {
    expect(() => closing(new Dealer()).connect('tcp://nosuchif:0;127.0.0.1:5555')).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });

  it('connects from the source port that was asked for', async () => {
    const listener = await RawListener.listen();
    const source = await freshTcp();
    const socket = closing(new Dealer());
    socket.connect(`${source};${listener.endpoint.replace('tcp://', '')}`);
    const peer = await listener.accept();
    expect(`tcp://127.0.0.1:${peer.remotePort}`).toBe(source);
  });
});

describe('ipc', () => {
  it('takes an absolute path, and makes a socket file there', async () => {
    const rep = closing(new Reply());
    const path = freshPath();
    expect(await boundTo(rep, `ipc://${path}`)).toBe(`ipc://${path}`);
    expect(statSync(path).isSocket()).toBe(true);
    await expectTraffic(rep, `ipc://${path}`);
  });

  it('takes a path relative to the current directory', async () => {
    const rep = closing(new Reply());
    const path = freshPath();
    const real = await boundTo(rep, `ipc://${relative(process.cwd(), path)}`);
    expect(statSync(path).isSocket()).toBe(true);
    await expectTraffic(rep, real);
  });

  it('ipc://* makes a file in a folder of its own, which lastEndpoint tells', async () => {
    const rep = closing(new Reply());
    const before = process.env.TMPDIR;
    process.env.TMPDIR = '/tmp';
    const real = await boundTo(rep, 'ipc://*').finally(() => {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    });
    const path = real.replace('ipc://', '');
    expect(path).toMatch(/^\/tmp\/tmp.{6}\/socket$/);
    expect(statSync(path.replace('/socket', '')).mode & 0o777).toBe(0o700);
    await expectTraffic(rep, real);
    rep.close();
    await until(() => !existsSync(path.replace('/socket', '')), 'file and folder to be removed');
  });

  it('takes a path of 107 bytes, and refuses one of 108 with ENAMETOOLONG', async () => {
    const start = `${freshPath('')}`.replace(/\.$/, '');
    const path = start.padEnd(107, 'x');
    const rep = closing(new Reply());
    await expectTraffic(rep, await boundTo(rep, `ipc://${path}`));
    await expect(closing(new Dealer()).bind(`ipc://${path}x`)).rejects.toMatchObject({
      code: 'ENAMETOOLONG',
    });
    expect(() => closing(new Dealer()).connect(`ipc://${path}x`)).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    );
  });

  it('in a folder that is not there: bind is ENOENT, connect goes on trying', async () => {
    const endpoint = `ipc://${freshPath('d')}/x.sock`;
    await expect(closing(new Dealer()).bind(endpoint)).rejects.toMatchObject({ code: 'ENOENT' });
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(endpoint);
    await until(() => countOf(events, 'connect:retry') >= 2, 'two retries');
  });

  it('takes over the file of a listener that is dead', async () => {
    const path = freshPath();
    // A second name of the file survives the server, as the file itself would survive kill -9.
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(path, resolve));
    linkSync(path, `${path}.kept`);
    await new Promise((resolve) => dead.close(resolve));
    renameSync(`${path}.kept`, path);
    expect(statSync(path).isSocket()).toBe(true);
    const rep = closing(new Reply());
    await expectTraffic(rep, await boundTo(rep, `ipc://${path}`));
  });

  it('never takes a file over that is no socket: EADDRINUSE, and the file stays', async () => {
    const path = freshPath();
    writeFileSync(path, 'precious');
    await expect(closing(new Dealer()).bind(`ipc://${path}`)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    expect(statSync(path).isFile()).toBe(true);
  });

  it('leaves no socket file behind when it is closed', async () => {
    const path = freshPath();
    const rep = new Reply();
    await rep.bind(`ipc://${path}`);
    rep.close();
    await until(() => !existsSync(path), 'the socket file to be removed');
  });

  it('with an abstract name and nothing behind the @ is EINVAL', async () => {
    await expect(closing(new Dealer()).bind('ipc://@')).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('with an abstract name either works or says that it does not, and never hangs', async () => {
    const rep = closing(new Reply());
    const endpoint = freshAbstract();
    const refusal = await rep.bind(endpoint).catch((error: unknown) => error);
    if (refusal === undefined) await expectTraffic(rep, endpoint);
    else expect(refusal).toMatchObject({ code: 'EPROTONOSUPPORT' });
  });
});

describe.skipIf(!abstractNamesWork())(
  `abstract ipc names${abstractNamesWork() ? '' : ' (this runtime fills them up with zeros)'}`,
  () => {
    it('are bound and reached, and leave no file', async () => {
      const rep = closing(new Reply());
      const endpoint = freshAbstract();
      expect(await boundTo(rep, endpoint)).toBe(endpoint);
      expect(existsSync(endpoint.replace('ipc://', ''))).toBe(false);
      await expectTraffic(rep, endpoint);
      const sync = closing(new Reply());
      const other = freshAbstract();
      sync.bindSync(other);
      await expectTraffic(sync, other);
    });

    it('in use are EADDRINUSE, until they are unbound', async () => {
      const first = closing(new Dealer());
      const endpoint = await boundTo(first, freshAbstract());
      const second = closing(new Dealer());
      await expect(second.bind(endpoint)).rejects.toMatchObject({ code: 'EADDRINUSE' });
      expect(() => second.bindSync(endpoint)).toThrow(
        expect.objectContaining({ code: 'EADDRINUSE' }),
      );
      await first.unbind(endpoint);
      await second.bind(endpoint);
    });

    it('are the names that libzmq has, both ways', async () => {
      const [mine, other] = [freshAbstract(), freshAbstract()];
      const rep = closing(new Reply());
      await rep.bind(mine);
      const theirReq = closing(new zeromq.Request({ linger: 0 }));
      theirReq.connect(mine);
      await theirReq.send('ping');
      expect(texts(await rep.receive())).toEqual(['ping']);
      const theirRep = closing(new zeromq.Reply({ linger: 0 }));
      await theirRep.bind(other);
      const req = closing(new Request());
      req.connect(other);
      await req.send('ping');
      expect(texts(await theirRep.receive())).toEqual(['ping']);
    });
  },
);

describe('bindSync', () => {
  const throws = (bind: () => void, code: string): void =>
    expect(bind).toThrow(expect.objectContaining({ code }));

  it.each(transports)('over $name, listens when it returns', async ({ anywhere }) => {
    const rep = closing(new Reply());
    const events = recordEvents(rep);
    rep.bindSync(anywhere());
    const endpoint = rep.lastEndpoint ?? '';
    expect(endpoint).not.toContain('*');
    const peer = await RawPeer.connect(endpoint);
    await peer.take(10);
    expect(events[0]).toMatchObject({ type: 'bind', address: endpoint });
    await expectTraffic(rep, endpoint);
  });

  it.each(transports)('over $name, throws EADDRINUSE for an address in use', async (transport) => {
    const first = closing(new Dealer());
    first.bindSync(transport.anywhere());
    const endpoint = first.lastEndpoint ?? '';
    const second = closing(new Dealer());
    const events = recordEvents(second);
    throws(() => second.bindSync(endpoint), 'EADDRINUSE');
    await expect(second.bind(endpoint)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await until(() => countOf(events, 'bind:error') === 2, 'bind:error');
    expect(events.map(({ type }) => type)).toEqual(['close', 'bind:error', 'close', 'bind:error']);
    first.unbindSync(endpoint);
    second.bindSync(endpoint); // At once.
    await RawPeer.greeted(endpoint, 'DEALER');
  });

  it('takes *, localhost and an interface', () => {
    const socket = closing(new Dealer());
    const bound = ['tcp://*:*', 'tcp://localhost:*', 'tcp://lo:*'].map((endpoint) => {
      socket.bindSync(endpoint);
      return socket.lastEndpoint;
    });
    expect(bound).toEqual([
      expect.stringMatching(/^tcp:\/\/0\.0\.0\.0:[1-9]/),
      expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:[1-9]/),
      expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:[1-9]/),
    ]);
  });

  it.each([
    ['tcp://127.0.0.1:65536', 'EINVAL'],
    ['tcp://nosuchif:*', 'ENODEV'],
    ['tcp://[::1]:*', 'ENODEV'],
    ['tcp://1.2.3.4:5555', 'EADDRNOTAVAIL'],
    ['ipc:///nonexistent/x.sock', 'ENOENT'],
    [`ipc:///tmp/${'x'.repeat(120)}`, 'ENAMETOOLONG'],
    ['foo://x', 'EPROTONOSUPPORT'],
    ['nothing', 'EINVAL'],
  ])('of %s throws %s', (endpoint, code) => {
    throws(() => closing(new Dealer()).bindSync(endpoint), code);
  });

  it('makes a folder for ipc://*, and removes it', async () => {
    const rep = closing(new Reply());
    rep.bindSync('ipc://*');
    const path = (rep.lastEndpoint ?? '').replace('ipc://', '');
    expect(statSync(path).isSocket()).toBe(true);
    rep.close();
    await until(() => !existsSync(dirname(path)), 'file and folder to be removed');
  });

  it('takes over the file of a listener that is dead, and of no other', async () => {
    const path = freshPath();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const alive = closing(new Dealer());
    throws(() => alive.bindSync(`ipc://${path}`), 'EADDRINUSE');
    throws(() => alive.bindSync(`ipc://${relative(process.cwd(), path)}`), 'EADDRINUSE');
    linkSync(path, `${path}.kept`); // As in the test of bind above.
    await new Promise((resolve) => server.close(resolve));
    renameSync(`${path}.kept`, path);
    const rep = closing(new Reply());
    rep.bindSync(`ipc://${path}`);
    await expectTraffic(rep, `ipc://${path}`);
  });

  it('never takes a file over that is no socket: EADDRINUSE, and the file stays', () => {
    const path = freshPath();
    writeFileSync(path, 'precious');
    throws(() => closing(new Dealer()).bindSync(`ipc://${path}`), 'EADDRINUSE');
    expect(statSync(path).isFile()).toBe(true);
  });
});

describe.each(transports)('bind and connect over $name', ({ name, anywhere, fresh }) => {
  it('an address in use is EADDRINUSE, until it is unbound', async () => {
    const first = closing(new Dealer());
    const endpoint = await boundTo(first, anywhere());
    const second = closing(new Dealer());
    await expect(second.bind(endpoint)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await first.unbind(endpoint);
    await second.bind(endpoint);
    await RawPeer.greeted(endpoint, 'DEALER');
  });

  it('an address is free again once its socket is closed', async () => {
    const first = new Dealer();
    const endpoint = await boundTo(first, anywhere());
    first.close();
    const second = closing(new Dealer());
    await until(async () => {
      await second.bind(endpoint);
      return true;
    }, 'the address to be free');
  });

  it('a failed bind is told by the monitor, and the socket stays usable', async () => {
    const first = closing(new Dealer());
    const endpoint = await boundTo(first, anywhere());
    const second = closing(new Reply());
    const events = recordEvents(second);
    await expect(second.bind(endpoint)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await until(() => countOf(events, 'bind:error') === 1, 'bind:error');
    await expectTraffic(second, await boundTo(second, anywhere()));
  });

  it('one socket may bind and connect to any number of endpoints', async () => {
    const rep = closing(new Reply());
    const one = await boundTo(rep, TCP_WILDCARD);
    const two = await boundTo(rep, freshIpc());
    const three = await fresh();
    rep.connect(three);
    await expectTraffic(rep, one);
    await expectTraffic(rep, two);
    const req = closing(new Request());
    await req.bind(three);
    await req.send('ping');
    expect(texts(await rep.receive())).toEqual(['ping']);
  });

  it('connect may come before bind', async () => {
    const endpoint = await fresh();
    const req = closing(new Request({ reconnectInterval: 1 }));
    req.connect(endpoint);
    await req.send('early');
    const rep = closing(new Reply());
    await rep.bind(endpoint);
    expect(texts(await rep.receive())).toEqual(['early']);
  });

  it('a second connect to the same endpoint is a second connection for ROUTER and REP', async () => {
    const listener = await RawListener.listen(await fresh());
    for (const socket of [closing(new Router()), closing(new Reply())]) {
      socket.connect(listener.endpoint);
      socket.connect(listener.endpoint);
    }
    await until(() => listener.accepted.length === 4, 'four connections');
  });

  it('unbind closes the connections that were accepted there, and no others', async () => {
    const socket = closing(new Dealer());
    const one = await boundTo(socket, anywhere());
    const two = await boundTo(socket, anywhere());
    const first = await RawPeer.greeted(one, 'DEALER');
    const second = await RawPeer.greeted(two, 'DEALER');
    await socket.unbind(one);
    await first.expectClosed();
    second.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['a']);
    expect(second.closed).toBe(false);
  });

  it('unbind leaves messages readable that were received already', async () => {
    const socket = closing(new Dealer());
    const endpoint = await boundTo(socket, anywhere());
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    peer.write('0001 61', '04 07 04 50494e47 0000');
    await peer.expectBytes('04 05 04 504f4e47'); // The message has been read.
    await socket.unbind(endpoint);
    expect(texts(await socket.receive())).toEqual(['a']);
  });

  it('unbind of what is not bound is ENOENT, also the second time', async () => {
    const socket = closing(new Dealer());
    const endpoint = await boundTo(socket, anywhere());
    await expect(socket.unbind(await fresh())).rejects.toMatchObject({ code: 'ENOENT' });
    await socket.unbind(endpoint);
    await expect(socket.unbind(endpoint)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('unbind of what is no endpoint is EINVAL or EPROTONOSUPPORT', async () => {
    const socket = closing(new Dealer());
    await expect(socket.unbind('tcp')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(socket.unbind('foo://x')).rejects.toMatchObject({ code: 'EPROTONOSUPPORT' });
  });

  it('disconnect ends the connection', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('DEALER');
    socket.disconnect(listener.endpoint);
    await peer.expectClosed();
  });

  it('disconnect sends what is queued first, within linger', async () => {
    const endpoint = await fresh();
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    socket.connect(endpoint);
    await socket.send('late');
    socket.disconnect(endpoint);
    const peer = await (await RawListener.listen(endpoint)).greeted('DEALER');
    await peer.expectBytes('0004 6c617465');
    await peer.expectClosed();
  });

  it('disconnect drops messages of that peer that nobody has received', async () => {
    const [left, kept] = [
      await RawListener.listen(await fresh()),
      await RawListener.listen(await fresh()),
    ];
    const socket = closing(new Dealer());
    socket.connect(left.endpoint);
    const peer = await left.greeted('DEALER');
    peer.write('0001 61', '04 07 04 50494e47 0000');
    await peer.expectBytes('04 05 04 504f4e47'); // The message has been read.
    socket.disconnect(left.endpoint);
    socket.connect(kept.endpoint);
    (await kept.greeted('DEALER')).write('0001 62');
    expect(texts(await socket.receive())).toEqual(['b']);
  });

  it('disconnect from what was never connected is ENOENT, also the second time', async () => {
    const socket = closing(new Dealer());
    const endpoint = await fresh();
    expect(() => socket.disconnect(endpoint)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    socket.connect(endpoint);
    socket.disconnect(endpoint);
    expect(() => socket.disconnect(endpoint)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('the monitor tells: bind, accept, handshake, disconnect, close, end', async () => {
    const socket = closing(new Dealer());
    const events = recordEvents(socket);
    const endpoint = await boundTo(socket, anywhere());
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    peer.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    socket.close();
    await until(() => countOf(events, 'end') === 1, 'end');
    expect(events.map(({ type }) => type)).toEqual([
      'bind',
      'accept',
      'handshake',
      'disconnect',
      'close',
      'end',
    ]);
    expect(new Set(events.slice(0, -1).map(({ address }) => address))).toEqual(new Set([endpoint]));
  });

  it('the monitor tells of connects: of a delay over tcp only, as in libzmq', async () => {
    const delay = name === 'tcp' ? ['connect:delay'] : [];
    const endpoint = await fresh();
    const socket = closing(new Dealer({ reconnectInterval: 50 }));
    const events = recordEvents(socket);
    socket.connect(endpoint);
    await until(() => countOf(events, 'connect:retry') === 1, 'connect:retry');
    const peer = await (await RawListener.listen(endpoint)).greeted('DEALER');
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    const told = events.map(({ type }) => type).join(' ');
    const refused = [...delay, 'close', 'connect:retry'].join(' ');
    const success = [...delay, 'connect', 'handshake'].join(' ');
    expect(told.startsWith(refused)).toBe(true);
    expect(told.endsWith(success)).toBe(true);
    peer.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
  });
});
