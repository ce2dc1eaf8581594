/*
 * DEALER (RFC 28; zmq_socket(3), ZMQ_DEALER): round-robin out, fair queue in, nothing added.
 */
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

describe.each(transports)('DEALER over $name', ({ anywhere, fresh }) => {
  /** A bound DEALER with so many raw peers, all of which it knows. */
  async function withPeers(count: number): Promise<{ socket: Dealer; peers: RawPeer[] }> {
    const socket = closing(new Dealer());
    const events = recordEvents(socket);
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 0; i < count; i++) peers.push(await RawPeer.greeted(endpoint, 'DEALER'));
    await until(() => countOf(events, 'handshake') === count, `${count} handshakes`);
    return { socket, peers };
  }

  it('sends and receives frames as they are', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    await socket.send(['', 'a', '']);
    await peer.expectBytes('0100 010161 0000');
    peer.write('0100 000162');
    expect(texts(await socket.receive())).toEqual(['', 'b']);
  });

  it('keeps the order of messages to and from one peer', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    for (let i = 0; i < 100; i++) await socket.send(String(i % 10));
    await peer.expectBytes(...Array.from({ length: 100 }, (_, i) => `0001 3${i % 10}`));
    peer.write(...Array.from({ length: 100 }, (_, i) => `0001 3${i % 10}`));
    for (let i = 0; i < 100; i++) {
      expect(texts(await socket.receive())).toEqual([String(i % 10)]);
    }
  });

  it('deals messages round-robin to its peers, frames of one message together', async () => {
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

  it('takes messages from its peers in turn, one whole message each', async () => {
    const { socket, peers } = await withPeers(3);
    for (const [i, peer] of peers.entries()) {
      const message = `0101 3${i} 0001 78`;
      peer.write(message, message, message, PING);
    }
    for (const peer of peers) await peer.expectBytes(PONG); // All nine messages are there.
    const order: string[] = [];
    for (let i = 0; i < 9; i++) {
      const [from = '', body = ''] = texts(await socket.receive());
      expect(body).toBe('x');
      order.push(from);
    }
    expect(new Set(order.slice(0, 3)).size).toBe(3);
    expect(order.slice(3)).toEqual(order.slice(0, 6));
  });

  it('with nobody there, waits with a message until a peer comes', async () => {
    const socket = closing(new Dealer());
    const endpoint = await boundTo(socket, anywhere());
    const sent = socket.send('x');
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    await sent;
    await peer.expectBytes('0001 78');
  });

  it('with nobody there and sendTimeout 0, refuses a message with EAGAIN', async () => {
    const socket = closing(new Dealer({ sendTimeout: 0 }));
    await socket.bind(anywhere());
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
  });

  it('with nobody there and a sendTimeout, gives a message up with EAGAIN, and not before', async () => {
    const socket = closing(new Dealer({ sendTimeout: 100 }));
    await socket.bind(anywhere());
    const start = performance.now();
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(performance.now() - start).toBeGreaterThan(95);
  });

  it('with nothing to receive and a receiveTimeout, gives up with EAGAIN, and not before', async () => {
    const socket = closing(new Dealer({ receiveTimeout: 100 }));
    await socket.bind(anywhere());
    const start = performance.now();
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(performance.now() - start).toBeGreaterThan(95);
  });

  it('counts a connect() without a connection as a peer with room: its share waits', async () => {
    const [live, dead] = [await RawListener.listen(await fresh()), await fresh()];
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    socket.connect(live.endpoint);
    socket.connect(dead);
    const peer = await live.greeted('DEALER');
    for (let i = 0; i < 6; i++) await socket.send(String(i));
    await peer.expectBytes('0001 30', '0001 32', '0001 34');
    const late = await (await RawListener.listen(dead)).greeted('DEALER');
    await late.expectBytes('0001 31', '0001 33', '0001 35');
    expect(peer.pending).toHaveLength(0);
  });

  it('with immediate, gives messages only to peers whose handshake is done', async () => {
    const [live, dead] = [await RawListener.listen(await fresh()), await fresh()];
    const socket = closing(new Dealer({ reconnectInterval: 1, immediate: true }));
    const events = recordEvents(socket);
    socket.connect(dead);
    socket.connect(live.endpoint);
    const peer = await live.greeted('DEALER');
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    for (let i = 0; i < 4; i++) await socket.send(String(i));
    await peer.expectBytes('0001 30', '0001 31', '0001 32', '0001 33');
  });

  it('skips a full peer until it drains', async () => {
    const slow = await fresh();
    const quick = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1, sendHighWaterMark: 2 }));
    socket.connect(slow);
    socket.connect(quick.endpoint);
    const peer = await quick.greeted('DEALER');
    // Nobody takes what waits for `slow`: two messages fill it, the rest goes to `quick`.
    for (let i = 0; i < 10; i++) await socket.send(String(i));
    const bytes = await peer.take(8 * 3);
    const got = [...bytes.toString('latin1')].filter((character) => character >= '0');
    expect(got).toHaveLength(8);
    const late = await (await RawListener.listen(slow)).greeted('DEALER');
    const rest = await late.take(2 * 3);
    got.push(...[...rest.toString('latin1')].filter((character) => character >= '0'));
    expect(got.toSorted().join('')).toBe('0123456789');
  });

  it('connected twice to the same endpoint, connects once', async () => {
    const listener = await RawListener.listen(await fresh());
    const other = await RawListener.listen(await fresh());
    const socket = closing(new Dealer());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    socket.connect(other.endpoint);
    await listener.greeted('DEALER');
    await other.greeted('DEALER');
    for (let i = 0; i < 4; i++) await socket.send('x');
    const [peer] = other.accepted;
    await peer?.expectBytes('000178 000178'); // Half of all: there are two peers.
    expect(listener.accepted).toHaveLength(1);
  });

  it('with probeRouter, starts every connection with an empty message', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ probeRouter: true, reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('ROUTER');
    await peer.expectBytes('0000');
    await socket.send('x');
    await peer.expectBytes('0001 78');
  });

  it('is readable to `for await` until it is closed', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    peer.write('000161 000162 000163');
    const got: string[] = [];
    for await (const message of socket) {
      got.push(...texts(message));
      if (got.length === 3) socket.close();
    }
    expect(got).toEqual(['a', 'b', 'c']);
  });
});
