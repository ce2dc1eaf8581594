/*
 * The options of the tcp transport (zmq_setsockopt(3)): ZMQ_TCP_KEEPALIVE, ZMQ_TCP_ACCEPT_FILTER,
 * ZMQ_BINDTODEVICE, ZMQ_TCP_MAXRT, ZMQ_CONNECT_TIMEOUT, ZMQ_BACKLOG, ZMQ_IPV6.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Dealer, Reply, Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { freshIpc, netAddress, TCP_WILDCARD } from '../support/endpoints.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { until } from '../support/until.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);
const hasTcpTable = existsSync('/proc/net/tcp');
const hasSs = spawnSync('ss', ['-V']).status === 0;

/** An interface with a link-local IPv6 address, its zone by name and by number. */
const linkLocal = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
  (addresses ?? []).flatMap((each) =>
    each.family === 'IPv6' && each.address.startsWith('fe80:')
      ? [{ name, address: each.address, number: each.scopeid }]
      : [],
  ),
)[0];

/** An interface other than loopback with an IPv4 address. */
const outside = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
  (addresses ?? []).flatMap((each) =>
    each.family === 'IPv4' && !each.internal ? [{ name, address: each.address }] : [],
  ),
)[0];

const portOf = (endpoint: string): number => Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));

/** A REQ connected to `endpoint` gets an answer from a REP bound there. */
async function expectTraffic(rep: Reply, req: Request, endpoint: string): Promise<void> {
  req.connect(endpoint);
  await req.send('ping');
  expect(texts(await rep.receive())).toEqual(['ping']);
  await rep.send('pong');
  expect(texts(await req.receive())).toEqual(['pong']);
}

/** The keep-alive timer of the connection from a local port, in seconds; undefined when none runs (proc_net_tcp(5)). */
function keepAliveTimer(localPort: number): number | undefined {
  const port = localPort.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, local, , state, , timer = ''] = line.trim().split(/\s+/);
    if (local?.endsWith(`:${port}`) !== true || state !== '01') continue;
    const [kind, when = ''] = timer.split(':');
    return kind === '02' ? Number.parseInt(when, 16) / 100 : undefined;
  }
  throw new Error(`no connection from port ${localPort}`);
}

describe.skipIf(!hasTcpTable)(`tcpKeepalive${hasTcpTable ? '' : ' (needs /proc/net/tcp)'}`, () => {
  it('is off as the system has it, on with 1, and probes after tcpKeepaliveIdle seconds', async () => {
    const listener = await RawListener.listen();
    const timers: Array<number | undefined> = [];
    for (const options of [
      {},
      { tcpKeepalive: 0 },
      { tcpKeepalive: 1 },
      { tcpKeepalive: 1, tcpKeepaliveIdle: 60 },
    ]) {
      closing(new Dealer(options)).connect(listener.endpoint);
      const peer = await listener.greeted('DEALER');
      const port = peer.remotePort ?? 0;
      // The timer of bytes that wait for their acknowledgement hides that of keep-alive.
      const isOn = options.tcpKeepalive === 1;
      await until(() => (keepAliveTimer(port) !== undefined) === isOn, `${isOn} for ${port}`);
      timers.push(keepAliveTimer(port));
    }
    const [byDefault, off, on = 0, soon = 0] = timers;
    expect([byDefault, off]).toEqual([undefined, undefined]);
    expect(on).toBeGreaterThan(60); // the system's own, which is two hours
    expect(soon).toBeGreaterThan(0);
    expect(soon).toBeLessThanOrEqual(60);
  });

  it('holds for connections that were accepted, too', async () => {
    const socket = closing(new Dealer({ tcpKeepalive: 1, tcpKeepaliveIdle: 60 }));
    const endpoint = await boundTo(socket, TCP_WILDCARD);
    await RawPeer.greeted(endpoint, 'DEALER');
    await until(() => (keepAliveTimer(portOf(endpoint)) ?? 0) > 0, 'a keep-alive timer');
  });
});

