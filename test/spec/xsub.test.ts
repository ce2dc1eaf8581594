/*
 * XSUB (RFC 29, "The XSUB Socket Type"; zmq_socket(3), ZMQ_XSUB), judged by raw publishers.
 */
import { XSubscriber } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { cancel, frames, READY_XPUB, settled, subscribe } from '../support/pub-sub.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING_3_0 } from '../support/vectors.ts';

describe.each(transports)('XSUB over $name', ({ anywhere, fresh }) => {
  /** A bound XSUB with so many raw XPUBs, which it knows. */
  async function withPeers(
    count: number,
    options: ConstructorParameters<typeof XSubscriber>[0] = {},
  ): Promise<{ socket: XSubscriber; peers: RawPeer[] }> {
    const socket = closing(new XSubscriber(options));
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 0; i < count; i++) {
      const peer = await RawPeer.connect(endpoint);
      await peer.greet(READY_XPUB);
      await settled(peer);
      peers.push(peer);
    }
    return { socket, peers };
  }

  it('makes subscriptions of messages that start with 01 and 00, for every publisher', async () => {
    const { socket, peers } = await withPeers(2);
    await socket.send('\x01a');
    await socket.send('\x00a');
    await socket.send('\x01');
    for (const peer of peers) await peer.expectBytes(subscribe('a'), cancel('a'), subscribe(''));
  });

  it('makes messages of them for a publisher of ZMTP 3.0', async () => {
    const { socket } = await withPeers(0);
    const peer = await RawPeer.connect(socket.lastEndpoint as string); // It is bound.
    await peer.greet(READY_XPUB, GREETING_3_0);
    await settled(peer);
    await socket.send('\x01a');
    await socket.send('\x00a');
    await peer.expectBytes(frames('\x01a'), frames('\x00a'));
  });

  it('passes every subscription on, but only the last cancellation of a topic, and none of an unknown one', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    for (const text of ['\x00a', '\x01a', '\x01a', '\x00a', '\x01b', '\x00a', '\x00a']) {
      await socket.send(text);
    }
    await peer.expectBytes(subscribe('a'), subscribe('a'), subscribe('b'), cancel('a'));
    await settled(peer);
  });

  it('sends other messages to every publisher as they are', async () => {
    const { socket, peers } = await withPeers(2);
    await socket.send(['hello', '', '\x01a']);
    await socket.send('');
    await socket.send('\x02');
    for (const peer of peers) {
      await peer.expectBytes(frames('hello', '', '\x01a'), frames(''), frames('\x02'));
    }
  });

  it('takes each frame of a message that subscribes by itself, and sends the others together', async () => {
    const { socket, peers } = await withPeers(1);
    const [peer] = peers as [RawPeer];
    await socket.send(['\x01a', 'x', '\x01b', '\x00c', 'y']);
    await peer.expectBytes(subscribe('a'), subscribe('b'), frames('x', 'y'));
  });

  it('receives whatever its publishers send, subscribed or not, in turn', async () => {
    const { socket, peers } = await withPeers(2);
    for (const [i, peer] of peers.entries()) {
      peer.write(frames(`${i}`, 'x'), frames(`${i}`, 'x'));
      await settled(peer);
    }
    const order: string[] = [];
    for (let i = 0; i < 4; i++) order.push(texts(await socket.receive()).join(''));
    expect(order.toSorted()).toEqual(['0x', '0x', '1x', '1x']);
    expect(order[0]).not.toBe(order[1]);
  });

  it('sends one SUBSCRIBE per distinct topic on every connection, before anything else', async () => {
    const endpoint = await fresh();
    const socket = closing(new XSubscriber({ reconnectInterval: 1 }));
    for (const text of ['\x01a', '\x01b', '\x01a', '\x00b', '\x01c']) await socket.send(text);
    socket.connect(endpoint);
    const listener = await RawListener.listen(endpoint);
    const first = await listener.accept();
    await first.greet(READY_XPUB);
    await first.expectBytes(subscribe('a'), subscribe('c'));
    await settled(first);
    first.close();
    let lost = false;
    socket.events.on('disconnect', () => {
      lost = true;
    });
    await until(() => lost, 'the loss to be seen');
    await socket.send('\x00c');
    await socket.send('\x01d');
    await socket.send('for whom it may concern');
    const second = await listener.accept();
    await second.greet(READY_XPUB);
    await second.expectBytes(subscribe('a'), subscribe('d'), frames('for whom it may concern'));
    await settled(second);
  });

  it('never waits: a publisher that is full misses messages, and no subscription', async () => {
    const { socket, peers } = await withPeers(1, { sendHighWaterMark: 5 });
    const [peer] = peers as [RawPeer];
    peer.pause();
    const body = Buffer.alloc(200_000, 'x');
    let sent = 0;
    await until(async () => {
      await socket.send(body);
      sent += 1;
      return socket.dropped >= 3;
    }, 'messages to be dropped');
    for (const text of ['\x01a', '\x01b', '\x00a']) await socket.send(text);
    peer.resume();
    for (let i = 0; i < sent - socket.dropped; i++) {
      expect((await peer.takeFrame()).length).toBe(9 + body.length);
    }
    await peer.expectBytes(cancel('a'), subscribe('b'));
  });

  it('connects to the same endpoint as often as it is told to', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new XSubscriber());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    await listener.greeted('PUB');
    await listener.greeted('PUB');
  });
});
