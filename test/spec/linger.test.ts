/*
 * Closing (zmq_close(3); zmq_setsockopt(3), ZMQ_LINGER): what happens to messages that are not
 * sent yet.
 */
import { Dealer, Reply, Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const BODY_BYTES = 64 * 1024;
/** 32 MiB in all: more than kernels buffer for one connection. */
const FLOOD_MESSAGES = 512;

describe.each(transports)('close over $name', ({ anywhere, fresh }) => {
  /** A socket with more queued for its peer than the kernel takes; the peer does not read. */
  async function flooded(linger: number): Promise<{ socket: Dealer; peer: RawPeer }> {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ linger, sendHighWaterMark: 0 }));
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('DEALER');
    peer.pause();
    const body = Buffer.alloc(BODY_BYTES);
    for (let i = 0; i < FLOOD_MESSAGES; i++) {
      body.writeUInt32BE(i);
      await socket.send(Buffer.from(body));
    }
    return { socket, peer };
  }

  it('with linger -1, the default, sends everything that is queued', async () => {
    expect(closing(new Dealer()).linger).toBe(-1);
    const { socket, peer } = await flooded(-1);
    socket.close();
    peer.resume();
    for (let i = 0; i < FLOOD_MESSAGES; i++) {
      expect((await peer.takeFrame()).readUInt32BE(9)).toBe(i);
    }
    await peer.expectClosed();
  });

  it('with linger -1, waits for a peer that is not there yet', async () => {
    const endpoint = await fresh();
    const socket = new Dealer({ reconnectInterval: 1 });
    socket.connect(endpoint);
    await socket.send('last words');
    socket.close();
    const peer = await (await RawListener.listen(endpoint)).greeted('DEALER');
    await peer.expectBytes('000a', Buffer.from('last words').toString('hex'));
    await peer.expectClosed();
  });

  it('with linger 0, drops what is queued and closes at once', async () => {
    const { socket, peer } = await flooded(0);
    socket.close();
    peer.resume();
    await peer.expectClosed();
    expect(peer.pending.length).toBeLessThan(FLOOD_MESSAGES * BODY_BYTES);
  });

  it('with linger 0, forgets a peer that is not there yet', async () => {
    const endpoint = await fresh();
    const socket = new Dealer({ reconnectInterval: 1, linger: 0 });
    const events = recordEvents(socket);
    socket.connect(endpoint);
    await socket.send('never');
    socket.close();
    await until(() => countOf(events, 'end') === 1, 'end');
    const listener = await RawListener.listen(endpoint);
    closing(new Dealer()).connect(endpoint);
    await listener.greeted('DEALER'); // The new socket's: it alone is there.
    expect(listener.accepted).toHaveLength(1);
  });

  it('with a linger of 300 ms, gives a peer that does not read that long, and no less', async () => {
    const { socket, peer } = await flooded(300);
    const events = recordEvents(socket);
    const start = performance.now();
    socket.close();
    await until(() => countOf(events, 'end') === 1, 'end');
    expect(performance.now() - start).toBeGreaterThan(295);
    peer.resume();
    await peer.expectClosed();
    expect(peer.pending.length).toBeLessThan(FLOOD_MESSAGES * BODY_BYTES);
  });

  it('does not linger for a peer that has everything', async () => {
    const socket = new Dealer({ linger: -1 });
    const events = recordEvents(socket);
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'DEALER');
    await socket.send('x');
    await peer.expectBytes('0001 78');
    socket.close();
    await peer.expectClosed();
    await until(() => countOf(events, 'end') === 1, 'end');
  });

  it('linger set on a live socket counts when it is closed', async () => {
    const { socket, peer } = await flooded(-1);
    socket.linger = 0;
    socket.close();
    peer.resume();
    await peer.expectClosed();
    expect(peer.pending.length).toBeLessThan(FLOOD_MESSAGES * BODY_BYTES);
  });

  it('a reply that was sent before the close reaches its client', async () => {
    const rep = new Reply();
    const endpoint = await boundTo(rep, anywhere());
    const req = closing(new Request());
    req.connect(endpoint);
    await req.send('ping');
    await rep.receive();
    await rep.send('pong');
    rep.close();
    expect(texts(await req.receive())).toEqual(['pong']);
  });

  it('turns callers that wait away with EAGAIN, and later ones with EBADF', async () => {
    const socket = new Dealer();
    await socket.bind(anywhere());
    const receiving = socket.receive();
    const sending = socket.send('x');
    socket.close();
    await expect(receiving).rejects.toMatchObject({ code: 'EAGAIN' });
    await expect(sending).rejects.toMatchObject({ code: 'EAGAIN' });
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EBADF' });
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EBADF' });
    expect(socket.closed).toBe(true);
    socket.close();
  });
});
