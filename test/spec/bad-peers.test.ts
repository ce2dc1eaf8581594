/*
 * Peers that break the protocol, by mistake or on purpose: each loses its own connection, the
 * monitor tells, and everybody else is served as before.
 */
import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, READY } from '../support/vectors.ts';

type ReplyOptions = ConstructorParameters<typeof Reply>[0];

/** A server that answers, a client that is served, and what the monitor told. */
interface Service {
  readonly endpoint: string;
  readonly events: RecordedEvent[];
  /** One question and its answer, by the client that was there first. */
  roundTrip(): Promise<void>;
}

describe.each(transports)('over $name', ({ anywhere, fresh }) => {
  async function serving(options?: ReplyOptions): Promise<Service> {
    const rep = closing(new Reply(options));
    const events = recordEvents(rep);
    const endpoint = await boundTo(rep, anywhere());
    const client = closing(new Request());
    client.connect(endpoint);
    const roundTrip = async (): Promise<void> => {
      await client.send('ping');
      expect(texts(await rep.receive())).toEqual(['ping']);
      await rep.send('pong');
      expect(texts(await client.receive())).toEqual(['pong']);
    };
    await roundTrip();
    return { endpoint, events, roundTrip };
  }

  /** Waits for an event and gives its error's code. */
  async function codeOf(events: RecordedEvent[], type: string): Promise<string | undefined> {
    const told = await until(() => events.find((event) => event.type === type), type);
    return told.error?.code;
  }

  it('an HTTP request is refused at its first byte, and told', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.write(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    await peer.expectClosed();
    await codeOf(events, 'handshake:error:protocol');
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await roundTrip();
  });

  it('a TLS hello is refused', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.write('16 03 01 00 f8 01 00 00 f4 03 03');
    await peer.expectClosed();
    await codeOf(events, 'handshake:error:protocol');
    await roundTrip();
  });

  it('half a greeting and then the end is told, and nothing else', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING.slice(0, 60));
    await peer.flushed();
    peer.end();
    await codeOf(events, 'handshake:error:other');
    await roundTrip();
  });

  it('a connection that ends before its first byte is no error for anybody', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await roundTrip();
  });

  it('a peer that resets the connection in its greeting is no error for anybody', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING.slice(0, 60));
    await peer.take(10);
    peer.reset();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await roundTrip();
  });

  it.each([
    ['2^63', '02 8000000000000000'],
    ['2^64 - 1', '02 ffffffffffffffff'],
    ['2^40', '02 0000010000000000'],
  ])('a frame that claims %s bytes ends the connection at its size field', async (_, frame) => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write(frame, '61');
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await roundTrip();
  });

  it('a frame that claims 2^40 bytes ends the connection with maxMessageSize, too', async () => {
    const { endpoint, roundTrip } = await serving({ maxMessageSize: 1024 });
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('02 0000010000000000 61');
    await peer.expectClosed();
    await roundTrip();
  });

  it('a READY that claims 2^40 bytes ends the connection', async () => {
    const { endpoint, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, '06 0000010000000000 05 5245414459');
    await peer.expectClosed();
    await roundTrip();
  });

  it('a handshake frame of more than 64 KiB ends the connection at its size field', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, '06 0000000000010001 05 5245414459');
    await peer.expectClosed();
    expect(await codeOf(events, 'handshake:error:protocol')).toBe('EMSGSIZE');
    await roundTrip();
  });

  it('a gigabyte that is announced and never sent costs no memory', async () => {
    const { endpoint, roundTrip } = await serving();
    const before = process.memoryUsage();
    for (let i = 0; i < 8; i++) {
      const peer = await RawPeer.greeted(endpoint, 'REQ');
      peer.write('02 0000000040000000 61');
    }
    await roundTrip();
    const { arrayBuffers, rss } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024);
    expect(rss - before.rss).toBeLessThan(512 * 1024 * 1024);
  });

  it('a peer of the wrong type loses its connection, and no other', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, READY.PUB);
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await roundTrip();
  });

  it('a silent peer is closed after handshakeInterval', async () => {
    const { endpoint, events, roundTrip } = await serving({ handshakeInterval: 100 });
    const start = performance.now();
    const peer = await RawPeer.connect(endpoint);
    await peer.expectClosed();
    expect(performance.now() - start).toBeGreaterThan(95);
    await codeOf(events, 'handshake:error:other');
    await roundTrip();
  });

  it('a peer that drips an endless READY byte by byte has no longer than the others', async () => {
    const { endpoint, events, roundTrip } = await serving({ handshakeInterval: 200 });
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, '06 000000000000f000 05 5245414459');
    while (!peer.closed) {
      peer.write('61');
      await peer.flushed();
    }
    await codeOf(events, 'handshake:error:other');
    await roundTrip();
  });

  it('handshakeInterval is over with the handshake: a silent peer may stay', async () => {
    const { endpoint, roundTrip } = await serving({ handshakeInterval: 100 });
    const quiet = await RawPeer.greeted(endpoint, 'REQ');
    const silent = await RawPeer.connect(endpoint);
    await silent.expectClosed();
    expect(quiet.closed).toBe(false);
    await roundTrip();
  });

  it('many silent peers do not keep others out', async () => {
    const { endpoint, roundTrip } = await serving();
    const silent: RawPeer[] = [];
    for (let i = 0; i < 50; i++) silent.push(await RawPeer.connect(endpoint));
    await roundTrip();
    const late = await RawPeer.greeted(endpoint, 'REQ');
    expect(late.closed).toBe(false);
    expect(silent.some((peer) => peer.closed)).toBe(false);
  });

  it('garbage after the handshake ends that connection', async () => {
    const { endpoint, events, roundTrip } = await serving();
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('f7 9a 3c 88 11 02 ee', 'ff'.repeat(100));
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await roundTrip();
  });

  it('a message without an end is bounded by maxMultipartSize, whatever its frames', async () => {
    const { endpoint, roundTrip } = await serving({ maxMultipartSize: 10_000 });
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100'.repeat(10_000));
    await peer.expectClosed();
    await roundTrip();
  });

  it('a message that came whole before the garbage is delivered', async () => {
    const socket = closing(new Dealer());
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    peer.write('0001 61', 'ff ff ff');
    await peer.expectClosed();
    expect(texts(await socket.receive())).toEqual(['a']);
  });

  it('a peer that goes while it is being answered is no error for anybody', async () => {
    const router = closing(new Router());
    const endpoint = await boundTo(router, anywhere());
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    peer.write('0001 61');
    const [id] = await router.receive();
    peer.reset();
    const body = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 20; i++) await router.send([id ?? '', body]);
    const next = await RawPeer.greeted(endpoint, 'DEALER');
    next.write('0001 62');
    expect(texts(await router.receive()).at(-1)).toBe('b');
  });

  it('a listener that speaks something else is told and not tried again', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    const peer = await listener.accept();
    peer.write(Buffer.from('220 mail.example.com ESMTP\r\n'));
    await peer.expectClosed();
    await codeOf(events, 'handshake:error:protocol');
    expect(countOf(events, 'connect:retry')).toBe(0);
  });

  it('a listener that accepts and says nothing is given up after handshakeInterval and tried again', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ handshakeInterval: 50, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    await (await listener.accept()).expectClosed();
    expect(await codeOf(events, 'handshake:error:other')).toBe('ETIMEDOUT');
    const second = await listener.accept();
    await second.greet(READY.DEALER);
    await socket.send('x');
    await second.expectBytes('0001 78');
  });
});
