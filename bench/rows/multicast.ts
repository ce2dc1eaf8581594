/**
 * One publisher to 1, 4 and 16 subscribers by multicast, beside the same by tcp. The rate is above what can be reached.
 *
 * Multicast has no back-pressure: what the subscribers' UDP buffers cannot hold is lost and sent again. So messages go in runs that they
 * hold, for both, and what is timed is from the first that arrives to the last. Packets are as large as the loopback takes them.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Cast, Part } from '../cast.ts';
import { ZSCALE, ZSCALE_TRY } from '../players.ts';
import type { Row } from '../row.ts';
import { contender, type Plan } from '../session.ts';
import { sizeInName, sizeInTitle } from '../sizes.ts';
import { untilSubscribed } from './subscribed.ts';

const BYTES = 1024;
const SUBSCRIBERS = [1, 4, 16];
/** Messages of one run: some 4 MB, where Linux lets a socket hold 4 MB or more (`net.core.rmem_max`). */
const RUN_MESSAGES = 2048;
const MULTICAST: Part = { rate: 20_000_000, recovery: 50, packet: 65_535, buffer: 8 * 1024 * 1024 };

/** One row for each number of subscribers. */
export const MULTICASTS: readonly Row[] = SUBSCRIBERS.map((subscribers) => ({
  name: `multicast-${subscribers}-${sizeInName(BYTES)}`,
  group: 'Publish and subscribe',
  title: `PUB to ${subscribers} ${subscribers === 1 ? 'subscriber' : 'subscribers'} by multicast, ${sizeInTitle(BYTES)}`,
  unit: 'msg/s',
  better: 'higher',
  goals: [],
  note: `\`zscale\` is by epgm at an unlimited rate, \`tcp\` the same by tcp. What is counted is what arrives, of all subscribers, which are sockets of one process; in runs of ${RUN_MESSAGES} messages, which their buffers hold.`,
  quick: false,
  contenders: [
    contender('zscale', ZSCALE, (cast) => byGroup(cast, subscribers)),
    contender('zscale try', ZSCALE_TRY, (cast) => byGroup(cast, subscribers)),
    contender('zscale tcp', ZSCALE, (cast) => byTcp(cast, subscribers)),
    contender('zscale try tcp', ZSCALE_TRY, (cast) => byTcp(cast, subscribers)),
  ],
}));

async function byGroup(cast: Cast, subscribers: number): Promise<Plan> {
  const connect = `epgm://127.0.0.1;239.192.1.1:${await freePort()}`;
  const sender = await cast.startReady('pub', {
    type: 'pub',
    connect,
    bytes: BYTES,
    hwm: 0,
    ...MULTICAST,
  });
  return withSubscribers(cast, sender.role, { connect, ...MULTICAST }, subscribers);
}

async function byTcp(cast: Cast, subscribers: number): Promise<Plan> {
  const bind = 'tcp://127.0.0.1:*';
  const sender = await cast.startReady('pub', { type: 'pub', bind, bytes: BYTES, hwm: 0 });
  return withSubscribers(cast, sender.role, { connect: sender.endpoints[0] }, subscribers);
}

async function withSubscribers(
  cast: Cast,
  sender: Plan['senders'][number],
  part: Part,
  subscribers: number,
): Promise<Plan> {
  const receiver = cast.start('sub', { type: 'sub', sockets: subscribers, hwm: 0, ...part });
  await untilSubscribed(sender, receiver, 1);
  return {
    sides: { sender: [sender.pid], receiver: [receiver.pid] },
    senders: [sender],
    receivers: [receiver],
    value: 'rate',
    most: RUN_MESSAGES,
    copies: subscribers,
  };
}

/** Of UDP, that nobody has now. */
async function freePort(): Promise<number> {
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  return port;
}
