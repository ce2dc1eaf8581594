/*
 * ZMTP 3.1 (RFC 37), section "Connection Heartbeating"; zmq_setsockopt(3), ZMQ_HEARTBEAT_…
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

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';
/** Tenths of a second, so that the peer gives us up soon if we fall silent. */
const PING_TTL_100_MS = '04 07 04 50494e47 0001';
/** What no test waits for. */
const NEVER = 3_600_000;

type DealerOptions = ConstructorParameters<typeof Dealer>[0];

describe.each(transports)('heartbeats over $name', ({ anywhere, fresh }) => {
  async function pair(options?: DealerOptions): Promise<{ socket: Dealer; peer: RawPeer }> {
    const socket = closing(new Dealer(options));
    const endpoint = await boundTo(socket, anywhere());
    return { socket, peer: await RawPeer.greeted(endpoint, 'DEALER') };
  }

  it('are PINGs, one every heartbeatInterval', async () => {
    const { peer } = await pair({ heartbeatInterval: 10, heartbeatTimeout: NEVER });
    await peer.expectBytes(PING, PING, PING);
  });

  it('come not before one heartbeatInterval after the handshake', async () => {
    const start = performance.now();
    const { peer } = await pair({ heartbeatInterval: 200, heartbeatTimeout: NEVER });
    await peer.expectBytes(PING);
    expect(performance.now() - start).toBeGreaterThan(195);
  });

  it('come between messages, too: traffic does not replace them', async () => {
    const { socket, peer } = await pair({ heartbeatInterval: 10, heartbeatTimeout: NEVER });
    let pings = 0;
    while (pings < 3) {
      await socket.send('x');
      peer.write('0001 79');
      await socket.receive();
      for (let frame = await peer.takeFrame(); frame.length === 9; frame = await peer.takeFrame()) {
        pings += 1;
      }
    }
  });

  it('are off where nothing else was said', async () => {
    const quiet = await pair();
    const pinging = await pair({ heartbeatInterval: 10, heartbeatTimeout: NEVER });
    expect(quiet.socket.heartbeatInterval).toBe(0);
    await pinging.peer.expectBytes(PING, PING, PING);
    expect(quiet.peer.pending).toHaveLength(0);
  });

  it.each([
    [2500, '0019'],
    [99, '0000'],
    [65_500, '028f'],
  ])('carry heartbeatTimeToLive in tenths of a second: %i ms', async (heartbeatTimeToLive, ttl) => {
    const { peer } = await pair({
      heartbeatInterval: 10,
      heartbeatTimeout: NEVER,
      heartbeatTimeToLive,
    });
    await peer.expectBytes('04 07 04 50494e47', ttl);
  });

  it('unanswered for heartbeatTimeout, end the connection', async () => {
    const { socket, peer } = await pair({ heartbeatInterval: 10, heartbeatTimeout: 50 });
    const events = recordEvents(socket);
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    expect(countOf(events, 'handshake:error:other')).toBe(0);
  });

  it('unanswered, make the connecting side connect again', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(
      new Dealer({ heartbeatInterval: 10, heartbeatTimeout: 50, reconnectInterval: 1 }),
    );
    socket.connect(listener.endpoint);
    const silent = await listener.greeted('DEALER');
    await silent.expectClosed();
    await listener.greeted('DEALER');
  });

  it('time out after heartbeatInterval where no heartbeatTimeout was said', async () => {
    const { socket, peer } = await pair({ heartbeatInterval: 50 });
    expect(socket.heartbeatTimeout).toBe(-1);
    await peer.expectBytes(PING);
    await peer.expectClosed();
  });

  it('answered with PONG, keep the connection', async () => {
    const { socket, peer } = await pair({ heartbeatInterval: 100, heartbeatTimeout: 3000 });
    for (let i = 0; i < 5; i++) {
      await peer.expectBytes(PING);
      peer.write(PONG);
    }
    peer.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['a']);
    expect(peer.closed).toBe(false);
  });

  it('answered with any other traffic, keep the connection', async () => {
    const { socket, peer } = await pair({ heartbeatInterval: 500, heartbeatTimeout: 2000 });
    const other = await pair({ heartbeatInterval: 500, heartbeatTimeout: 2000 });
    // Neither answers with PONG; one sends a message for each PING, the other falls silent.
    await other.peer.expectBytes(PING);
    while (!other.peer.closed) {
      await peer.expectBytes(PING);
      peer.write('0001 61');
      expect(texts(await socket.receive())).toEqual(['a']);
    }
    expect(peer.closed).toBe(false);
  });

  it('of a peer with a time to live: the connection ends when it then falls silent', async () => {
    const { socket, peer } = await pair();
    const events = recordEvents(socket);
    const start = performance.now();
    peer.write(PING_TTL_100_MS);
    await peer.expectBytes(PONG);
    await peer.expectClosed();
    expect(performance.now() - start).toBeGreaterThan(95);
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
  });

  it('of a peer with a time to live: anything it then sends calls the end off', async () => {
    const { socket, peer } = await pair();
    const silent = await RawPeer.greeted(socket.lastEndpoint ?? '', 'DEALER');
    peer.write(PING_TTL_100_MS);
    await peer.expectBytes(PONG);
    peer.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['a']);
    // The same time to live ends a connection that began later; by then the first has outlived it.
    silent.write(PING_TTL_100_MS);
    await silent.expectClosed();
    expect(peer.closed).toBe(false);
    peer.write('0001 62');
    expect(texts(await socket.receive())).toEqual(['b']);
  });

  it('of a peer without a time to live ask for an answer only', async () => {
    const { socket, peer } = await pair();
    const silent = await RawPeer.greeted(socket.lastEndpoint ?? '', 'DEALER');
    peer.write(PING);
    await peer.expectBytes(PONG);
    silent.write(PING_TTL_100_MS);
    await silent.expectClosed();
    expect(peer.closed).toBe(false);
  });
});
