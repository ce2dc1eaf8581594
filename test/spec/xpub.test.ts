/*
 * XPUB (RFC 29, "The XPUB Socket Type"; zmq_socket(3), ZMQ_XPUB; zmq_setsockopt(3), ZMQ_XPUB_...), judged by raw subscribers.
 */
import { XPublisher } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { hex } from '../support/hex.ts';
import { cancel, frames, READY_XSUB, settled, subscribe } from '../support/pub-sub.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

type Options = NonNullable<ConstructorParameters<typeof XPublisher>[0]>;

/** A message as text, with + and - for the bytes 01 and 00 at the start of a frame. */
function shown(message: readonly Buffer[]): string {
  return message
    .map((frame) => {
      const text = frame.toString('latin1');
      if (frame[0] === 1) return `+${text.slice(1)}`;
      return frame[0] === 0 ? `-${text.slice(1)}` : text;
    })
    .join('|');
}

/** The next `count` messages that the program can read; nothing else must be there. */
async function read(socket: XPublisher, count: number): Promise<string[]> {
  const got: string[] = [];
  for (let i = 0; i < count; i++) got.push(shown(await socket.receive()));
  expect(socket.readable).toBe(false);
  return got;
}

describe.each(transports)('XPUB over $name', ({ anywhere, fresh }) => {
  /** A bound XPUB with so many raw XSUBs. */
  async function withPeers(
    count: number,
    options: Options = {},
  ): Promise<{ socket: XPublisher; peers: RawPeer[] }> {
    const socket = closing(new XPublisher(options));
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 0; i < count; i++) {
      const peer = await RawPeer.connect(endpoint);
      await peer.greet(READY_XSUB);
      await settled(peer);
      peers.push(peer);
    }
    return { socket, peers };
  }

  it('gives its program subscriptions as messages, whatever form they came in', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    peer.write(subscribe('A'), frames('\x01B'), cancel('A'), frames('\x00B'), subscribe(''));
    for (const expected of ['0141', '0142', '0041', '0042', '01']) {
      expect(await socket.receive()).toEqual([hex(expected)]);
    }
  });

  it('sends by prefix, one copy to each peer, as PUB does', async () => {
    const { socket, peers } = await withPeers(2);
    const [one, two] = peers as [RawPeer, RawPeer];
    one.write(subscribe('a'), subscribe('ab'));
    two.write(subscribe('b'));
    for (const peer of peers) await settled(peer);
    for (const text of ['abc', 'b', 'c', 'a']) await socket.send([text, 'body']);
    await one.expectBytes(frames('abc', 'body'), frames('a', 'body'));
    await two.expectBytes(frames('b', 'body'));
  });

  it('obeys subscriptions that nobody reads', async () => {
    const { socket, peers } = await withPeers(1, { receiveHighWaterMark: 1 });
    const [peer] = peers as [RawPeer];
    for (const topic of ['a', 'b', 'c', 'd']) peer.write(subscribe(topic));
    await settled(peer);
    await socket.send('d');
    await peer.expectBytes(frames('d'));
  });

  it('gives other messages to its program, between the subscriptions, in the order they came', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    peer.write(frames('hi', '', '\x01a'), subscribe('a'), frames('\x02'), frames(''), cancel('a'));
    await settled(peer);
    expect(await read(socket, 5)).toEqual(['hi||+a', '+a', '\x02', '', '-a']);
  });

  it('takes each frame of a message that subscribes by itself, and gives the others to its program', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    peer.write(frames('\x01a', 'x', '\x01b', 'y'));
    await settled(peer);
    expect(await read(socket, 3)).toEqual(['+a', '+b', 'x|y']);
  });

  it('with manual, shows the empty topic and everything else without effect', async () => {
    const { socket, peers } = await withPeers(1, { manual: true });
    const [peer] = peers as [RawPeer];
    peer.write(subscribe(''), subscribe('a'), subscribe('a'), cancel('a'), cancel('never'));
    await settled(peer);
    await socket.send('a');
    expect(await read(socket, 5)).toEqual(['+', '+a', '+a', '-a', '-never']);
    socket.subscribe('end');
    for (const text of ['a', 'end']) await socket.send(text);
    await peer.expectBytes(frames('end'));
  });

  it('with manual, lets its program answer each subscription with topics of its own', async () => {
    const { socket, peers } = await withPeers(2, { manual: true });
    const [one, two] = peers as [RawPeer, RawPeer];
    for (const peer of peers) {
      peer.write(subscribe('a'));
      await settled(peer);
    }
    await socket.receive();
    socket.subscribe('1', 'end');
    await socket.receive();
    socket.subscribe('2', 'end', 'not');
    socket.unsubscribe('not');
    for (const text of ['a', '1', '2', 'not', 'end']) await socket.send(text);
    await one.expectBytes(frames('1'), frames('end'));
    await two.expectBytes(frames('2'), frames('end'));
  });

  it('with manual, tells what a lost peer had asked for', async () => {
    const { socket, peers } = await withPeers(2, { manual: true });
    const [one, two] = peers as [RawPeer, RawPeer];
    for (const peer of peers) {
      peer.write(subscribe('a'));
      await settled(peer);
    }
    one.write(subscribe('b'), cancel('b'));
    await settled(one);
    expect(await read(socket, 4)).toEqual(['+a', '+a', '+b', '-b']);
    two.close();
    expect(await read(socket, 1)).toEqual(['-a']);
    one.close();
    expect(await read(socket, 1)).toEqual(['-a']);
  });

  it('sends its welcome message first to every peer, subscribed or not', async () => {
    const socket = closing(new XPublisher({ welcomeMessage: 'welcome' }));
    const endpoint = await boundTo(socket, anywhere());
    for (let i = 0; i < 2; i++) {
      const peer = await RawPeer.greeted(endpoint, 'SUB');
      await peer.expectBytes(frames('welcome'));
      peer.write(subscribe('a'));
      await settled(peer);
      await socket.send('a');
      await peer.expectBytes(frames('a'));
    }
    socket.welcomeMessage = null;
    await settled(await RawPeer.greeted(endpoint, 'SUB'));
  });

  it('sends its welcome message on each connection that it makes itself', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new XPublisher({ welcomeMessage: 'welcome', reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const first = await listener.greeted('SUB');
    await first.expectBytes(frames('welcome'));
    first.close();
    const second = await listener.greeted('SUB');
    await second.expectBytes(frames('welcome'));
  });

  it('with noDrop, fails with EAGAIN and sends to nobody while a peer who is meant is full', async () => {
    const { socket, peers } = await withPeers(2, {
      noDrop: true,
      sendTimeout: 0,
      sendHighWaterMark: 1,
    });
    const [slow, quick] = peers as [RawPeer, RawPeer];
    for (const peer of peers) {
      peer.write(subscribe(''));
      await settled(peer);
    }
    slow.pause();
    const body = Buffer.alloc(200_000);
    while (socket.trySend([Buffer.from('a'), body])) {
      await quick.takeFrame();
      await quick.takeFrame();
    }
    await expect(socket.send('b')).rejects.toMatchObject({ code: 'EAGAIN' });
    await settled(quick);
    expect(socket.dropped).toBe(0);
  });

  it('with invertMatching, sends to those whose topics do not match', async () => {
    const { socket, peers } = await withPeers(2, { invertMatching: true });
    const [one, two] = peers as [RawPeer, RawPeer];
    one.write(subscribe('a'));
    await settled(one);
    for (const text of ['a', 'b']) await socket.send(text);
    await one.expectBytes(frames('b'));
    await two.expectBytes(frames('a'), frames('b'));
  });

  it('connects to the same endpoint as often as it is told to', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new XPublisher());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    await listener.greeted('SUB');
    await listener.greeted('SUB');
  });

  it('holds back a peer that sends other messages than its program reads, and loses none', async () => {
    const { socket, peers } = await withPeers(2, { receiveHighWaterMark: 10 });
    const [loud, other] = peers as [RawPeer, RawPeer];
    const count = 2000;
    const body = '.'.repeat(60);
    for (let i = 0; i < count; i++) loud.write(frames(`${i}${body}`));
    loud.write(subscribe('end'));
    other.write(subscribe('a'));
    await settled(other);
    await socket.send('a');
    await other.expectBytes(frames('a'));
    let next = 0;
    while (next < count) {
      const text = shown(await socket.receive());
      if (text !== '+a') expect(text).toBe(`${next++}${body}`);
    }
    expect(await read(socket, 1)).toEqual(['+end']);
  });
});

