/*
 * Conflation (zmq_setsockopt(3), ZMQ_CONFLATE): only the newest message waits, to be sent or to be
 * received, and high-water marks count for nothing.
 */
import { Dealer, Pull, Push } from '@zscale/transport';
import { Gather, Scatter } from '@zscale/transport/draft';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';
/** READY commands of the drafts. */
const READY_GATHER = '04 1c 05 5245414459 0b 536f636b65742d54797065 00000006 474154484552';
const READY_SCATTER = '04 1d 05 5245414459 0b 536f636b65742d54797065 00000007 53434154544552';
const READY_DEALER =
  '04 29 05 5245414459 0b 536f636b65742d54797065 00000006 4445414c4552 08 4964656e74697479 00000000';
const READY_PUSH = '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 50555348';
const READY_PULL = '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 50554c4c';

const senders = [
  {
    type: 'PUSH',
    ready: READY_PULL,
    open: () => new Push({ conflate: true, reconnectInterval: 1 }),
  },
  {
    type: 'DEALER',
    ready: READY_DEALER,
    open: () => new Dealer({ conflate: true, reconnectInterval: 1 }),
  },
  {
    type: 'SCATTER',
    ready: READY_GATHER,
    open: () => new Scatter({ conflate: true, reconnectInterval: 1 }),
  },
];

const receivers = [
  { type: 'PULL', ready: READY_PUSH, open: () => new Pull({ conflate: true }) },
  { type: 'DEALER', ready: READY_DEALER, open: () => new Dealer({ conflate: true }) },
  { type: 'GATHER', ready: READY_SCATTER, open: () => new Gather({ conflate: true }) },
];

describe.each(transports)('conflate over $name', ({ anywhere, fresh }) => {
  it.each(senders)('$type sends the last of ten that waited', async ({ ready, open }) => {
    const endpoint = await fresh();
    const socket = closing(open());
    socket.connect(endpoint);
    for (let i = 0; i < 10; i++) await socket.send(String(i));
    const peer = await (await RawListener.listen(endpoint)).accept();
    await peer.greet(ready);
    await peer.expectBytes('0001 39');
    await socket.send('x');
    await peer.expectBytes('0001 78');
  });

  it.each(senders)('$type never waits for room', async ({ open }) => {
    const socket = closing(open());
    socket.sendHighWaterMark = 1;
    socket.sendTimeout = 0;
    socket.connect(await fresh());
    for (let i = 0; i < 100; i++) await socket.send('x');
    expect(socket.unsent.messages).toBe(1);
  });

  it.each(receivers)('$type gives the last of ten that came', async ({ ready, open }) => {
    const socket = closing(open());
    socket.receiveHighWaterMark = 1;
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    await peer.greet(ready);
    for (let i = 0; i < 10; i++) peer.write(`0001 3${i}`);
    peer.write(PING);
    await peer.expectBytes(PONG); // All ten were there.
    expect(texts(await socket.receive())).toEqual(['9']);
    expect(socket.readable).toBe(false);
    peer.write('0001 78');
    expect(texts(await socket.receive())).toEqual(['x']);
  });

  it('keeps the frames of the newest message together', async () => {
    const pull = closing(new Pull({ conflate: true }));
    const push = closing(new Push({ conflate: true }));
    const endpoint = await fresh();
    push.connect(endpoint);
    for (let i = 0; i < 10; i++) await push.send([String(i), 'a', 'b']);
    await pull.bind(endpoint);
    expect(texts(await pull.receive())).toEqual(['9', 'a', 'b']);
  });

  it('keeps one message of each peer', async () => {
    const socket = closing(new Pull({ conflate: true }));
    const endpoint = await boundTo(socket, anywhere());
    for (const name of ['61', '62']) {
      const peer = await RawPeer.greeted(endpoint, 'PUSH');
      peer.write(`0001 78 0001 ${name}`, PING);
      await peer.expectBytes(PONG);
    }
    const got = [texts(await socket.receive()), texts(await socket.receive())].flat();
    expect(got.toSorted()).toEqual(['a', 'b']);
    expect(socket.readable).toBe(false);
  });
});
