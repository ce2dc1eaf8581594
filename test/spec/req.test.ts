/*
 * REQ (RFC 28; zmq_socket(3), ZMQ_REQ): one request, one reply, in turn.
 */
import { Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

type RequestOptions = ConstructorParameters<typeof Request>[0];

describe.each(transports)('REQ over $name', ({ anywhere, fresh }) => {
  /** A REQ connected to a raw REP. */
  async function pair(options?: RequestOptions): Promise<{ socket: Request; peer: RawPeer }> {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Request(options));
    socket.connect(listener.endpoint);
    return { socket, peer: await listener.greeted('REP') };
  }

  it('puts an empty delimiter frame in front of the request, and takes it off the reply', async () => {
    const { socket, peer } = await pair();
    await socket.send('Hello');
    await peer.expectBytes('0100 000548656c6c6f');
    peer.write('0100 0005576f726c64');
    expect(texts(await socket.receive())).toEqual(['World']);
  });

  it('sends and receives bodies of many frames, empty ones among them', async () => {
    const { socket, peer } = await pair();
    await socket.send(['a', '', 'b']);
    await peer.expectBytes('0100 010161 0100 000162');
    peer.write('0100 0100 010163 0000');
    expect(texts(await socket.receive())).toEqual(['', 'c', '']);
  });

  it('refuses a second send while a reply is due, with EFSM when it may not wait', async () => {
    const { socket, peer } = await pair({ sendTimeout: 0 });
    await socket.send('1');
    expect(() => socket.trySend([Buffer.from('2')])).toThrow(
      expect.objectContaining({ code: 'EFSM' }),
    );
    await expect(socket.send('2')).rejects.toMatchObject({ code: 'EFSM' });
    await peer.expectBytes('0100 000131');
    peer.write('0100 000161');
    expect(texts(await socket.receive())).toEqual(['a']);
    await socket.send('3');
    await peer.expectBytes('0100 000133');
  });

  it('holds a second send that may wait until the reply was received', async () => {
    const { socket, peer } = await pair();
    await socket.send('1');
    const second = socket.send('2');
    await peer.expectBytes('0100 000131');
    peer.write('0100 000161');
    expect(texts(await socket.receive())).toEqual(['a']);
    await second;
    await peer.expectBytes('0100 000132');
  });

  it('refuses to receive before a request was sent, with EFSM when it may not wait', async () => {
    const { socket, peer } = await pair({ receiveTimeout: 0 });
    expect(() => socket.tryReceive()).toThrow(expect.objectContaining({ code: 'EFSM' }));
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EFSM' });
    await socket.send('1');
    await peer.expectBytes('0100 000131');
    peer.write('0100 000161');
    await until(() => socket.readable);
    await socket.receive();
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EFSM' });
  });

  it('deals requests round-robin to its peers', async () => {
    const socket = closing(new Request());
    const events = recordEvents(socket);
    const peers: RawPeer[] = [];
    for (let i = 0; i < 3; i++) {
      const listener = await RawListener.listen(await fresh());
      socket.connect(listener.endpoint);
      peers.push(await listener.greeted('REP'));
    }
    await until(() => countOf(events, 'handshake') === 3, 'three handshakes');
    const order: number[] = [];
    for (let i = 0; i < 6; i++) {
      await socket.send('x');
      const asked = await until(
        () => peers.find((peer) => peer.pending.length >= 5),
        'a request at one of the peers',
      );
      await asked.expectBytes('0100 000178');
      order.push(peers.indexOf(asked));
      asked.write('0100 000179');
      await socket.receive();
    }
    expect(order).toEqual([...order.slice(0, 3), ...order.slice(0, 3)]);
    expect(new Set(order).size).toBe(3);
  });

  it('discards what comes from another peer than the one it asked', async () => {
    const socket = closing(new Request());
    const endpoint = await boundTo(socket, anywhere());
    const first = await RawPeer.greeted(endpoint, 'REP');
    const second = await RawPeer.greeted(endpoint, 'REP');
    await socket.send('x');
    const asked = await until(
      () => [first, second].find((peer) => peer.pending.length > 0),
      'a request at one of the peers',
    );
    const other = asked === first ? second : first;
    other.write('0100 00056f74686572', '04 07 04 50494e47 0000');
    await other.expectBytes('04 05 04 504f4e47'); // It has read what came before the PING.
    asked.write('0100 000561736b6564');
    expect(texts(await socket.receive())).toEqual(['asked']);
  });

  it('throws unread replies away when a new request starts', async () => {
    const { socket, peer } = await pair();
    await socket.send('1');
    await peer.expectBytes('0100 000131');
    peer.write('0100 000161', '0100 000162', '04 07 04 50494e47 0000');
    await peer.expectBytes('04 05 04 504f4e47'); // Both replies have been read.
    expect(texts(await socket.receive())).toEqual(['a']);
    await socket.send('2');
    await peer.expectBytes('0100 000132');
    peer.write('0100 000163');
    expect(texts(await socket.receive())).toEqual(['c']);
  });

  it('goes on waiting when the peer it asked is gone: nothing is sent again', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(
      new Request({ reconnectInterval: 1, receiveTimeout: 50, sendTimeout: 0 }),
    );
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('REP');
    await socket.send('x');
    await peer.expectBytes('0100 000178');
    peer.close();
    const again = await listener.greeted('REP');
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(again.pending).toHaveLength(0);
    await expect(socket.send('y')).rejects.toMatchObject({ code: 'EFSM' });
  });

  it.each([
    ['whose reply has no delimiter', '0005576f726c64'],
    ['whose reply is two frames without a delimiter', '010161 000162'],
    ['that sends a delimiter and nothing behind it', '0000'],
  ])('disconnects a peer %s, for good', async (_, reply) => {
    const wrong = await RawListener.listen(await fresh());
    const restarting = await RawListener.listen(await fresh());
    const socket = closing(new Request({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(wrong.endpoint);
    const peer = await wrong.greeted('REP');
    await socket.send('Hello');
    await peer.expectBytes('0100 000548656c6c6f');
    peer.write(reply);
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');

    // Another endpoint of the same socket reconnects three times meanwhile.
    socket.connect(restarting.endpoint);
    for (let i = 0; i < 3; i++) (await restarting.accept()).close();
    await restarting.accept();
    expect(wrong.accepted).toHaveLength(1);
  });

  it('skips a reply with a request id that it did not send, and keeps the peer', async () => {
    const { socket, peer } = await pair();
    await socket.send('x');
    await peer.expectBytes('0100 000178');
    peer.write('0104 01020304 0100 00036f6c64', '0100 00036e6577');
    expect(texts(await socket.receive())).toEqual(['new']);
  });

  it('asks over connections that peers made to it, when it is bound', async () => {
    const socket = closing(new Request());
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'REP');
    await socket.send('x');
    await peer.expectBytes('0100 000178');
    peer.write('0100 000179');
    expect(texts(await socket.receive())).toEqual(['y']);
  });

  it('waits with a request while nobody is connected, and sends it to the first that comes', async () => {
    const socket = closing(new Request());
    const endpoint = await boundTo(socket, anywhere());
    const sent = socket.send('x');
    const peer = await RawPeer.greeted(endpoint, 'REP');
    await sent;
    await peer.expectBytes('0100 000178');
  });

  it('connected before anybody listens, keeps its request until somebody does', async () => {
    const endpoint = await fresh();
    const socket = closing(new Request({ reconnectInterval: 1 }));
    socket.connect(endpoint);
    await socket.send('x');
    const listener = await RawListener.listen(endpoint);
    const peer = await listener.greeted('REP');
    await peer.expectBytes('0100 000178');
  });

  describe('with correlate', () => {
    it('sends a request id of four bytes in front, and takes the reply that carries it', async () => {
      const { socket, peer } = await pair({ correlate: true });
      await socket.send('x');
      await peer.expectBytes('0104');
      const id = (await peer.take(4)).toString('hex');
      await peer.expectBytes('0100 000178');
      peer.write('0104', id, '0100 000179');
      expect(texts(await socket.receive())).toEqual(['y']);
    });

    it('gives every request another id', async () => {
      const { socket, peer } = await pair({ correlate: true });
      const ids = new Set<string>();
      for (let i = 0; i < 3; i++) {
        await socket.send('x');
        const [head, tail] = [await peer.take(6), await peer.take(5)];
        ids.add(head.subarray(2).toString('hex'));
        peer.write(head, tail);
        await socket.receive();
      }
      expect(ids.size).toBe(3);
    });

    it('skips replies with another id or without one, and keeps the peer', async () => {
      const { socket, peer } = await pair({ correlate: true });
      await socket.send('x');
      const head = await peer.take(6);
      await peer.expectBytes('0100 000178');
      const other = Buffer.from(head);
      other.writeUInt8(other.readUInt8(5) ^ 0xff, 5);
      peer.write(other, '0100 00036f6c64', '0100 00046e6f6964', head, '0100 00036e6577');
      expect(texts(await socket.receive())).toEqual(['new']);
    });
  });

  describe('with relaxed', () => {
    it('gives a request up when the next is sent, and asks the next peer', async () => {
      const socket = closing(new Request({ relaxed: true, correlate: true }));
      const endpoint = await boundTo(socket, anywhere());
      const events = recordEvents(socket);
      const peers = [
        await RawPeer.greeted(endpoint, 'REP'),
        await RawPeer.greeted(endpoint, 'REP'),
      ];
      await until(() => countOf(events, 'handshake') === 2, 'two handshakes');
      await socket.send('1');
      await socket.send('2');
      for (const peer of peers) await until(() => peer.pending.length > 0, 'a request');
      const bodies = peers.map((peer) => peer.pending.subarray(-1).toString());
      expect(bodies.toSorted()).toEqual(['1', '2']);
    });

    it('with correlate, does not take a late reply to the old request for the new one', async () => {
      const { socket, peer } = await pair({ relaxed: true, correlate: true });
      await socket.send('1');
      const first = await peer.take(6);
      await peer.expectBytes('0100 000131');
      await socket.send('2');
      const second = await peer.take(6);
      await peer.expectBytes('0100 000132');
      peer.write(first, '0100 00036f6c64', second, '0100 00036e6577');
      expect(texts(await socket.receive())).toEqual(['new']);
    });
  });

  it('with probeRouter, starts every connection with an empty message', async () => {
    const { socket, peer } = await pair({ probeRouter: true });
    await peer.expectBytes('0000');
    await socket.send('x');
    await peer.expectBytes('0100 000178');
  });
});