/** Said by one peer or the other, or its loss; and what each mode shows of it. */
const STEPS = [
  { said: 'one subscribes to a', null: '+a', allSubs: '+a', allSubsUnsubs: '+a' },
  { said: 'one subscribes to a again', null: '', allSubs: '+a', allSubsUnsubs: '+a' },
  { said: 'two subscribes to a', null: '', allSubs: '+a', allSubsUnsubs: '+a' },
  { said: 'one cancels a', null: '', allSubs: '', allSubsUnsubs: '-a' },
  { said: 'one cancels a again', null: '', allSubs: '', allSubsUnsubs: '-a' },
  { said: 'two cancels a', null: '-a', allSubs: '-a', allSubsUnsubs: '-a' },
  { said: 'one subscribes to b', null: '+b', allSubs: '+b', allSubsUnsubs: '+b' },
  { said: 'two subscribes to b', null: '', allSubs: '+b', allSubsUnsubs: '+b' },
  { said: 'one is gone', null: '', allSubs: '', allSubsUnsubs: '-b' },
  { said: 'two is gone', null: '-b', allSubs: '-b', allSubsUnsubs: '-b' },
] as const;

describe.each(transports)('XPUB over $name, by verbosity', ({ anywhere }) => {
  it.each([null, 'allSubs', 'allSubsUnsubs'] as const)(
    '%s shows what it should',
    async (verbosity) => {
      const socket = closing(new XPublisher());
      socket.verbosity = verbosity;
      const endpoint = await boundTo(socket, anywhere());
      const peers = {
        one: await RawPeer.greeted(endpoint, 'SUB'),
        two: await RawPeer.greeted(endpoint, 'SUB'),
      };
      let lost = 0;
      socket.events.on('disconnect', () => {
        lost += 1;
      });
      for (const step of STEPS) {
        const [who, verb, ...words] = step.said.split(' ');
        const peer = peers[who as keyof typeof peers]; // As every step says.
        const before = lost;
        if (verb === 'is') {
          peer.close();
          await until(() => lost > before, 'the loss to be seen');
        } else {
          const topic = words.includes('b') ? 'b' : 'a';
          peer.write(verb === 'subscribes' ? subscribe(topic) : cancel(topic));
          await settled(peer);
        }
        const message = socket.tryReceive();
        expect([step.said, message === undefined ? '' : shown(message)]).toEqual([
          step.said,
          step[`${verbosity}`],
        ]);
        expect(socket.readable).toBe(false);
      }
    },
  );
});
