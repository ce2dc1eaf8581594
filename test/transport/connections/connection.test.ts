/*
 * One connection from greeting to end, where a peer is slow, greedy or gone. The rules of the
 * protocol itself are in test/spec.
 */
import { Dealer, Router } from '@zscale/transport';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { freshIpc } from '../../support/endpoints.ts';
import { hex, texts } from '../../support/hex.ts';
import { RawListener, RawPeer } from '../../support/raw-peer.ts';
import { countOf, recordEvents } from '../../support/recorded-events.ts';
import { transports } from '../../support/transports.ts';
import { until, within } from '../../support/until.ts';
import { GREETING } from '../../support/vectors.ts';

const MIB = 1024 * 1024;
const HANDSHAKE_FRAME_BYTES = 64 * 1024;
const PONG = '04 05 04 504f4e47';
const PING = '04 07 04 50494e47 0000';
const FLOOD_PINGS = 200_000;

/** READY of a DEALER in a frame of exactly `bytes`, filled up by a property of its own. */
function readyOf(bytes: number): Buffer {
  const start = hex('05 5245414459 0b 536f636b65742d54797065 00000006 4445414c4552');
  const name = hex('05 582d466f6f');
  const length = Buffer.alloc(4);
  const value = Buffer.alloc(bytes - start.length - name.length - length.length, 'x');
  length.writeUInt32BE(value.length);
  const head = Buffer.alloc(9);
  head.writeUInt8(0x06);
  head.writeUInt32BE(bytes, 5);
  return Buffer.concat([head, start, name, length, value]);
}

describe.each(transports)('a connection over $name', ({ anywhere, fresh }) => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('whose sender closes while its receiver is at the high-water mark loses nothing', async () => {
    const receiver = closing(new Router());
    const endpoint = await boundTo(receiver, anywhere());
    const sender = new Dealer({ sendHighWaterMark: 0 });
    sender.connect(endpoint);
    for (let i = 0; i < 5000; i++) await sender.send(`${i}`);
    sender.close();
    await within(sender.ended, 'the sender to end');
    for (let i = 0; i < 5000; i++) {
      const [, text] = texts(await within(receiver.receive(), `message ${i} of 5000`));
      expect(text).toBe(`${i}`);
    }
  });

  it('closed with linger -1 waits as long as its peer takes to read', async () => {
    const listener = await RawListener.listen(await fresh());
    const sender = new Dealer();
    sender.connect(listener.endpoint);
    const peer = await listener.greeted('ROUTER');
    peer.pause();
    await sender.send(Buffer.alloc(20 * MIB, 1));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    sender.close();
    await new Promise(setImmediate);
    vi.advanceTimersByTime(3_600_000);
    vi.useRealTimers();
    peer.resume();
    await peer.expectClosed();
    expect(peer.pending.length).toBe(20 * MIB + 9);
    await within(sender.ended, 'the sender to end');
  });

  it('closed with linger -1 does not wait for a peer that has everything and stays', async () => {
    const listener = await RawListener.listen(await fresh());
    const sender = new Dealer();
    const events = recordEvents(sender);
    sender.connect(listener.endpoint);
    const peer = await listener.greeted('ROUTER');
    await until(() => countOf(events, 'handshake') === 1);
    await sender.send('last');
    sender.close();
    await peer.expectBytes('00 04 6c617374');
    await within(sender.ended, 'the sender to end');
  });

  it('takes a READY of 64 KiB and refuses a larger one, whatever maxMessageSize is', async () => {
    const socket = closing(new Router({ maxMessageSize: 64 * MIB }));
    const events = recordEvents(socket);
    const endpoint = await boundTo(socket, anywhere());
    const large = await RawPeer.connect(endpoint);
    large.write(GREETING, readyOf(HANDSHAKE_FRAME_BYTES));
    await until(() => countOf(events, 'handshake') === 1);
    const tooLarge = await RawPeer.connect(endpoint);
    tooLarge.write(GREETING, readyOf(HANDSHAKE_FRAME_BYTES + 1));
    await tooLarge.expectClosed();
    await until(() => countOf(events, 'handshake:error:protocol') === 1);
    expect(countOf(events, 'handshake')).toBe(1);
  });

  it('takes larger messages than that once it is ready, also those that came with the READY', async () => {
    const socket = closing(new Router());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    const head = hex('02 0000000000100000');
    peer.write(GREETING, readyOf(1000), head, Buffer.alloc(MIB));
    const [, body] = await within(socket.receive(), 'the message');
    expect(body).toHaveLength(MIB);
  });

  it('answers PINGs of a peer that reads, however many', async () => {
    const socket = closing(new Router());
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    for (let i = 0; i < 100; i++) {
      peer.write(PING.repeat(100));
      await peer.expectBytes(PONG.repeat(100));
    }
  });
});

describe('a peer that sends PINGs and does not read', () => {
  it('is not answered without end, and is answered again when it reads', async () => {
    const socket = closing(new Router());
    const peer = await RawPeer.greeted(await boundTo(socket, freshIpc()), 'DEALER');
    peer.pause();
    peer.write(PING.repeat(FLOOD_PINGS), '00 01 61');
    await within(socket.receive(), 'the message behind the PINGs');
    peer.resume();
    // It may still be behind with reading when this comes, so it asks until it is answered.
    const answered = (): boolean => peer.pending.subarray(-3).toString() === 'end';
    await until(() => {
      if (!answered()) peer.write('04 0a 04 50494e47 0000 656e64');
      return answered();
    });
    // Kernels hold some hundred KiB for a connection of this kind; all answers would be 1.4 MB.
    expect(peer.pending.length).toBeLessThan(FLOOD_PINGS * 7 * 0.75);
  });
});

describe('connect() from a source', () => {
  it.each(['tcp://nosuch0:0;127.0.0.1:5555', 'tcp://not an address:0;127.0.0.1:5555'])(
    'that is neither an address nor an interface is EINVAL at once: %s',
    (endpoint) => {
      const socket = closing(new Dealer());
      expect(() => socket.connect(endpoint)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    },
  );

  it('that is an interface of this machine connects', async () => {
    const server = closing(new Router());
    const endpoint = await boundTo(server, 'tcp://127.0.0.1:*');
    const socket = closing(new Dealer());
    socket.connect(endpoint.replace('tcp://', 'tcp://127.0.0.1:0;'));
    await socket.send('x');
    expect(texts(await within(server.receive(), 'the message')).at(-1)).toBe('x');
  });
});
