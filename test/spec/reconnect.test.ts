/*
 * Losing a connection and making it again (zmq_setsockopt(3), ZMQ_RECONNECT_IVL and
 * ZMQ_IMMEDIATE; zmq_socket_monitor(3)): the connecting side's pipe outlives its connections, the
 * bound side's does not.
 */
import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, READY_DEALER_CLIENT_1 } from '../support/vectors.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

/** The waits that were told so far, in ms. */
function intervals(events: readonly RecordedEvent[]): number[] {
  return events.flatMap(({ type, interval }) =>
    type === 'connect:retry' && interval !== undefined ? [interval] : [],
  );
}

describe.each(transports)('reconnecting over $name', ({ anywhere, fresh }) => {
  it('a connecting socket keeps trying until somebody listens', async () => {
    const endpoint = await fresh();
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(endpoint);
    await until(() => countOf(events, 'connect:retry') >= 3, 'three retries');
    const peer = await (await RawListener.listen(endpoint)).greeted('DEALER');
    await socket.send('x');
    await peer.expectBytes('0001 78');
  });

  it('a lost connection is made again, and told: disconnect, connect:retry, connect, handshake', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    (await listener.greeted('DEALER')).close();
    await listener.greeted('DEALER');
    await until(() => countOf(events, 'handshake') === 2, 'the second handshake');
    const told = events.map(({ type }) => type).filter((type) => type !== 'connect:delay');
    expect(told).toEqual([
      'connect',
      'handshake',
      'disconnect',
      'connect:retry',
      'connect',
      'handshake',
    ]);
    expect(events.every(({ address }) => address === listener.endpoint)).toBe(true);
  });

  it('messages sent while nobody is connected wait, and are sent in order after reconnecting', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    const first = await listener.greeted('DEALER');
    await socket.send('0');
    await first.expectBytes('0001 30');
    first.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    for (const text of ['1', '2', '3']) await socket.send(text);
    const second = await listener.greeted('DEALER');
    await second.expectBytes('0001 31 0001 32 0001 33');
  });

  it('a bound socket forgets a lost peer and everything queued for it', async () => {
    const socket = closing(new Router());
    const events = recordEvents(socket);
    const endpoint = await boundTo(socket, anywhere());
    const lost = await RawPeer.connect(endpoint);
    await lost.greet(READY_DEALER_CLIENT_1);
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    lost.pause();
    const body = Buffer.alloc(64 * 1024);
    for (let i = 0; i < 200; i++) await socket.send(['client-1', body]);
    lost.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    const back = await RawPeer.connect(endpoint);
    await back.greet(READY_DEALER_CLIENT_1);
    back.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['client-1', 'a']);
    await socket.send(['client-1', 'x']);
    await back.expectBytes('0001 78');
  });

  it('a message that came half before the connection broke is never delivered', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const first = await listener.greeted('DEALER');
    first.write('0101 61 0005 6865');
    await first.flushed();
    first.end();
    const second = await listener.greeted('DEALER');
    second.write('0001 62');
    expect(texts(await socket.receive())).toEqual(['b']);
  });

  it('messages received before the connection broke can still be read', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const first = await listener.greeted('DEALER');
    first.write('0001 61', PING);
    await first.expectBytes(PONG);
    first.close();
    (await listener.greeted('DEALER')).write('0001 62');
    expect(texts(await socket.receive())).toEqual(['a']);
    expect(texts(await socket.receive())).toEqual(['b']);
  });

  it('each wait is reconnectInterval and a random part of less than that', async () => {
    const socket = closing(new Dealer({ reconnectInterval: 20 }));
    const events = recordEvents(socket);
    socket.connect(await fresh());
    await until(() => countOf(events, 'connect:retry') >= 10, 'ten retries');
    for (const interval of intervals(events)) {
      expect(interval).toBeGreaterThanOrEqual(20);
      expect(interval).toBeLessThan(40);
    }
  });

  it('with reconnectMaxInterval, waits double up to it, with a random part on top', async () => {
    const socket = closing(new Dealer({ reconnectInterval: 10, reconnectMaxInterval: 80 }));
    const events = recordEvents(socket);
    socket.connect(await fresh());
    await until(() => countOf(events, 'connect:retry') >= 6, 'six retries');
    for (const [i, expected] of [10, 20, 40, 80, 80, 80].entries()) {
      expect(intervals(events)[i]).toBeGreaterThanOrEqual(expected);
      expect(intervals(events)[i]).toBeLessThan(expected + 10);
    }
  });

  it('waits start over after a connection that worked', async () => {
    const endpoint = await fresh();
    const socket = closing(new Dealer({ reconnectInterval: 10, reconnectMaxInterval: 1000 }));
    const events = recordEvents(socket);
    socket.connect(endpoint);
    await until(() => countOf(events, 'connect:retry') >= 4, 'four retries');
    const listener = await RawListener.listen(endpoint);
    (await listener.greeted('DEALER')).close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    const before = events.findIndex(({ type }) => type === 'disconnect');
    await until(() => intervals(events.slice(before)).length > 0, 'a retry after the loss');
    expect(intervals(events.slice(before))[0]).toBeLessThan(20);
  });

  it.each([-1, 0])('with reconnectInterval %i, is never tried again', async (reconnectInterval) => {
    const once = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval }));
    const events = recordEvents(socket);
    socket.connect(once.endpoint);
    (await once.greeted('DEALER')).close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');

    // Another socket reconnects three times meanwhile.
    const restarting = await RawListener.listen(await fresh());
    closing(new Dealer({ reconnectInterval: 1 })).connect(restarting.endpoint);
    for (let i = 0; i < 3; i++) (await restarting.accept()).close();
    await restarting.accept();
    expect(once.accepted).toHaveLength(1);
    expect(countOf(events, 'connect:retry')).toBe(0);
  });

  it('a peer that goes during the handshake is tried again', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    const first = await listener.accept();
    first.write(GREETING);
    await first.take(64);
    first.close();
    const second = await listener.greeted('DEALER');
    await socket.send('x');
    await second.expectBytes('0001 78');
    expect(countOf(events, 'handshake:error:other')).toBe(1);
  });

  it('with immediate, messages queued for a lost connection are dropped with it', async () => {
    const [gone, live] = [
      await RawListener.listen(await fresh()),
      await RawListener.listen(await fresh()),
    ];
    const socket = closing(new Dealer({ immediate: true, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(gone.endpoint);
    const lost = await gone.greeted('DEALER');
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    await gone.close();
    lost.close();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    const sent = socket.send('x'); // Nobody is there: it waits in the caller, not in a queue.
    socket.connect(live.endpoint);
    const peer = await live.greeted('DEALER');
    await sent;
    await peer.expectBytes('0001 78');
  });

  it('with immediate and nobody connected, a send with sendTimeout 0 is EAGAIN', async () => {
    const socket = closing(new Dealer({ immediate: true, sendTimeout: 0 }));
    socket.connect(await fresh());
    await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
  });

  it('a server may be replaced: its clients go on with the next one at the same address', async () => {
    const endpoint = await fresh();
    const client = closing(new Request({ reconnectInterval: 1 }));
    const events = recordEvents(client);
    client.connect(endpoint);
    for (const name of ['first', 'second', 'third']) {
      const server = new Reply({ linger: 0 });
      await until(async () => {
        await server.bind(endpoint); // EADDRINUSE until the one before has let go.
        return true;
      }, 'the address to be free');
      await client.send('who?');
      expect(texts(await server.receive())).toEqual(['who?']);
      await server.send(name);
      expect(texts(await client.receive())).toEqual([name]);
      const lost = countOf(events, 'disconnect');
      server.close();
      // A request sent before the client knows would be lost with the connection.
      await until(() => countOf(events, 'disconnect') > lost, 'disconnect');
    }
  });
});
