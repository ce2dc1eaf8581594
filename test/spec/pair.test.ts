/*
 * PAIR (RFC 31; zmq_socket(3), ZMQ_PAIR): one peer, and no other while it is there.
 */
import { Pair } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { Handshakes } from '../support/handshakes.ts';
import { hex, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, READY } from '../support/vectors.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

describe.each(transports)('PAIR over $name', ({ anywhere, fresh }) => {
  /** A bound PAIR with so many raw peers, in the order in which it knows them. */
  async function withPeers(
    count: number,
  ): Promise<{ socket: Pair; peers: RawPeer[]; endpoint: string }> {
    const socket = closing(new Pair());
    const handshakes = new Handshakes(socket);
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 1; i <= count; i++) {
      peers.push(await RawPeer.greeted(endpoint, 'PAIR'));
      await handshakes.reach(i);
    }
    return { socket, peers, endpoint };
  }

  it('announces itself, and sends and receives frames as they are', async () => {
    const socket = closing(new Pair());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    expect(await peer.greet(READY.PAIR)).toEqual(hex(READY.PAIR));
    await socket.send(['', 'a', '']);
    await peer.expectBytes('0100 010161 0000');
    peer.write('0100 000162');
    expect(texts(await socket.receive())).toEqual(['', 'b']);
  });

  it('keeps the order in both directions, without turns', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    const digits = Array.from({ length: 100 }, (_, i) => `0001 3${i % 10}`);
    for (let i = 0; i < 100; i++) await socket.send(String(i % 10));
    await peer.expectBytes(...digits);
    peer.write(...digits);
    for (let i = 0; i < 100; i++) expect(texts(await socket.receive())).toEqual([String(i % 10)]);
  });

  it('with nobody there, waits with a message until a peer comes; EAGAIN after sendTimeout', async () => {
    const socket = closing(new Pair({ sendTimeout: 0 }));
    const endpoint = await boundTo(socket, anywhere());
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
    socket.sendTimeout = -1;
    const sent = socket.send('y');
    const peer = await RawPeer.greeted(endpoint, 'PAIR');
    await sent;
    await peer.expectBytes('0001 79');
  });

  it('a second peer is neither heard nor spoken to nor disconnected while the first is there', async () => {
    const { socket, peers } = await withPeers(2);
    const [first, second] = peers as [RawPeer, RawPeer];
    second.write('0001 32', PING);
    await second.expectBytes(PONG);
    first.write('0001 31', PING);
    await first.expectBytes(PONG);
    for (const text of ['a', 'b']) await socket.send(text);
    await first.expectBytes('0001 61', '0001 62');
    expect(texts(await socket.receive())).toEqual(['1']);
    expect(socket.readable).toBe(false);
    expect([second.pending.length, second.closed]).toEqual([0, false]);
  });

  it('when its peer leaves, goes on with the second, which lost nothing', async () => {
    const { socket, peers } = await withPeers(2);
    const [first, second] = peers as [RawPeer, RawPeer];
    second.write('0001 32');
    first.end();
    expect(texts(await socket.receive())).toEqual(['2']);
    await socket.send('b');
    await second.expectBytes('0001 62');
  });

  it('when all have left, goes on with one that comes later', async () => {
    const { socket, peers, endpoint } = await withPeers(3);
    for (const peer of peers) peer.close();
    await until(() => !socket.writable && socket.waitingPeers === 0, 'all to be gone');
    const late = await RawPeer.greeted(endpoint, 'PAIR');
    late.write('0001 39');
    expect(texts(await socket.receive())).toEqual(['9']);
    await socket.send('x');
    await late.expectBytes('0001 78');
  });

  it('loses with a peer what was queued for it, and gives the next nothing of that', async () => {
    const { socket, peers } = await withPeers(2);
    const [first, second] = peers as [RawPeer, RawPeer];
    first.pause();
    const body = Buffer.alloc(64 * 1024);
    for (let i = 0; i < 500; i++) await socket.send(body);
    await until(() => socket.unsent.messages > 0, 'messages that the peer does not take');
    first.close();
    await until(() => socket.waitingPeers === 0, 'the second to take its place');
    await socket.send('b');
    await second.expectBytes('0001 62');
  });

  it('connected, keeps what is queued while the peer is away, and sends it when it is back', async () => {
    const endpoint = await fresh();
    const socket = closing(new Pair({ reconnectInterval: 1 }));
    socket.connect(endpoint);
    await socket.send('1');
    const listener = await RawListener.listen(endpoint);
    const peer = await listener.greeted('PAIR');
    await peer.expectBytes('0001 31');
    await listener.close();
    await new Promise<void>((resolve) => socket.events.on('connect:retry', () => resolve()));
    await socket.send('2');
    await (await (await RawListener.listen(endpoint)).greeted('PAIR')).expectBytes('0001 32');
  });

  it('an endpoint that was connected second waits, and is used when the first is disconnected', async () => {
    const [first, second] = [
      await RawListener.listen(await fresh()),
      await RawListener.listen(await fresh()),
    ];
    const socket = closing(new Pair());
    socket.connect(first.endpoint);
    socket.connect(second.endpoint);
    const [one, two] = [await first.greeted('PAIR'), await second.greeted('PAIR')];
    two.write('0001 32');
    await socket.send('a');
    await one.expectBytes('0001 61');
    socket.disconnect(first.endpoint);
    expect(texts(await socket.receive())).toEqual(['2']);
    await socket.send('b');
    await two.expectBytes('0001 62');
    await one.expectClosed();
  });

  it('connected twice to the same endpoint, connects twice: the second waits', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Pair());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    await listener.greeted('PAIR');
    await listener.greeted('PAIR');
    expect(socket.waitingPeers).toBe(1);
  });

  it.each(['PUSH', 'PULL', 'DEALER', 'REQ'] as const)('talks to no %s peer', async (type) => {
    const socket = closing(new Pair());
    const refused = new Promise((resolve) =>
      socket.events.on('handshake:error:protocol', ({ error }) => resolve(error.code)),
    );
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING, READY[type]);
    await peer.expectClosed();
    expect(await refused).toBe('ERR_ZMTP_INVALID_METADATA');
  });
});