describe('tcpAcceptFilter', () => {
  it('closes peers that match no filter at once, and tells of them', async () => {
    const socket = closing(new Dealer({ tcpAcceptFilter: '10.1.0.0/16' }));
    const events = recordEvents(socket);
    const endpoint = await boundTo(socket, TCP_WILDCARD);
    const peer = await RawPeer.connect(endpoint);
    await peer.expectClosed();
    expect(peer.pending.length).toBe(0);
    await until(() => countOf(events, 'accept:error') === 1, 'accept:error');
    expect(countOf(events, 'accept')).toBe(0);
    expect(events.find(({ type }) => type === 'accept:error')).toMatchObject({
      address: endpoint,
      remoteAddress: expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:\d+$/),
      error: { code: 'EACCES' },
    });
  });

  it.each(['127.0.0.1', '127.0.0.0/8', '0.0.0.0/0'])(
    'lets peers in that match %s',
    async (filter) => {
      const rep = closing(new Reply({ tcpAcceptFilter: filter }));
      await expectTraffic(rep, closing(new Request()), await boundTo(rep, TCP_WILDCARD));
    },
  );

  it('is one of many: each setting adds one, and null removes all', async () => {
    const rep = closing(new Reply({ tcpAcceptFilter: '10.1.0.0/16' }));
    rep.tcpAcceptFilter = '127.0.0.1';
    await expectTraffic(rep, closing(new Request()), await boundTo(rep, TCP_WILDCARD));
    rep.tcpAcceptFilter = null;
    rep.tcpAcceptFilter = '10.1.0.0/16';
    const peer = await RawPeer.connect(await boundTo(rep, TCP_WILDCARD));
    await peer.expectClosed();
    rep.tcpAcceptFilter = null;
    await expectTraffic(rep, closing(new Request()), await boundTo(rep, TCP_WILDCARD));
  });

  it.skipIf(!hasIpv6)('knows IPv6 peers, and IPv4 peers of a dual-stack listener', async () => {
    const rep = closing(new Reply({ ipv6: true, tcpAcceptFilter: '127.0.0.0/8' }));
    const port = portOf(await boundTo(rep, 'tcp://*:*'));
    await expectTraffic(rep, closing(new Request()), `tcp://127.0.0.1:${port}`);
    const refused = connect({ host: '::1', port });
    await new Promise((resolve) =>
      refused
        .on('close', resolve)
        .on('error', () => {})
        .resume(),
    );
    rep.tcpAcceptFilter = null;
    rep.tcpAcceptFilter = '::1/128';
    const second = portOf(await boundTo(rep, 'tcp://*:*'));
    await expectTraffic(rep, closing(new Request({ ipv6: true })), `tcp://[::1]:${second}`);
    await (await RawPeer.connect(`tcp://127.0.0.1:${second}`)).expectClosed();
  });

  it('does not hold for ipc', async () => {
    const rep = closing(new Reply({ tcpAcceptFilter: '10.1.0.0/16' }));
    await expectTraffic(rep, closing(new Request()), await boundTo(rep, freshIpc()));
  });
});

describe('interface', () => {
  it('is whose address tcp://* means', async () => {
    const rep = closing(new Reply({ interface: 'lo' }));
    const real = await boundTo(rep, 'tcp://*:*');
    expect(real).toMatch(/^tcp:\/\/127\.0\.0\.1:/);
    await expectTraffic(rep, closing(new Request()), real);
  });

  it('that is not there is ENODEV, at bind and at connect', async () => {
    const socket = closing(new Dealer({ interface: 'nosuchif' }));
    await expect(socket.bind('tcp://*:*')).rejects.toMatchObject({ code: 'ENODEV' });
    expect(() => socket.connect('tcp://127.0.0.1:5555')).toThrow(
      expect.objectContaining({ code: 'ENODEV' }),
    );
  });

  it.skipIf(outside === undefined)(
    `is where connections come from (on an interface beside lo: ${outside?.name ?? 'none'})`,
    async () => {
      const rep = closing(new Reply());
      const from: unknown[] = [];
      rep.events.on('accept', ({ remoteAddress }) => from.push(remoteAddress));
      const port = portOf(await boundTo(rep, 'tcp://*:*'));
      const endpoint = `tcp://${outside?.address}:${port}`;
      await expectTraffic(rep, closing(new Request()), endpoint);
      await expectTraffic(rep, closing(new Request({ interface: 'lo' })), endpoint);
      expect(from).toEqual([
        expect.stringContaining(`tcp://${outside?.address}:`), // As the system would have it,
        expect.stringContaining('tcp://127.0.0.1:'), // and as it was told.
      ]);
    },
  );
});

