/*
 * tcp by way of a SOCKS5 proxy (RFC 1928), which is a small server here: it keeps what it was asked
 * and really connects.
 */
import { connect, createServer, type Socket } from 'node:net';
import { Dealer, Reply, Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import {
  encodeConnectRequest,
  parseProxy,
} from '../../../packages/transport/src/transports/socks.ts';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { freshIpc, TCP_WILDCARD } from '../../support/endpoints.ts';
import { hex, texts } from '../../support/hex.ts';
import { RawListener } from '../../support/raw-peer.ts';
import { countOf, recordEvents } from '../../support/recorded-events.ts';
import { until } from '../../support/until.ts';

interface ProxyOptions {
  /** The second byte of its reply to CONNECT. */
  readonly status?: number;
  /** The method it chooses. */
  readonly method?: number;
  /** Gives one byte at a time, and the reply together with what the peer sends. */
  readonly cut?: boolean;
  /** The address in its reply: type and address, in hex. */
  readonly from?: string;
}

/** A proxy that leads everybody to one port of loopback, whatever they ask for. */
class SocksServer {
  readonly address: string;
  /** What clients sent before they were connected, in hex, oldest first. */
  readonly asked: string[];

  private constructor(address: string, asked: string[]) {
    this.address = address;
    this.asked = asked;
  }

  static async to(port: number, options: ProxyOptions = {}): Promise<SocksServer> {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      sockets.add(client.on('error', () => {}));
      void serveClient(client, port, options, asked, sockets);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the proxy has no port');
    closing({
      close: () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    });
    return new SocksServer(`127.0.0.1:${bound.port}`, asked);
  }
}

async function serveClient(
  client: Socket,
  port: number,
  { status = 0, method = 0, cut = false, from = '01 00000000' }: ProxyOptions,
  asked: string[],
  sockets: Set<Socket>,
): Promise<void> {
  const give = (bytes: Buffer): void => {
    client.setNoDelay(true);
    for (let i = 0; i < bytes.length; i++) client.write(bytes.subarray(i, i + 1));
  };
  const write = (bytes: Buffer): void => void (cut ? give(bytes) : client.write(bytes));
  const greeting: Buffer = await new Promise((resolve) => client.once('data', resolve));
  const request = new Promise<Buffer>((resolve) => client.once('data', resolve));
  write(Buffer.from([5, method]));
  asked.push(greeting.toString('hex'), (await request).toString('hex'));
  const reply = Buffer.concat([Buffer.from([5, status, 0]), hex(from), Buffer.from([0, 0])]);
  if (status !== 0) {
    write(reply);
    return;
  }
  const server = connect({ host: '127.0.0.1', port });
  sockets.add(server.on('error', () => {}));
  if (cut) {
    // What the server says first comes with the reply.
    const first: Buffer = await new Promise((resolve) => server.once('data', resolve));
    client.write(Buffer.concat([reply, first]));
  } else {
    client.write(reply);
  }
  client.pipe(server).pipe(client);
}

const portOf = (endpoint: string): number => Number(endpoint.split(':').at(-1));

async function expectTraffic(rep: Reply, req: Request): Promise<void> {
  await req.send('ping');
  expect(texts(await rep.receive())).toEqual(['ping']);
  await rep.send('pong');
  expect(texts(await req.receive())).toEqual(['pong']);
}

describe('socksProxy', () => {
  it.each([
    ['whole', {}],
    ['in single bytes, with the first bytes of the peer behind', { cut: true }],
    ['with a name in the reply', { from: '03 04 686f7374' }],
    ['with an IPv6 address in the reply', { from: '04 00000000000000000000000000000001' }],
  ])('connects through the proxy, when it answers %s', async (_, options) => {
    const rep = closing(new Reply());
    const proxy = await SocksServer.to(portOf(await boundTo(rep, TCP_WILDCARD)), options);
    const req = closing(new Request({ socksProxy: proxy.address }));
    req.connect('tcp://far.example:5555');
    await expectTraffic(rep, req);
  });

  it.each([
    ['tcp://far.example:5555', '05010003 0b 6661722e6578616d706c65 15b3'],
    ['tcp://10.1.2.3:80', '05010001 0a010203 0050'],
    ['tcp://[2001:db8::7]:443', '05010004 20010db8000000000000000000000007 01bb'],
    ['tcp://[::ffff:10.1.2.3]:443', '05010004 00000000000000000000ffff0a010203 01bb'],
  ])('asks for %s as it is, and looks no name up', async (endpoint, expected) => {
    const rep = closing(new Reply());
    const proxy = await SocksServer.to(portOf(await boundTo(rep, TCP_WILDCARD)));
    const req = closing(new Request({ socksProxy: proxy.address }));
    req.connect(endpoint);
    await expectTraffic(rep, req);
    expect(proxy.asked).toEqual(['050100', hex(expected).toString('hex')]);
  });

  it.each([
    ['refuses the connection', { status: 5 }],
    ['fails in a way that has no name', { status: 0x77 }],
    ['wants authentication', { method: 0xff }],
    ['answers with an address of no known type', { from: '09 00' }],
  ])('a proxy that %s is an ordinary failure: it is tried again', async (_, options) => {
    const rep = closing(new Reply());
    const proxy = await SocksServer.to(portOf(await boundTo(rep, TCP_WILDCARD)), options);
    const socket = closing(new Dealer({ socksProxy: proxy.address, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect('tcp://far.example:5555');
    await until(() => countOf(events, 'connect:retry') >= 2, 'two retries');
    expect(countOf(events, 'connect')).toBe(0);
    expect(countOf(events, 'close')).toBeGreaterThanOrEqual(2);
  });

  it('that is no proxy, or closes at once, or is not there, is tried again', async () => {
    const http = createServer((client) => {
      client.on('error', () => {});
      client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    const closer = createServer((client) => client.on('error', () => {}).end());
    for (const server of [http, closer, undefined]) {
      let port = 1;
      if (server !== undefined) {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        closing({ close: () => server.close() });
        const bound = server.address();
        if (bound === null || typeof bound === 'string') throw new Error('no port');
        port = bound.port;
      }
      const socket = closing(new Dealer({ socksProxy: `127.0.0.1:${port}`, reconnectInterval: 1 }));
      const events = recordEvents(socket);
      socket.connect('tcp://far.example:5555');
      await until(() => countOf(events, 'connect:retry') >= 2, 'two retries');
      expect(countOf(events, 'connect')).toBe(0);
    }
  });

  it('that says nothing has connectTimeout to say it', async () => {
    const silent = await RawListener.listen();
    const socket = closing(
      new Dealer({
        socksProxy: silent.endpoint.replace('tcp://', ''),
        connectTimeout: 20,
        reconnectInterval: 1,
      }),
    );
    const events = recordEvents(socket);
    socket.connect('tcp://far.example:5555');
    await until(() => countOf(events, 'connect:retry') >= 2, 'two retries');
    const first = await silent.accept();
    expect((await first.take(3)).toString('hex')).toBe('050100');
    await first.expectClosed();
  });

  it('leaves no connection behind when the socket is closed in the middle', async () => {
    const silent = await RawListener.listen();
    const socket = closing(new Dealer({ socksProxy: silent.endpoint.replace('tcp://', '') }));
    socket.connect('tcp://far.example:5555');
    const peer = await silent.accept();
    await peer.take(3);
    socket.close();
    await peer.expectClosed();
    await socket.ended;
  });

  it('does not hold for ipc', async () => {
    const rep = closing(new Reply());
    const req = closing(new Request({ socksProxy: '127.0.0.1:1' }));
    req.connect(await boundTo(rep, freshIpc()));
    await expectTraffic(rep, req);
  });

  it.each(['x', 'host:', ':1080', 'host:0', 'host:99999', 'a:1;b:2', 'host name:1'])(
    'of %j is EINVAL at connect',
    (socksProxy) => {
      expect(() => closing(new Dealer({ socksProxy })).connect('tcp://h:1')).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
    },
  );
});

describe('encodeConnectRequest', () => {
  it.each([
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['::1.2.3.4', '00000000000000000000000001020304'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ])('writes %s in 16 bytes', (host, expected) => {
    const bytes = encodeConnectRequest({ host, port: 1 }, 'tcp://x');
    expect(bytes.toString('hex')).toBe(`05010004${expected}0001`);
  });

  it('takes names of up to 255 bytes', () => {
    expect(encodeConnectRequest({ host: 'x'.repeat(255), port: 1 }, 'tcp://x').length).toBe(262);
    expect(() => encodeConnectRequest({ host: 'x'.repeat(256), port: 1 }, 'tcp://x')).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});

describe('parseProxy', () => {
  it('takes names and addresses of both families', () => {
    expect(parseProxy('proxy:1080', 'tcp://x')).toEqual({ host: 'proxy', port: 1080 });
    expect(parseProxy('[::1]:1080', 'tcp://x')).toEqual({ host: '::1', port: 1080 });
  });
});
