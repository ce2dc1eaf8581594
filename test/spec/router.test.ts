/*
 * ROUTER (RFC 28; zmq_socket(3), ZMQ_ROUTER): the routing id in front, in and out.
 */
import { Dealer, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { digits, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { READY, READY_DEALER_CLIENT_1 } from '../support/vectors.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

type RouterOptions = ConstructorParameters<typeof Router>[0];

describe.each(transports)('ROUTER over $name', ({ anywhere, fresh }) => {
  async function bound(
    options?: RouterOptions,
  ): Promise<{ socket: Router; endpoint: string; events: RecordedEvent[] }> {
    const socket = closing(new Router(options));
    const events = recordEvents(socket);
    return { socket, endpoint: await boundTo(socket, anywhere()), events };
  }

  /** A raw DEALER that announces `client-1` as its routing id. */
  async function client1(endpoint: string): Promise<RawPeer> {
    const peer = await RawPeer.connect(endpoint);
    await peer.greet(READY_DEALER_CLIENT_1);
    return peer;
  }

  it('puts the routing id that the peer announced in front of its messages', async () => {
    const { socket, endpoint } = await bound();
    const peer = await client1(endpoint);
    peer.write('0101 61 0001 62');
    expect(texts(await socket.receive())).toEqual(['client-1', 'a', 'b']);
  });

  it('sends to the peer that the first frame names, without that frame', async () => {
    const { socket, endpoint } = await bound();
    const peer = await client1(endpoint);
    const other = await RawPeer.greeted(endpoint, 'DEALER');
    peer.write('0001 61');
    other.write('0001 62');
    await socket.receive();
    await socket.receive();
    await socket.send(['client-1', 'x', '']);
    await peer.expectBytes('0101 78 0000');
    expect(other.pending).toHaveLength(0);
  });

  it('makes a routing id of 00 and four bytes for a peer that announced none', async () => {
    const { socket, endpoint } = await bound();
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    peer.write('0001 61');
    const [id] = digits(await socket.receive());
    expect(id).toMatch(/^00[0-9a-f]{8}$/);
  });

  it('counts made-up routing ids up by one per peer', async () => {
    const { socket, endpoint } = await bound();
    const numbers: number[] = [];
    for (let i = 0; i < 3; i++) {
      const peer = await RawPeer.greeted(endpoint, 'DEALER');
      peer.write('0001 61');
      const [id] = await socket.receive();
      numbers.push(id?.readUInt32BE(1) ?? 0);
    }
    const [first = 0] = numbers;
    expect(numbers).toEqual([first, (first + 1) >>> 0, (first + 2) >>> 0]);
  });

  it('passes the delimiter of a REQ on: routing id, empty frame, body', async () => {
    const { socket, endpoint } = await bound();
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100 0005 48656c6c6f');
    const [id, ...rest] = await socket.receive();
    expect(texts(rest)).toEqual(['', 'Hello']);
    await socket.send([id ?? '', '', 'World']);
    await peer.expectBytes('0100 0005 576f726c64');
  });

  it('takes messages from its peers in turn', async () => {
    const { socket, endpoint } = await bound();
    const peers = [
      await RawPeer.greeted(endpoint, 'DEALER'),
      await RawPeer.greeted(endpoint, 'DEALER'),
    ];
    for (const [i, peer] of peers.entries()) peer.write(`0001 3${i}`.repeat(3), PING);
    for (const peer of peers) await peer.expectBytes(PONG); // All six messages are there.
    const order: string[] = [];
    for (let i = 0; i < 6; i++) order.push(texts(await socket.receive())[1] ?? '');
    expect(order.join('')).toMatch(/^(010101|101010)$/);
  });

  it('drops a message to a routing id that nobody has, and its send succeeds', async () => {
    const { socket, endpoint } = await bound();
    await socket.send(['nobody', 'x']);
    const peer = await client1(endpoint);
    peer.write('0001 61');
    await socket.receive();
    await socket.send(['client-1', 'y']);
    await peer.expectBytes('0001 79');
  });

  it('ignores a message of one frame: there is nobody and nothing to send', async () => {
    const { socket, endpoint } = await bound();
    const peer = await client1(endpoint);
    peer.write('0001 61');
    await socket.receive();
    await socket.send(['client-1']);
    await socket.send(['client-1', 'y']);
    await peer.expectBytes('0001 79');
  });

  it('knows a routing id no more once its peer is gone', async () => {
    const { socket, endpoint, events } = await bound({ mandatory: true });
    const peer = await client1(endpoint);
    peer.write('0001 61');
    await socket.receive();
    peer.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await expect(socket.send(['client-1', 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
  });

  it('still gives out what a peer had sent before it went', async () => {
    const { socket, endpoint, events } = await bound();
    const peer = await client1(endpoint);
    peer.write('0001 61 0001 62', PING);
    await peer.expectBytes(PONG);
    peer.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    expect(texts(await socket.receive())).toEqual(['client-1', 'a']);
    expect(texts(await socket.receive())).toEqual(['client-1', 'b']);
  });

  it('drops messages to a full peer and never waits', async () => {
    const { socket, endpoint, events } = await bound({ sendHighWaterMark: 10, sendTimeout: 0 });
    const peer = await client1(endpoint);
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    peer.pause();
    const body = Buffer.alloc(64 * 1024);
    for (let i = 0; i < 500; i++) await socket.send(['client-1', body]); // 32 MiB: no kernel holds it.
    peer.resume();
    // What arrives is less than what was sent, and messages are whole.
    const first = await peer.takeFrame();
    expect(first).toHaveLength(9 + body.length);
  });

  describe('with mandatory', () => {
    it('refuses a message to a routing id that nobody has, with EHOSTUNREACH', async () => {
      const { socket } = await bound({ mandatory: true });
      await expect(socket.send(['nobody', 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    });

    it('sends to those who are there', async () => {
      const { socket, endpoint } = await bound({ mandatory: true });
      const peer = await client1(endpoint);
      peer.write('0001 61');
      await socket.receive();
      await socket.send(['client-1', 'x']);
      await peer.expectBytes('0001 78');
    });

    it('refuses a message to a full peer, with EAGAIN', async () => {
      const { socket, endpoint, events } = await bound({
        mandatory: true,
        sendHighWaterMark: 10,
        sendTimeout: 0,
      });
      const peer = await client1(endpoint);
      await until(() => countOf(events, 'handshake') === 1, 'handshake');
      peer.pause();
      const body = Buffer.alloc(64 * 1024);
      const flood = async (): Promise<void> => {
        for (let i = 0; i < 500; i++) await socket.send(['client-1', body]);
      };
      await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
    });
  });

  it('ignores a second peer with a routing id that is in use, and keeps the first', async () => {
    const { socket, endpoint } = await bound();
    const first = await client1(endpoint);
    first.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['client-1', 'a']);
    const second = await client1(endpoint);
    second.write('0001 62');
    first.write('0001 63');
    expect(texts(await socket.receive())).toEqual(['client-1', 'c']);
    await socket.send(['client-1', 'x']);
    await first.expectBytes('0001 78');
    expect(second.pending).toHaveLength(0);
  });

  it('with handover, gives a routing id to the peer that came last; the first stays, unheard and unspoken to', async () => {
    const { socket, endpoint } = await bound({ handover: true });
    const first = await client1(endpoint);
    first.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['client-1', 'a']);
    const second = await client1(endpoint);
    second.write('0001 62');
    expect(texts(await socket.receive())).toEqual(['client-1', 'b']);
    first.write('0001 63');
    await socket.send(['client-1', 'x']);
    await second.expectBytes('0001 78');
    second.write('0001 64');
    expect(texts(await socket.receive())).toEqual(['client-1', 'd']);
    expect(first.pending).toHaveLength(0);
  });

  it('with handover, hears a peer it connects to again when that comes back and takes its id again', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Router({ handover: true, reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const greet = async (): Promise<RawPeer> => {
      const peer = await listener.accept();
      await peer.greet(READY_DEALER_CLIENT_1);
      return peer;
    };
    const first = await greet();
    first.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['client-1', 'a']);
    const other = await client1(await boundTo(socket, anywhere()));
    other.write('0001 62');
    expect(texts(await socket.receive())).toEqual(['client-1', 'b']);
    first.close();
    const again = await greet();
    again.write('0001 63');
    expect(texts(await socket.receive())).toEqual(['client-1', 'c']);
  });

  it('with handover, does not let two living peers of one id take it from each other again and again', async () => {
    const { socket, endpoint } = await bound({ handover: true });
    const events = recordEvents(socket);
    for (let i = 0; i < 2; i++) {
      const dealer = closing(new Dealer({ routingId: 'd', reconnectInterval: 1 }));
      dealer.connect(endpoint);
      await dealer.send(`from ${i}`);
      expect(texts(await socket.receive())).toEqual(['d', `from ${i}`]);
    }
    const other = closing(new Dealer());
    other.connect(endpoint);
    for (let i = 0; i < 20; i++) {
      await other.send('time goes by');
      await socket.receive();
    }
    expect(countOf(events, 'accept')).toBe(3);
    expect(countOf(events, 'disconnect')).toBe(0);
  });

  it('hears of a DEALER with probeRouter as soon as it is there: routing id, empty frame', async () => {
    const { socket, endpoint } = await bound();
    const dealer = closing(new Dealer({ probeRouter: true, routingId: 'prober' }));
    dealer.connect(endpoint);
    expect(texts(await socket.receive())).toEqual(['prober', '']);
    await socket.send(['prober', 'hello']);
    expect(texts(await dealer.receive())).toEqual(['hello']);
  });

  it('with probeRouter, starts every connection with an empty message', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Router({ probeRouter: true }));
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('ROUTER');
    await peer.expectBytes('0000');
  });

  it('talks with another ROUTER once it knows its routing id', async () => {
    const { socket, endpoint } = await bound({ routingId: 'server' });
    const client = closing(new Router({ routingId: 'client', mandatory: true }));
    client.connect(endpoint);
    await until(async () => {
      await client.send(['server', 'hello']); // EHOSTUNREACH until the handshake is done
      return true;
    }, 'the client to know the server');
    expect(texts(await socket.receive())).toEqual(['client', 'hello']);
    await socket.send(['client', 'welcome']);
    expect(texts(await client.receive())).toEqual(['server', 'welcome']);
  });

  it('may name a peer when it connects: known at once, whatever that peer announces', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Router({ mandatory: true }));
    socket.connect(listener.endpoint, { routingId: 'given' });
    await socket.send(['given', 'early']);
    const peer = await listener.accept();
    await peer.greet(READY_DEALER_CLIENT_1);
    await peer.expectBytes('0005 6561726c79');
    peer.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['given', 'a']);
    await expect(socket.send(['client-1', 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
  });

  it('announces its routing id in READY', async () => {
    const { endpoint } = await bound({ routingId: 'client-1' });
    const peer = await RawPeer.connect(endpoint);
    const ready = await peer.greet(READY.DEALER);
    expect(ready.toString('latin1')).toContain('Identity\0\0\0\x08client-1');
  });
});

describe('routingId', () => {
  it('has 1 to 255 bytes', () => {
    expect(closing(new Router({ routingId: 'x' })).routingId).toBe('x');
    expect(closing(new Router({ routingId: 'x'.repeat(255) })).routingId).toHaveLength(255);
    expect(() => new Router({ routingId: 'x'.repeat(256) })).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    expect(() => new Dealer({ routingId: 'ü'.repeat(128) })).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });

  it('set later, takes effect for later connections', async () => {
    const dealer = closing(new Dealer());
    const endpoint = await boundTo(dealer, 'tcp://127.0.0.1:*');
    dealer.routingId = 'client-1';
    // A listener has the options of its time; a new one has the new ones.
    await dealer.unbind(endpoint);
    const peer = await RawPeer.connect(await boundTo(dealer, 'tcp://127.0.0.1:*'));
    const ready = await peer.greet(READY.DEALER);
    expect(ready.toString('latin1')).toContain('client-1');
  });
});
