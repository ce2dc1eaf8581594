/*
 * PUSH (RFC 30; zmq_socket(3), ZMQ_PUSH): messages dealt to PULL peers in turn, and none of them
 * discarded for want of a peer.
 */
import { Push } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { Handshakes } from '../support/handshakes.ts';
import { hex } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, READY } from '../support/vectors.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

describe.each(transports)('PUSH over $name', ({ anywhere, fresh }) => {
  /** A bound PUSH with so many raw PULL peers, all of which it knows. */
  async function withPeers(
    count: number,
  ): Promise<{ socket: Push; peers: RawPeer[]; handshakes: Handshakes; endpoint: string }> {
    const socket = closing(new Push());
    const handshakes = new Handshakes(socket);
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 0; i < count; i++) peers.push(await RawPeer.greeted(endpoint, 'PULL'));
    await handshakes.reach(count);
    return { socket, peers, handshakes, endpoint };
  }

  it('announces itself, and sends frames as they are', async () => {
    const socket = closing(new Push());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    expect(await peer.greet(READY.PULL)).toEqual(hex(READY.PUSH));
    await socket.send(['', 'a', '']);
    await peer.expectBytes('0100 010161 0000');
  });

  it('SHALL deal messages to its peers in turn, frames of one message together', async () => {
    const { socket, peers } = await withPeers(3);
    for (let i = 0; i < 6; i++) await socket.send([String(i), 'x']);
    const shares: string[] = [];
    for (const peer of peers) {
      const bytes = await peer.take(12);
      expect(bytes.toString('hex')).toMatch(/^01013.0001780101.{2}000178$/);
      shares.push(`${bytes.toString('latin1', 2, 3)}${bytes.toString('latin1', 8, 9)}`);
    }
    expect(shares.toSorted()).toEqual(['03', '14', '25']);
  });

  it('keeps the order of messages to one peer', async () => {
    const { socket, peers } = await withPeers(1);
    for (let i = 0; i < 100; i++) await socket.send(String(i % 10));
    await peers[0]?.expectBytes(...Array.from({ length: 100 }, (_, i) => `0001 3${i % 10}`));
  });

  it('SHALL NOT discard messages while nobody is there: it waits with them until a peer comes', async () => {
    const socket = closing(new Push());
    const endpoint = await boundTo(socket, anywhere());
    const sent = ['x', 'y'].map((text) => socket.send(text));
    const peer = await RawPeer.greeted(endpoint, 'PULL');
    await Promise.all(sent);
    await peer.expectBytes('0001 78', '0001 79');
  });

  it('with nobody there, refuses a message with EAGAIN after sendTimeout, and not before', async () => {
    const socket = closing(new Push({ sendTimeout: 0 }));
    await socket.bind(anywhere());
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
    socket.sendTimeout = 100;
    const start = performance.now();
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(performance.now() - start).toBeGreaterThan(95);
  });

  it('waits while all its peers are full, and goes on when one of them reads', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Push({ sendHighWaterMark: 4, sendTimeout: 0 }));
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('PULL');
    peer.pause();
    const body = Buffer.alloc(64 * 1024);
    let sent = 0;
    const flood = async (): Promise<void> => {
      for (; sent < 1024; sent++) {
        const numbered = Buffer.from(body);
        numbered.writeUInt32BE(sent);
        await socket.send(numbered);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
    socket.sendTimeout = -1;
    const last = socket.send('last');
    peer.resume();
    for (let i = 0; i < sent; i++) expect((await peer.takeFrame()).readUInt32BE(9)).toBe(i);
    await last;
    await peer.expectBytes('0004 6c617374');
  });

  it('passes over a peer that is full until it has room', async () => {
    const slow = await fresh();
    const quick = await RawListener.listen(await fresh());
    const socket = closing(new Push({ reconnectInterval: 1, sendHighWaterMark: 2 }));
    socket.connect(slow);
    socket.connect(quick.endpoint);
    const peer = await quick.greeted('PULL');
    // Nobody takes what waits for `slow`: two messages fill it, the rest goes to `quick`.
    for (let i = 0; i < 10; i++) await socket.send(String(i));
    const got = [...(await peer.take(8 * 3)).toString('latin1')].filter((c) => c >= '0');
    expect(got).toHaveLength(8);
    const late = await (await RawListener.listen(slow)).greeted('PULL');
    got.push(...[...(await late.take(2 * 3)).toString('latin1')].filter((c) => c >= '0'));
    expect(got.toSorted().join('')).toBe('0123456789');
  });

  it('counts a connect() without a connection as a peer with room: its share waits', async () => {
    const [live, dead] = [await RawListener.listen(await fresh()), await fresh()];
    const socket = closing(new Push({ reconnectInterval: 1 }));
    socket.connect(live.endpoint);
    socket.connect(dead);
    const peer = await live.greeted('PULL');
    for (let i = 0; i < 6; i++) await socket.send(String(i));
    await peer.expectBytes('0001 30', '0001 32', '0001 34');
    const late = await (await RawListener.listen(dead)).greeted('PULL');
    await late.expectBytes('0001 31', '0001 33', '0001 35');
    expect(peer.pending).toHaveLength(0);
  });

  it('with immediate, gives messages only to peers whose handshake is done', async () => {
    const [live, dead] = [await RawListener.listen(await fresh()), await fresh()];
    const socket = closing(new Push({ reconnectInterval: 1, immediate: true }));
    const handshakes = new Handshakes(socket);
    socket.connect(dead);
    socket.connect(live.endpoint);
    const peer = await live.greeted('PULL');
    await handshakes.reach(1);
    for (let i = 0; i < 4; i++) await socket.send(String(i));
    await peer.expectBytes('0001 30', '0001 31', '0001 32', '0001 33');
  });

  it('connected, keeps what is queued while the peer is away, and sends it when it is back', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Push({ reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('PULL');
    await socket.send('1');
    await peer.expectBytes('0001 31');
    await listener.close();
    await new Promise<void>((resolve) => socket.events.on('connect:retry', () => resolve()));
    for (const text of ['2', '3']) await socket.send(text);
    const again = await (await RawListener.listen(listener.endpoint)).greeted('PULL');
    await again.expectBytes('0001 32', '0001 33');
  });

  it('bound, loses with a peer what was queued for it, and gives the others nothing of that', async () => {
    const { socket, peers, handshakes, endpoint } = await withPeers(1);
    const [lost] = peers as [RawPeer];
    lost.pause();
    const body = Buffer.alloc(64 * 1024, '.');
    for (let i = 0; i < 500; i++) await socket.send(body);
    await until(() => socket.unsent.messages > 0, 'messages that the peer does not take');
    lost.close();
    await until(() => socket.unsent.messages === 0, 'the peer to be gone');
    const sent = socket.send('for the next');
    const next = await RawPeer.greeted(endpoint, 'PULL');
    await handshakes.reach(2);
    await sent;
    await next.expectBytes('000c', Buffer.from('for the next').toString('hex'));
  });

  it('connected twice to the same endpoint, connects twice', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Push());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    const [first, second] = [await listener.greeted('PULL'), await listener.greeted('PULL')];
    for (let i = 0; i < 4; i++) await socket.send('x');
    await first.expectBytes('000178 000178');
    await second.expectBytes('000178 000178');
  });

  it('drops what a peer sends, and stays in touch with it', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    peer.write('0101 61 0001 62', PING);
    await peer.expectBytes(PONG);
    expect(socket.discarded).toBe(1);
    await socket.send('x');
    await peer.expectBytes('0001 78');
  });

  it.each(['PUSH', 'PAIR', 'REP', 'SUB'] as const)('talks to no %s peer', async (type) => {
    const socket = closing(new Push());
    const refused = new Promise((resolve) =>
      socket.events.on('handshake:error:protocol', ({ error }) => resolve(error.code)),
    );
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING, READY[type]);
    await peer.expectClosed();
    expect(await refused).toBe('ERR_ZMTP_INVALID_METADATA');
  });
});
