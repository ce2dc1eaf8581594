/*
 * Heartbeats between ours and libzmq: each answers the other's PINGs, and each gives up a peer
 * that is there and says nothing.
 */
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { ours } from '../support/ours.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { Relay } from '../support/relay.ts';
import { TheirPeer } from '../support/their-peer.ts';
import { theirStacks } from '../support/their-stacks.ts';
import { until } from '../support/until.ts';

const PING = Buffer.from('0450494e47', 'hex');
const PONG = Buffer.from('04504f4e47', 'hex');

/** How often `part` is in `bytes`. */
function occurrences(bytes: Buffer, part: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(part); at >= 0; at = bytes.indexOf(part, at + 1)) count += 1;
  return count;
}

describe.each(theirStacks)('with $title', (their) => {
  const directions = [
    { pinging: ours, answering: their },
    { pinging: their, answering: ours },
  ];

  describe.skipIf(their.isAbsent).each(directions)(
    '$pinging.name pings $answering.name',
    ({ pinging, answering }) => {
      it('every PING is answered, and the connection stays', async () => {
        const bound = await answering.open('DEALER');
        const relay = await Relay.to(await bound.bind('tcp://127.0.0.1:*'));
        const dialing = await pinging.open('DEALER', {
          heartbeatInterval: 20,
          heartbeatTimeout: 10_000,
          heartbeatTimeToLive: 10_000,
        });
        await dialing.connect(relay.endpoint);
        await until(() => occurrences(relay.forth, PING) >= 5, 'five PINGs');
        await until(() => occurrences(relay.back, PONG) >= 5, 'five PONGs');
        await dialing.send([Buffer.from('still here')]);
        expect(String(await bound.receive())).toBe('still here');
        expect(relay.connections).toBe(1);
      });

      it('a peer that falls silent is given up and connected to again', async () => {
        const bound = await answering.open('DEALER');
        const relay = await Relay.to(await bound.bind('tcp://127.0.0.1:*'));
        const dialing = await pinging.open('DEALER', {
          heartbeatInterval: 50,
          heartbeatTimeout: 500,
          reconnectInterval: 10,
        });
        await dialing.connect(relay.endpoint);
        await until(() => occurrences(relay.back, PONG) >= 1, 'a PONG');
        relay.hold();
        await until(() => relay.connections >= 2, 'the silent connection to be given up');
        relay.release();
        relay.cut(); // What was said while the wire was held is missing in it.
        const before = relay.connections;
        await until(() => relay.connections > before, 'a new connection');
        const pongs = occurrences(relay.back, PONG);
        await until(() => occurrences(relay.back, PONG) > pongs, 'a PONG over the new connection');
        await dialing.send([Buffer.from('back again')]);
        expect(String(await bound.receive())).toBe('back again');
      });
    },
  );
});

const pyzmqIsAbsent = theirStacks.some(({ name, isAbsent }) => name === 'pyzmq' && isAbsent);

describe.skipIf(pyzmqIsAbsent)('a Python process that is stopped', () => {
  it('is given up by our heartbeats, and taken back when it goes on', async () => {
    const server = closing(new Dealer({ heartbeatInterval: 50, heartbeatTimeout: 500, linger: 0 }));
    const events = recordEvents(server);
    const endpoint = await boundTo(server, 'tcp://127.0.0.1:*');
    const peer = new TheirPeer();
    const client = await peer.open('DEALER', { reconnectInterval: 10 });
    await client.connect(endpoint);
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
    peer.signal('SIGSTOP');
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    peer.signal('SIGCONT');
    await until(() => countOf(events, 'handshake') === 2, 'the second handshake');
    await client.send([Buffer.from('back again')]);
    expect(String(await server.receive())).toBe('back again');
  });
});
