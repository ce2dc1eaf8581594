/*
 * REP (RFC 28; zmq_socket(3), ZMQ_REP): takes a request, answers its sender, in turn.
 */
import { Reply } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

type ReplyOptions = ConstructorParameters<typeof Reply>[0];

describe.each(transports)('REP over $name', ({ anywhere, fresh }) => {
  async function bound(options?: ReplyOptions): Promise<{ socket: Reply; endpoint: string }> {
    const socket = closing(new Reply(options));
    return { socket, endpoint: await boundTo(socket, anywhere()) };
  }

  it('takes the delimiter off the request and puts it in front of the reply', async () => {
    const { socket, endpoint } = await bound();
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100 000548656c6c6f');
    expect(texts(await socket.receive())).toEqual(['Hello']);
    await socket.send('World');
    await peer.expectBytes('0100 0005576f726c64');
  });

  it('keeps the whole envelope up to the first empty frame, and restores it on the reply', async () => {
    const { socket, endpoint } = await bound();
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    peer.write('0103 696431 0103 696432 0100 0102 7131 0002 7132');
    expect(texts(await socket.receive())).toEqual(['q1', 'q2']);
    await socket.send('r1');
    await peer.expectBytes('0103 696431 0103 696432 0100 0002 7231');
  });

  it('passes empty frames of the body up: only the first empty frame is the delimiter', async () => {
    const { socket, endpoint } = await bound();
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100 0100 010161 0000');
    expect(texts(await socket.receive())).toEqual(['', 'a', '']);
    await socket.send(['', 'b']);
    await peer.expectBytes('0100 0100 000162');
  });

  it.each([
    ['no delimiter', '0005 48656c6c6f'],
    ['frames and no delimiter', '0101 61 0001 62'],
    ['a delimiter at its end and no body', '0101 61 0000'],
  ])('discards a message with %s, and keeps the connection', async (_, message) => {
    const { socket, endpoint } = await bound();
    const peer = await RawPeer.greeted(endpoint, 'DEALER');
    peer.write(message, '0100 000178');
    expect(texts(await socket.receive())).toEqual(['x']);
    await socket.send('y');
    await peer.expectBytes('0100 000179');
  });

  it('refuses to send before a request was received, with EFSM when it may not wait', async () => {
    const { socket, endpoint } = await bound({ sendTimeout: 0 });
    expect(() => socket.trySend([Buffer.from('x')])).toThrow(
      expect.objectContaining({ code: 'EFSM' }),
    );
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EFSM' });
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100 000178');
    await socket.receive();
    await socket.send('y');
    await expect(socket.send('z')).rejects.toMatchObject({ code: 'EFSM' });
  });

  it('holds a reply that may wait until a request was received', async () => {
    const { socket, endpoint } = await bound();
    const reply = socket.send('early');
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100 000178');
    expect(texts(await socket.receive())).toEqual(['x']);
    await reply;
    await peer.expectBytes('0100 00056561726c79');
  });

  it('refuses to receive while a reply is due, with EFSM when it may not wait', async () => {
    const { socket, endpoint } = await bound();
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100 000178', '0100 000179');
    await socket.receive();
    socket.receiveTimeout = 0;
    expect(() => socket.tryReceive()).toThrow(expect.objectContaining({ code: 'EFSM' }));
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EFSM' });
    socket.receiveTimeout = -1;
    await socket.send('a');
    expect(texts(await socket.receive())).toEqual(['y']);
  });

  it('answers the peer that asked', async () => {
    const { socket, endpoint } = await bound();
    const first = await RawPeer.greeted(endpoint, 'REQ');
    const second = await RawPeer.greeted(endpoint, 'REQ');
    second.write('0100 000132');
    expect(texts(await socket.receive())).toEqual(['2']);
    await socket.send('b');
    await second.expectBytes('0100 000162');
    first.write('0100 000131');
    expect(texts(await socket.receive())).toEqual(['1']);
    await socket.send('a');
    await first.expectBytes('0100 000161');
    expect(second.pending).toHaveLength(0);
  });

  it('takes requests from its peers in turn', async () => {
    const { socket, endpoint } = await bound();
    const peers = [
      await RawPeer.greeted(endpoint, 'DEALER'),
      await RawPeer.greeted(endpoint, 'DEALER'),
    ];
    for (const [i, peer] of peers.entries()) {
      const digit = `3${i}`;
      peer.write(`0100 0001${digit} 0100 0001${digit} 0100 0001${digit}`, '04 07 04 50494e47 0000');
    }
    // All requests are there before the first is taken.
    for (const peer of peers) await peer.expectBytes('04 05 04 504f4e47');
    const order: string[] = [];
    for (let i = 0; i < 6; i++) {
      order.push(texts(await socket.receive()).join());
      await socket.send('ok');
    }
    expect(order.join('')).toMatch(/^(010101|101010)$/);
  });

  it('drops the reply to a peer that is gone, and its send succeeds', async () => {
    const { socket, endpoint } = await bound();
    const events = recordEvents(socket);
    const peer = await RawPeer.greeted(endpoint, 'REQ');
    peer.write('0100 000178');
    expect(texts(await socket.receive())).toEqual(['x']);
    peer.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    await socket.send('nobody hears this');
    const next = await RawPeer.greeted(endpoint, 'REQ');
    next.write('0100 000179');
    expect(texts(await socket.receive())).toEqual(['y']);
    await socket.send('z');
    await next.expectBytes('0100 00017a');
  });

  it('answers over a connection that it made itself', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Reply());
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('REQ');
    peer.write('0100 000178');
    expect(texts(await socket.receive())).toEqual(['x']);
    await socket.send('y');
    await peer.expectBytes('0100 000179');
  });

  it('serves a queue: requests with the routing ids of clients come back with them', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Reply());
    socket.connect(listener.endpoint);
    const queue = await listener.greeted('DEALER');
    queue.write('0105 006b8b4567 0100 0005 48656c6c6f');
    expect(texts(await socket.receive())).toEqual(['Hello']);
    await socket.send('World');
    await queue.expectBytes('0105 006b8b4567 0100 0005 576f726c64');
  });
});
