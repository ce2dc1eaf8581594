/*
 * SUB (RFC 29, "The SUB Socket Type"; RFC 37, SUBSCRIBE and CANCEL; zmq_socket(3), ZMQ_SUB), judged by raw publishers.
 */
import { Subscriber } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { cancel, frames, READY_XPUB, settled, subscribe } from '../support/pub-sub.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, GREETING_3_0, READY } from '../support/vectors.ts';

describe.each(transports)('SUB over $name', ({ anywhere, fresh }) => {
  /** A bound SUB with so many raw publishers, which it knows. */
  async function withPeers(
    count: number,
    topics: readonly string[],
    options: ConstructorParameters<typeof Subscriber>[0] = {},
  ): Promise<{ socket: Subscriber; peers: RawPeer[] }> {
    const socket = closing(new Subscriber(options));
    if (topics.length > 0) socket.subscribe(...topics);
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 0; i < count; i++) {
      const peer = await RawPeer.greeted(endpoint, 'PUB');
      await peer.expectBytes(...topics.map(subscribe));
      await settled(peer);
      peers.push(peer);
    }
    return { socket, peers };
  }

  it('sends SUBSCRIBE and CANCEL as the commands of ZMTP 3.1', async () => {
    const { socket, peers } = await withPeers(1, []);
    const [peer] = peers as [RawPeer];
    socket.subscribe('A');
    await peer.expectBytes('04 0b 09 535542534352494245 41');
    socket.unsubscribe('A');
    await peer.expectBytes('04 08 06 43414e43454c 41');
    socket.subscribe();
    await peer.expectBytes('04 0a 09 535542534352494245');
    socket.unsubscribe();
    await peer.expectBytes('04 07 06 43414e43454c');
  });

  it('sends messages 01 and 00 to a peer of ZMTP 3.0', async () => {
    const { socket } = await withPeers(0, ['A']);
    const peer = await RawPeer.connect(socket.lastEndpoint as string); // It is bound.
    await peer.greet(READY.PUB, GREETING_3_0);
    await peer.expectBytes('00 02 01 41');
    socket.subscribe('B');
    socket.unsubscribe('A');
    await peer.expectBytes('00 02 01 42', '00 02 00 41');
  });

  it('sends messages 01 and 00 to a peer of ZMTP 2.0', async () => {
    const { socket } = await withPeers(0, ['A']);
    const peer = await RawPeer.connect(socket.lastEndpoint as string); // It is bound.
    peer.write('ff 0000000000000001 7f 01 01', frames(''));
    await peer.take(10);
    await peer.expectBytes('03 02', frames(''), '00 02 01 41');
    peer.write(frames('A2'));
    expect(texts(await socket.receive())).toEqual(['A2']);
  });

  it('sends topics of more than 245 bytes with a long size', async () => {
    const { socket, peers } = await withPeers(1, []);
    const [peer] = peers as [RawPeer];
    socket.subscribe('x'.repeat(246), Buffer.alloc(245, 'y'));
    await peer.expectBytes(
      `06 0000000000000100 09 535542534352494245 ${'78'.repeat(246)}`,
      `04 ff 09 535542534352494245 ${'79'.repeat(245)}`,
    );
  });

  it('sends SUBSCRIBE each time, CANCEL when the last is taken back, and nothing for an unknown topic', async () => {
    const { socket, peers } = await withPeers(1, []);
    const [peer] = peers as [RawPeer];
    socket.unsubscribe('a');
    socket.subscribe('a', 'a');
    socket.unsubscribe('a');
    socket.subscribe('b');
    await peer.expectBytes(subscribe('a'), subscribe('a'), subscribe('b'));
    socket.unsubscribe('a', 'a', 'b');
    await peer.expectBytes(cancel('a'), cancel('b'));
    await settled(peer);
  });

  it('tells every peer', async () => {
    const { socket, peers } = await withPeers(3, ['a']);
    socket.subscribe('b');
    for (const peer of peers) await peer.expectBytes(subscribe('b'));
  });

  it('sends one SUBSCRIBE per distinct topic on every connection, with what changed meanwhile', async () => {
    const endpoint = await fresh();
    const socket = closing(new Subscriber({ reconnectInterval: 1 }));
    socket.subscribe('a', 'b', 'a');
    socket.connect(endpoint);
    socket.subscribe('c');
    const listener = await RawListener.listen(endpoint);
    const first = await listener.greeted('PUB');
    await first.expectBytes(...['a', 'b', 'c'].map(subscribe));
    await settled(first);
    first.close();
    let lost = false;
    socket.events.on('disconnect', () => {
      lost = true;
    });
    await until(() => lost, 'the loss to be seen');
    socket.unsubscribe('b');
    socket.subscribe('d', 'a');
    const second = await listener.greeted('PUB');
    await second.expectBytes(...['a', 'c', 'd'].map(subscribe));
    await settled(second);
  });

  it('loses no subscription to a publisher that does not read', async () => {
    const { socket, peers } = await withPeers(1, []);
    const [peer] = peers as [RawPeer];
    peer.pause();
    // More than the system and the high-water mark hold.
    const topics = Array.from({ length: 8000 }, (_, i) => `${i}`.padEnd(245, '.'));
    for (let i = 0; i < topics.length; i += 1000) {
      socket.subscribe(...topics.slice(i, i + 1000));
      await new Promise(setImmediate);
    }
    peer.resume();
    const missing = new Set(topics);
    for (let i = 0; i < topics.length; i++) {
      missing.delete((await peer.takeFrame()).toString('latin1', 12));
    }
    expect(missing.size).toBe(0);
  });

  it('receives nothing while it subscribed to nothing', async () => {
    const { socket, peers } = await withPeers(1, []);
    const [peer] = peers as [RawPeer];
    peer.write(frames('a'), frames(''));
    await settled(peer);
    expect([socket.readable, socket.tryReceive()]).toEqual([false, undefined]);
  });

  it('filters what its publishers send, by the start of the first frame', async () => {
    const { socket, peers } = await withPeers(1, ['ab', 'x']);
    const [peer] = peers as [RawPeer];
    peer.write(frames('a'), frames('abc', 'd', ''), frames('b', 'ab'), frames('x'), frames('y'));
    await settled(peer);
    expect(texts(await socket.receive())).toEqual(['abc', 'd', '']);
    expect(texts(await socket.receive())).toEqual(['x']);
    expect(socket.tryReceive()).toBeUndefined();
  });

  it('receives nothing of a topic once that is taken back, not even what was there already', async () => {
    const { socket, peers } = await withPeers(1, ['a', 'b']);
    const [peer] = peers as [RawPeer];
    peer.write(frames('a1'), frames('b1'), frames('a2'));
    await settled(peer);
    expect(socket.readable).toBe(true);
    socket.unsubscribe('a');
    peer.write(frames('a3'), frames('b2'));
    expect(texts(await socket.receive())).toEqual(['b1']);
    expect(texts(await socket.receive())).toEqual(['b2']);
  });

  it('receives from its publishers in turn', async () => {
    const { socket, peers } = await withPeers(2, ['']);
    for (const [i, peer] of peers.entries()) {
      peer.write(frames(`${i}`), frames(`${i}`));
      await settled(peer);
    }
    const order: string[] = [];
    for (let i = 0; i < 4; i++) order.push(...texts(await socket.receive()));
    expect(new Set(order.slice(0, 2)).size).toBe(2);
  });

  it('with invertMatching, receives what starts with none of its topics', async () => {
    const { socket, peers } = await withPeers(1, ['a'], { invertMatching: true });
    const [peer] = peers as [RawPeer];
    peer.write(frames('ab'), frames('b'), frames('a'), frames(''));
    expect(texts(await socket.receive())).toEqual(['b']);
    expect(texts(await socket.receive())).toEqual(['']);
  });

  it('with conflate, receives only the newest of what a publisher had sent', async () => {
    const { socket, peers } = await withPeers(1, [''], { conflate: true });
    const [peer] = peers as [RawPeer];
    for (let i = 0; i < 10; i++) peer.write(frames(`${i}`));
    await settled(peer);
    expect(texts(await socket.receive())).toEqual(['9']);
    expect(socket.tryReceive()).toBeUndefined();
  });

  it('with conflate, still sends every subscription', async () => {
    const { socket, peers } = await withPeers(1, ['a', 'b', 'c'], { conflate: true });
    const [peer] = peers as [RawPeer];
    socket.subscribe('d', 'e');
    await peer.expectBytes(subscribe('d'), subscribe('e'));
  });

  it('connects to the same endpoint only once', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Subscriber());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    await settled(await listener.greeted('PUB'));
    expect(listener.accepted).toHaveLength(1);
  });

  it('talks to PUB and XPUB, and to no other type', async () => {
    const { socket } = await withPeers(0, []);
    const endpoint = socket.lastEndpoint as string; // It is bound.
    const welcome = await RawPeer.connect(endpoint);
    await welcome.greet(READY_XPUB);
    await settled(welcome);
    for (const type of ['SUB', 'ROUTER', 'PUSH'] as const) {
      const peer = await RawPeer.connect(endpoint);
      peer.write(GREETING, READY[type]);
      await peer.expectClosed();
    }
  });
});