describe('connectTimeout', () => {
  it('gives up a try that takes longer, and tries again', async () => {
    // A documentation address (RFC 5737): nobody answers, or the network says so sooner.
    const socket = closing(new Dealer({ connectTimeout: 20, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect('tcp://192.0.2.1:5555');
    await until(() => countOf(events, 'connect:retry') >= 3, 'three retries');
    expect(countOf(events, 'connect')).toBe(0);
    expect(countOf(events, 'close')).toBeGreaterThanOrEqual(3);
  });
});

describe('tcpMaxRetransmitTimeout', () => {
  const chunk = Buffer.alloc(1024 * 1024);

  it('gives up a connection whose bytes nobody takes, and connects again', async () => {
    const listener = await RawListener.listen();
    const socket = closing(
      new Dealer({ tcpMaxRetransmitTimeout: 100, reconnectInterval: 1, sendHighWaterMark: 0 }),
    );
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('DEALER');
    peer.pause();
    for (let i = 0; i < 64; i++) await socket.send(chunk);
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    expect(events.find(({ type }) => type === 'disconnect')).toMatchObject({
      error: { code: 'ETIMEDOUT' },
    });
    await listener.accept();
  });

  it('leaves a connection alone that moves on, however slowly, and one with nothing to send', async () => {
    const socket = closing(new Dealer({ tcpMaxRetransmitTimeout: 100, sendHighWaterMark: 0 }));
    const events = recordEvents(socket);
    const slow = await RawPeer.greeted(await boundTo(socket, TCP_WILDCARD), 'DEALER');
    slow.pause();
    const messages = 40;
    for (let i = 0; i < messages; i++) await socket.send(chunk);
    const start = performance.now();
    // One message in 10 ms: four times the limit for all of them, and something always waits.
    for (let i = 0; i < messages; i++) {
      slow.resume();
      await slow.take(9 + chunk.length);
      slow.pause();
      await until(() => performance.now() > start + 10 * (i + 1), 'the next round');
    }
    // The same again with nothing to send.
    const end = performance.now();
    await until(() => performance.now() > end + 300, 'three times the limit');
    expect(countOf(events, 'disconnect')).toBe(0);
  });
});

describe.skipIf(!hasSs)(`backlog${hasSs ? '' : ' (needs ss of iproute2)'}`, () => {
  it.each([
    [undefined, '100'],
    [7, '7'],
  ])('of %j is what the system is asked for', async (backlog, expected) => {
    for (const how of ['bind', 'bindSync'] as const) {
      const socket = closing(new Dealer(backlog === undefined ? {} : { backlog }));
      await socket[how](TCP_WILDCARD);
      const port = portOf(socket.lastEndpoint ?? '');
      const { stdout } = spawnSync('ss', ['-ltnH', 'sport', '=', `:${port}`], { encoding: 'utf8' });
      expect(stdout.trim().split(/\s+/)[2]).toBe(expected);
    }
  });
});

describe('ipv6 off', () => {
  it.skipIf(!hasIpv6)(
    'never connects to an IPv6 address: it is tried again and again',
    async () => {
      const rep = closing(new Reply({ ipv6: true }));
      const real = await boundTo(rep, 'tcp://[::1]:*');
      const socket = closing(new Dealer({ reconnectInterval: 1 }));
      const events = recordEvents(socket);
      socket.connect(real);
      await until(() => countOf(events, 'connect:retry') >= 2, 'two retries');
      expect(countOf(events, 'connect')).toBe(0);
    },
  );
});

describe.skipIf(!hasIpv6)(`ipv6 on${hasIpv6 ? '' : ' (this machine has no ::1)'}`, () => {
  it.each([
    ['tcp://127.0.0.1:*', /^tcp:\/\/\[::ffff:127\.0\.0\.1\]:\d+$/],
    ['tcp://lo:*', /^tcp:\/\/\[::1\]:\d+$/],
    ['tcp://[::1]:*', /^tcp:\/\/\[::1\]:\d+$/],
    ['tcp://*:*', /^tcp:\/\/\[::\]:\d+$/],
  ])('%s is bound as libzmq binds it', async (endpoint, expected) => {
    for (const how of ['bind', 'bindSync'] as const) {
      const rep = closing(new Reply({ ipv6: true }));
      await rep[how](endpoint);
      const real = rep.lastEndpoint ?? '';
      expect(real).toMatch(expected);
      await expectTraffic(rep, closing(new Request({ ipv6: true })), real.replace('[::]', '[::1]'));
    }
  });

  it('IPv4 peers reach an IPv4 address that was bound with it', async () => {
    const rep = closing(new Reply({ ipv6: true }));
    const port = portOf(await boundTo(rep, 'tcp://127.0.0.1:*'));
    await expectTraffic(rep, closing(new Request()), `tcp://127.0.0.1:${port}`);
  });

  it('takes a source of the same family', async () => {
    const rep = closing(new Reply({ ipv6: true }));
    const port = portOf(await boundTo(rep, 'tcp://*:*'));
    const from: unknown[] = [];
    rep.events.on('accept', ({ remoteAddress }) => from.push(remoteAddress));
    const req = (): Request => closing(new Request({ ipv6: true }));
    await expectTraffic(rep, req(), `tcp://[::1]:0;[::1]:${port}`);
    await expectTraffic(rep, req(), `tcp://lo:0;127.0.0.1:${port}`);
    await expectTraffic(rep, req(), `tcp://lo:*;[::1]:${port}`);
    expect(from).toEqual([
      expect.stringMatching(/^tcp:\/\/\[::1\]/),
      expect.stringMatching(/^tcp:\/\/\[::ffff:127\.0\.0\.1\]/),
      expect.stringMatching(/^tcp:\/\/\[::1\]/),
    ]);
  });

  it('with a zone that names no interface is EINVAL', async () => {
    const socket = closing(new Dealer({ ipv6: true }));
    for (const endpoint of ['tcp://[fe80::1%nosuch]:5555', 'tcp://[fe80::1%99999]:5555']) {
      await expect(socket.bind(endpoint)).rejects.toMatchObject({ code: 'EINVAL' });
      expect(() => socket.connect(endpoint)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    }
  });

  it.skipIf(linkLocal === undefined)(
    `takes a zone by name and by number (on an interface with a link-local address: ${linkLocal?.name ?? 'none'})`,
    async () => {
      for (const zone of [linkLocal?.name, linkLocal?.number]) {
        const rep = closing(new Reply({ ipv6: true }));
        const real = await boundTo(rep, `tcp://[${linkLocal?.address}%${zone}]:*`);
        expect(real).toContain(`[${linkLocal?.address}%${linkLocal?.name}]`);
        const host = `[${linkLocal?.address}%${zone}]`;
        await expectTraffic(
          rep,
          closing(new Request({ ipv6: true })),
          `tcp://${host}:${portOf(real)}`,
        );
      }
    },
  );
});

it('a listener that bindSync made is a listener like any other', async () => {
  const rep = closing(new Reply());
  rep.bindSync(TCP_WILDCARD);
  const endpoint = rep.lastEndpoint ?? '';
  expect(netAddress(endpoint)).toMatchObject({ host: '127.0.0.1' });
  await expectTraffic(rep, closing(new Request()), endpoint);
});
