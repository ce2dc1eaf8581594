/*
 * High-water marks (zmq_socket(3); zmq_setsockopt(3), ZMQ_SNDHWM and ZMQ_RCVHWM): counted in
 * messages, per peer and direction, with back-pressure down to the stream.
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

const BODY_BYTES = 64 * 1024;
/** 64 MiB in all: far more than kernels buffer for one connection. */
const FLOOD_MESSAGES = 1024;

/** Sends numbered messages until one is refused; how many were taken. */
async function fill(socket: Dealer, limit: number, frames = 1): Promise<number> {
  for (let sent = 0; sent < limit; sent++) {
    try {
      await socket.send(Array.from({ length: frames }, () => String(sent)));
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
      return sent;
    }
  }
  return limit;
}

/** Rounds of question and answer over another connection: time that is measured in work done. */
async function otherTraffic(rounds: number): Promise<void> {
  const answering = closing(new Dealer());
  const asking = closing(new Dealer());
  asking.connect(await boundTo(answering, 'tcp://127.0.0.1:*'));
  for (let i = 0; i < rounds; i++) {
    await asking.send('?');
    await answering.receive();
    await answering.send('!');
    await asking.receive();
  }
}

describe.each(transports)('high-water marks over $name', ({ anywhere, fresh }) => {
  it.each([1, 2, 10, 1000])(
    'a queue that nobody drains takes exactly sendHighWaterMark messages: %i',
    async (mark) => {
      const socket = closing(new Dealer({ sendHighWaterMark: mark, sendTimeout: 0 }));
      socket.connect(await fresh());
      expect(await fill(socket, 2000)).toBe(mark);
    },
  );

  it('count messages, not frames', async () => {
    const socket = closing(new Dealer({ sendHighWaterMark: 10, sendTimeout: 0 }));
    socket.connect(await fresh());
    expect(await fill(socket, 100, 3)).toBe(10);
  });

  it('are 1000 where nothing else was said', async () => {
    const socket = closing(new Dealer({ sendTimeout: 0 }));
    expect([socket.sendHighWaterMark, socket.receiveHighWaterMark]).toEqual([1000, 1000]);
    socket.connect(await fresh());
    expect(await fill(socket, 2000)).toBe(1000);
  });

  it('of 0 are none', async () => {
    const socket = closing(new Dealer({ sendHighWaterMark: 0, sendTimeout: 0 }));
    socket.connect(await fresh());
    expect(await fill(socket, 10_000)).toBe(10_000);
  });

  it('hold for each peer by itself', async () => {
    const socket = closing(new Dealer({ sendHighWaterMark: 10, sendTimeout: 0 }));
    socket.connect(await fresh());
    socket.connect(await fresh());
    expect(await fill(socket, 100)).toBe(20);
  });

  it('make send() wait while full, and let it go on when the peer takes messages', async () => {
    const endpoint = await fresh();
    const socket = closing(new Dealer({ sendHighWaterMark: 2, reconnectInterval: 1 }));
    socket.connect(endpoint);
    await socket.send('1');
    await socket.send('2');
    let isSent = false;
    const sent = socket.send('3').then(() => {
      isSent = true;
    });
    await otherTraffic(20);
    expect(isSent).toBe(false);
    const peer = await (await RawListener.listen(endpoint)).greeted('DEALER');
    await peer.expectBytes('000131 000132');
    await sent;
    await peer.expectBytes('000133');
  });

  it('stop a sender whose peer does not read, and lose nothing when it reads again', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ sendHighWaterMark: 10, sendTimeout: 0 }));
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('DEALER');
    peer.pause();
    const body = Buffer.alloc(BODY_BYTES);
    let sent = 0;
    const flood = async (): Promise<void> => {
      for (; sent < FLOOD_MESSAGES; sent++) {
        const numbered = Buffer.from(body);
        numbered.writeUInt32BE(sent);
        await socket.send(numbered);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(sent).toBeGreaterThanOrEqual(10);
    peer.resume();
    for (let i = 0; i < sent; i++) expect((await peer.takeFrame()).readUInt32BE(9)).toBe(i);
  });

  it('stop reading from a peer whose messages nobody receives, and lose none of them', async () => {
    const socket = closing(new Dealer({ receiveHighWaterMark: 10 }));
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    const frame = Buffer.alloc(9 + BODY_BYTES);
    frame.writeUInt8(0x02);
    frame.writeUInt32BE(BODY_BYTES, 5);
    for (let i = 0; i < FLOOD_MESSAGES; i++) {
      frame.writeUInt32BE(i, 9);
      peer.write(Buffer.from(frame));
    }
    await otherTraffic(200);
    expect(peer.unsent).toBeGreaterThan(0);
    for (let i = 0; i < FLOOD_MESSAGES; i++) {
      const [body] = await socket.receive();
      expect(body?.readUInt32BE(0)).toBe(i);
    }
    expect(peer.unsent).toBe(0);
  });

  it('keep what a peer had sent before it left, however much waits at the mark', async () => {
    const socket = closing(new Dealer({ receiveHighWaterMark: 2 }));
    const events = recordEvents(socket);
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    peer.write(...Array.from({ length: 100 }, (_, i) => `0002 3${Math.floor(i / 10)} 3${i % 10}`));
    await peer.flushed();
    peer.end();
    const got: string[] = [];
    while (got.length < 100) got.push(...texts(await socket.receive()));
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0')));
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
  });

  it('of one slow peer do not hold up another', async () => {
    const socket = closing(new Dealer({ receiveHighWaterMark: 2 }));
    const endpoint = await boundTo(socket, anywhere());
    const slow = await RawPeer.greeted(endpoint, 'DEALER');
    for (let i = 0; i < 100; i++) slow.write('0001 73');
    const quick = await RawPeer.greeted(endpoint, 'DEALER');
    quick.write('0001 71', '04 07 04 50494e47 0000');
    await quick.expectBytes('04 05 04 504f4e47'); // Its message is there, behind some of the other's.
    const got: string[] = [];
    while (!got.includes('q')) got.push(...texts(await socket.receive()));
    expect(got.length).toBeLessThanOrEqual(5);
  });

  it('changed on a live socket, hold for its existing peers too', async () => {
    const socket = closing(new Dealer({ sendHighWaterMark: 2, sendTimeout: 0 }));
    socket.connect(await fresh());
    expect(await fill(socket, 100)).toBe(2);
    socket.sendHighWaterMark = 5;
    expect(await fill(socket, 100)).toBe(3);
  });
});

describe('many small messages of one turn', () => {
  it('reach the peer whole and in order', async () => {
    const socket = closing(new Dealer({ sendHighWaterMark: 0 }));
    const events = recordEvents(socket);
    const peer = await RawPeer.greeted(await boundTo(socket, 'tcp://127.0.0.1:*'), 'DEALER');
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    for (let i = 0; i < 10_000; i++) void socket.send(String(i % 10));
    const bytes = await peer.take(30_000);
    for (let i = 0; i < 10_000; i++) {
      expect(bytes.readUIntBE(i * 3, 3)).toBe(0x000130 + (i % 10));
    }
  });
});
