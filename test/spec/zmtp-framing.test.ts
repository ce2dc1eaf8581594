/*
 * ZMTP 3.1 (RFC 37), section "Framing": everything after the greeting.
 */
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { hex, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, READY } from '../support/vectors.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

type DealerOptions = ConstructorParameters<typeof Dealer>[0];

describe.each(transports)('framing over $name', ({ anywhere }) => {
  /** A bound DEALER and a raw DEALER that has shaken hands with it. */
  async function pair(options?: DealerOptions): Promise<{ socket: Dealer; peer: RawPeer }> {
    const socket = closing(new Dealer(options));
    const endpoint = await boundTo(socket, anywhere());
    return { socket, peer: await RawPeer.greeted(endpoint, 'DEALER') };
  }

  it('sends a body of up to 255 bytes in a short frame: flags, one byte of size, body', async () => {
    const { socket, peer } = await pair();
    await socket.send('x');
    await peer.expectBytes('00 01 78');
    await socket.send(Buffer.alloc(255, 0x61));
    await peer.expectBytes('00 ff', '61'.repeat(255));
  });

  it('sends a body of 256 bytes and more in a long frame: flags, eight bytes of size, body', async () => {
    const { socket, peer } = await pair();
    await socket.send(Buffer.alloc(256, 0x61));
    await peer.expectBytes('02 0000000000000100', '61'.repeat(256));
    await socket.send(Buffer.alloc(300, 0x62));
    await peer.expectBytes('02 000000000000012c', '62'.repeat(300));
    await socket.send(Buffer.alloc(100_000, 0x63));
    await peer.expectBytes('02 00000000000186a0', '63'.repeat(100_000));
  });

  it('sets MORE on every frame of a message but the last', async () => {
    const { socket, peer } = await pair();
    await socket.send(['id1', 'x']);
    await peer.expectBytes('01 03 696431 00 01 78');
    await socket.send(['', Buffer.alloc(300, 0x61), '']);
    await peer.expectBytes('01 00', '03 000000000000012c', '61'.repeat(300), '00 00');
  });

  it('sends an empty message as one empty frame', async () => {
    const { socket, peer } = await pair();
    await socket.send('');
    await peer.expectBytes('00 00');
  });

  it('receives frames of one message together, once the frame without MORE is there', async () => {
    const { socket, peer } = await pair();
    peer.write('01 01 61 01 00 00 01 62', '00 01 63');
    expect(texts(await socket.receive())).toEqual(['a', '', 'b']);
    expect(texts(await socket.receive())).toEqual(['c']);
  });

  it('receives a small body in the long form', async () => {
    const { socket, peer } = await pair();
    peer.write('03 0000000000000001 61', '02 0000000000000002 6262');
    expect(texts(await socket.receive())).toEqual(['a', 'bb']);
  });

  it('receives the same message wherever its bytes are cut', async () => {
    const { socket, peer } = await pair();
    const bytes = hex('01 03 696431 01 00 02 0000000000000005 48656c6c6f');
    for (let at = 1; at < bytes.length; at++) {
      peer.write(bytes.subarray(0, at));
      await peer.flushed();
      peer.write(bytes.subarray(at));
      expect(texts(await socket.receive()), `cut at ${at}`).toEqual(['id1', '', 'Hello']);
    }
  });

  it('receives a body of ten megabytes unharmed', async () => {
    const { socket, peer } = await pair();
    const body = Buffer.alloc(10 * 1024 * 1024);
    for (let i = 0; i < body.length; i++) body[i] = i * 31;
    peer.write('02 0000000000a00000', body);
    const [received] = await socket.receive();
    expect(received?.equals(body)).toBe(true);
  });

  it('never delivers a message whose last frame did not come', async () => {
    const socket = closing(new Dealer());
    const events = recordEvents(socket);
    const endpoint = await boundTo(socket, anywhere());
    const vanishing = await RawPeer.greeted(endpoint, 'DEALER');
    vanishing.write('01 01 61', '00 05 4865');
    await vanishing.flushed();
    vanishing.end();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    peer.write('00 04 6e657874');
    expect(texts(await socket.receive())).toEqual(['next']);
  });

  it('handles a command between the frames of a message, which stays whole', async () => {
    const { socket, peer } = await pair();
    peer.write('01 01 61', PING, '00 01 62');
    await peer.expectBytes(PONG);
    expect(texts(await socket.receive())).toEqual(['a', 'b']);
  });

  it('never takes a command with MORE for a part of a message', async () => {
    const { peer, socket } = await pair();
    const endpoint = socket.lastEndpoint ?? '';
    peer.write('05 07 04 50494e47 0000');
    await until(() => peer.closed || peer.pending.length >= 7, 'a PONG, or the end');
    const other = await RawPeer.greeted(endpoint, 'DEALER');
    other.write('00 04 6e657874');
    expect(texts(await socket.receive())).toEqual(['next']);
  });

  it.each(['08', '10', '20', '40', '80'])(
    'closes the connection of a peer that sets the reserved flag %s',
    async (flags) => {
      const { peer } = await pair();
      peer.write(flags, '01 61');
      await peer.expectClosed();
    },
  );
});

describe.each(transports)('maxMessageSize over $name', ({ anywhere, fresh }) => {
  it('limits the body of each frame, not the sum of a message', async () => {
    const socket = closing(new Dealer({ maxMessageSize: 100 }));
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    const sixty = '61'.repeat(60);
    peer.write('01 3c', sixty, '01 3c', sixty, '00 3c', sixty, '00 64', '62'.repeat(100));
    expect(await socket.receive()).toHaveLength(3);
    expect((await socket.receive())[0]).toHaveLength(100);
  });

  it('closes the connection at the size field, before the body has come', async () => {
    const socket = closing(new Dealer({ maxMessageSize: 100 }));
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    peer.write('00 65');
    await peer.expectClosed();
  });

  it('counts handshake commands too: a limit of 10 lets nobody in', async () => {
    const socket = closing(new Dealer({ maxMessageSize: 10 }));
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING, READY.DEALER);
    await peer.expectClosed();
  });

  it('exceeded, ends the endpoint of a connecting socket for good', async () => {
    const wrong = await RawListener.listen(await fresh());
    const restarting = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ maxMessageSize: 100, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(wrong.endpoint);
    const peer = await wrong.greeted('DEALER');
    peer.write('00 65');
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');

    socket.connect(restarting.endpoint);
    for (let i = 0; i < 3; i++) (await restarting.accept()).close();
    await restarting.accept();
    expect(wrong.accepted).toHaveLength(1);
  });

  it('is no limit when it is -1, the default', async () => {
    const socket = closing(new Dealer());
    expect(socket.maxMessageSize).toBe(-1);
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    peer.write('02 0000000000100000', Buffer.alloc(1024 * 1024));
    expect((await socket.receive())[0]).toHaveLength(1024 * 1024);
  });
});
