/*
 * PUB (RFC 29, "The PUB Socket Type"; RFC 37, SUBSCRIBE and CANCEL; zmq_socket(3), ZMQ_PUB), judged by raw subscribers.
 */
import { Publisher } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { cancel, frames, READY_XSUB, settled, subscribe } from '../support/pub-sub.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, GREETING_3_0, READY } from '../support/vectors.ts';

describe.each(transports)('PUB over $name', ({ anywhere, fresh }) => {
  /** A bound PUB with so many raw subscribers, which subscribed to nothing. */
  async function withPeers(
    count: number,
    options: ConstructorParameters<typeof Publisher>[0] = {},
  ): Promise<{ socket: Publisher; peers: RawPeer[]; endpoint: string }> {
    const socket = closing(new Publisher(options));
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 0; i < count; i++) {
      const peer = await RawPeer.greeted(endpoint, 'SUB');
      await settled(peer);
      peers.push(peer);
    }
    return { socket, peers, endpoint };
  }

  /** One raw subscriber that said these things. */
  async function withPeer(said: readonly string[]): Promise<{ socket: Publisher; peer: RawPeer }> {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    peer.write(...said);
    await settled(peer);
    return { socket, peer };
  }

  /** What a peer gets of these messages: it must be subscribed to "end". */
  async function expectOnly(
    socket: Publisher,
    peer: RawPeer,
    sent: readonly (string | string[])[],
    expected: readonly string[],
  ): Promise<void> {
    for (const message of sent) await socket.send(message);
    await socket.send('end');
    await peer.expectBytes(...expected, frames('end'));
  }

  it('sends messages whose first frame starts with the topic, byte by byte, and no others', async () => {
    const { socket, peer } = await withPeer([subscribe('ab'), subscribe('end')]);
    await expectOnly(
      socket,
      peer,
      ['a', 'ab', 'abc', 'xab', 'AB', ''],
      [frames('ab'), frames('abc')],
    );
  });

  it('looks at the first frame only, and sends all frames', async () => {
    const { socket, peer } = await withPeer([subscribe('a'), subscribe('end')]);
    await expectOnly(
      socket,
      peer,
      [
        ['x', 'a'],
        ['a', 'x', ''],
        ['', 'a'],
      ],
      [frames('a', 'x', '')],
    );
  });

  it('sends everything for the empty topic', async () => {
    const { socket, peer } = await withPeer([subscribe('')]);
    await expectOnly(socket, peer, ['', 'x'], [frames(''), frames('x')]);
  });

  it('sends one copy however many topics of a peer match', async () => {
    const { socket, peer } = await withPeer(['', 'a', 'ab', 'abc', 'ab'].map(subscribe));
    await expectOnly(socket, peer, ['abcd'], [frames('abcd')]);
  });

  it('sends each peer what it subscribed to', async () => {
    const { socket, peers } = await withPeers(3);
    const [a, b, both] = peers as [RawPeer, RawPeer, RawPeer];
    a.write(subscribe('a'), subscribe('end'));
    b.write(subscribe('b'), subscribe('end'));
    both.write(subscribe('a'), subscribe('b'), subscribe('end'));
    for (const peer of peers) await settled(peer);
    for (const text of ['a1', 'b1', 'a2', 'end']) await socket.send(text);
    await a.expectBytes(frames('a1'), frames('a2'), frames('end'));
    await b.expectBytes(frames('b1'), frames('end'));
    await both.expectBytes(frames('a1'), frames('b1'), frames('a2'), frames('end'));
  });

  it('discards what it sends while nobody is there, or nobody subscribed', async () => {
    const { socket, peers } = await withPeers(0);
    await socket.send('early');
    expect([peers.length, socket.writable]).toEqual([0, true]);
    const peer = await RawPeer.greeted(socket.lastEndpoint as string, 'SUB'); // Just bound.
    await settled(peer);
    await socket.send('still early');
    peer.write(subscribe(''));
    await settled(peer);
    await expectOnly(socket, peer, [], []);
  });

  it('sends nothing more of a topic after CANCEL, and keeps the others', async () => {
    const { socket, peer } = await withPeer([
      subscribe('a'),
      subscribe('ab'),
      cancel('a'),
      cancel('never'),
      subscribe('end'),
    ]);
    await expectOnly(socket, peer, ['ac', 'abc'], [frames('abc')]);
  });

  it('holds a set of topics: one CANCEL takes two SUBSCRIBEs back', async () => {
    const { socket, peer } = await withPeer([
      subscribe('a'),
      subscribe('a'),
      cancel('a'),
      subscribe('end'),
    ]);
    await expectOnly(socket, peer, ['a'], []);
  });

  it('takes subscriptions as messages too, also between commands', async () => {
    const { socket, peer } = await withPeer([
      frames('\x01a'),
      subscribe('b'),
      frames('\x01c'),
      frames('\x00b'),
      cancel('c'),
      frames('\x01end'),
    ]);
    await expectOnly(socket, peer, ['a', 'b', 'c'], [frames('a')]);
  });

  it('takes messages and commands from a peer of ZMTP 3.0', async () => {
    const { socket, endpoint } = await withPeers(0);
    const peer = await RawPeer.connect(endpoint);
    await peer.greet(READY.SUB, GREETING_3_0);
    peer.write(frames('\x01a'), subscribe('b'), frames('\x01c'), cancel('c'), frames('\x01end'));
    await settled(peer);
    await expectOnly(socket, peer, ['a', 'b', 'c'], [frames('a'), frames('b')]);
  });

  it('takes subscriptions and sends messages in the framing of ZMTP 2.0', async () => {
    const { socket, endpoint } = await withPeers(0);
    const peer = await RawPeer.connect(endpoint);
    peer.write('ff 0000000000000001 7f 01 02', frames(''), frames('\x01a'));
    await peer.take(10);
    await peer.expectBytes('03 01', frames(''));
    await until(() => {
      socket.trySend([Buffer.from('x'), Buffer.from('no')]);
      socket.trySend([Buffer.from('a'), Buffer.from('yes')]);
      return peer.pending.length > 0;
    }, 'a message');
    await peer.expectBytes(frames('a', 'yes'));
  });

  it('takes each frame of a message that subscribes by itself', async () => {
    const { socket, peer } = await withPeer([
      subscribe('c'),
      frames('\x01a', '\x01b', 'neither', '\x00c', '\x01end'),
    ]);
    await expectOnly(socket, peer, ['a', 'b', 'c', 'neither'], [frames('a'), frames('b')]);
  });

  it('drops what is no subscription, and keeps the peer', async () => {
    const { socket, peer } = await withPeer([
      frames('\x02a'),
      frames(''),
      frames('hello', '\x01a'),
      subscribe('end'),
    ]);
    await expectOnly(socket, peer, ['a', '\x02a', 'hello'], []);
  });

  it('takes topics of any length', async () => {
    const topic = 'x'.repeat(300);
    const { socket, peer } = await withPeer([
      `06 0000000000000136 09 535542534352494245 ${'78'.repeat(300)}`,
      subscribe('end'),
    ]);
    const short = topic.slice(1);
    await expectOnly(socket, peer, [short, topic], [`02 000000000000012c ${'78'.repeat(300)}`]);
  });

  it('never waits for a full peer, which alone misses whole messages', async () => {
    const { socket, peers } = await withPeers(2, { sendHighWaterMark: 10 });
    const [slow, quick] = peers as [RawPeer, RawPeer];
    for (const peer of peers) {
      peer.write(subscribe(''));
      await settled(peer);
    }
    slow.pause();
    const body = Buffer.alloc(200_000, 'x');
    let sent = 0;
    await until(async () => {
      await socket.send([String(sent), body]);
      sent += 1;
      expect((await quick.takeFrame()).toString('latin1', 2)).toBe(String(sent - 1));
      expect(await quick.take(9 + body.length)).toHaveLength(9 + body.length);
      return socket.dropped >= 5;
    }, 'the slow peer to miss messages');
    slow.resume();
    const got: number[] = [];
    for (let i = 0; i < sent - socket.dropped; i++) {
      got.push(Number((await slow.takeFrame()).toString('latin1', 2)));
      expect((await slow.takeFrame()).length).toBe(9 + body.length);
    }
    expect(got).toEqual(got.toSorted((a, b) => a - b));
    expect(slow.pending).toHaveLength(0);
    await socket.send('again');
    await slow.expectBytes(frames('again'));
  });

  it('with noDrop, sends to nobody while a peer who is meant is full: send waits or fails with EAGAIN', async () => {
    const { socket, peers } = await withPeers(2, { sendHighWaterMark: 2, noDrop: true });
    const [slow, quick] = peers as [RawPeer, RawPeer];
    slow.write(subscribe('a'));
    quick.write(subscribe(''));
    for (const peer of peers) await settled(peer);
    slow.pause();
    const body = Buffer.alloc(200_000, 'x');
    let sent = 0;
    while (socket.trySend([Buffer.from(`a${sent}`), body])) {
      sent += 1;
      await quick.takeFrame();
      await quick.takeFrame();
    }
    await socket.send('b');
    await quick.expectBytes(frames('b'));
    socket.sendTimeout = 1;
    await expect(socket.send('a lost')).rejects.toMatchObject({ code: 'EAGAIN' });
    socket.sendTimeout = -1;
    const sending = socket.send('a last');
    slow.resume();
    await sending;
    await quick.expectBytes(frames('a last'));
    for (let i = 0; i < sent; i++) {
      expect((await slow.takeFrame()).toString('latin1', 2)).toBe(`a${i}`);
      await slow.takeFrame();
    }
    await slow.expectBytes(frames('a last'));
    expect(socket.dropped).toBe(0);
  });

  it('with invertMatching, sends to those whose topics do not match, and to those who have none', async () => {
    const { socket, peers } = await withPeers(2, { invertMatching: true });
    const [some, none] = peers as [RawPeer, RawPeer];
    some.write(subscribe('a'));
    await settled(some);
    for (const text of ['ab', 'b']) await socket.send(text);
    await some.expectBytes(frames('b'));
    await none.expectBytes(frames('ab'), frames('b'));
  });

  it('with conflate, sends only the newest of what waits for a peer', async () => {
    const { socket, peers } = await withPeers(1, { conflate: true });
    const [peer] = peers as [RawPeer];
    peer.write(subscribe(''));
    await settled(peer);
    for (let i = 0; i < 10; i++) expect(socket.trySend([Buffer.from(String(i))])).toBe(true);
    await peer.expectBytes(frames('9'));
    expect(socket.dropped).toBe(0);
  });

  it('with conflate, still takes every subscription of many that come at once', async () => {
    const { socket, peers } = await withPeers(1, { conflate: true });
    const [peer] = peers as [RawPeer];
    peer.write(...['a', 'b', 'c'].map(subscribe));
    await settled(peer);
    await socket.send('a');
    await peer.expectBytes(frames('a'));
  });

  it('that connects, reads subscriptions as well, and forgets them when it connects again', async () => {
    const endpoint = await fresh();
    const socket = closing(new Publisher({ reconnectInterval: 1 }));
    socket.connect(endpoint);
    const listener = await RawListener.listen(endpoint);
    const first = await listener.greeted('SUB');
    first.write(subscribe('old'), subscribe('end'));
    await settled(first);
    await expectOnly(socket, first, ['old', 'new'], [frames('old')]);
    first.close();
    const second = await listener.greeted('SUB');
    await settled(second);
    await socket.send('old');
    second.write(subscribe('new'), subscribe('end'));
    await settled(second);
    await expectOnly(socket, second, ['old', 'new'], [frames('new')]);
  });

  it('keeps messages for a peer it connected to, while that is away', async () => {
    const endpoint = await fresh();
    const socket = closing(new Publisher({ reconnectInterval: 1 }));
    socket.connect(endpoint);
    const listener = await RawListener.listen(endpoint);
    const first = await listener.greeted('SUB');
    first.write(subscribe('a'));
    await settled(first);
    first.close();
    let lost = false;
    socket.events.on('disconnect', () => {
      lost = true;
    });
    await until(() => lost, 'the loss to be seen');
    await socket.send('a1');
    const second = await listener.greeted('SUB');
    await second.expectBytes(frames('a1'));
  });

  it('connects to the same endpoint only once', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Publisher());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('SUB');
    await settled(peer);
    expect(listener.accepted).toHaveLength(1);
  });

  it('talks to SUB and XSUB, and to no other type', async () => {
    const { endpoint } = await withPeers(0);
    const welcome = await RawPeer.connect(endpoint);
    await welcome.greet(READY_XSUB);
    await settled(welcome);
    for (const type of ['PUB', 'DEALER', 'PULL'] as const) {
      const peer = await RawPeer.connect(endpoint);
      peer.write(GREETING, READY[type]);
      await peer.expectClosed();
    }
  });
});
