/*
 * A publisher: three football matches at once, sent to a group and not to anybody; it never knows who listens.
 *
 *   npx tsx examples/13-multicast/publisher.ts [endpoint]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Publisher } from '@zscale/transport';

const [endpoint = 'epgm://127.0.0.1;239.192.1.1:5555'] = process.argv.slice(2);
const matches = [
  { name: 'match/1', home: 0, away: 0 },
  { name: 'match/2', home: 0, away: 0 },
  { name: 'match/3', home: 0, away: 0 },
];
const kinds = ['corner', 'foul', 'goal', 'save'];

// Nothing slows a publisher down but its rate: here 1 Mbit/s. Subscribers have the same.
const socket = new Publisher({ rate: 1000 });
socket.connect(endpoint);
console.log(`broadcasting to ${endpoint}`);

setInterval(() => {
  const { sentPackets, resentPackets } = socket.multicast ?? {};
  console.log(`-- ${sentPackets} packets, ${resentPackets} sent again`);
}, 3000).unref();

// Nobody blows the whistle: it goes on until Ctrl-C.
for (let minute = 1; ; minute += 1) {
  for (const match of matches) {
    const kind = kinds[Math.floor(Math.random() * kinds.length)];
    if (kind === 'goal') match[Math.random() < 0.5 ? 'home' : 'away'] += 1;
    const topic = `${match.name}/${kind}`;
    const text = `minute ${minute}, ${match.home}:${match.away}`;
    await socket.send([topic, text]);
    console.log(`${topic}  ${text}`);
    await delay(25);
  }
}
