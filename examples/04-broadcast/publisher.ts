/*
 * A publisher: three football matches at once, told to whoever follows them, be it nobody or thousands.
 *
 *   npx tsx examples/04-broadcast/publisher.ts [endpoint]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Publisher } from '@zscale/transport';

const [endpoint = 'tcp://127.0.0.1:5557'] = process.argv.slice(2);
const matches = [
  { name: 'match/1', home: 0, away: 0 },
  { name: 'match/2', home: 0, away: 0 },
  { name: 'match/3', home: 0, away: 0 },
];
const kinds = ['corner', 'foul', 'goal', 'save'];

const socket = new Publisher();
await socket.bind(endpoint);
console.log(`broadcasting at ${socket.lastEndpoint}`);

// Nobody blows the whistle: it goes on until Ctrl-C.
for (let minute = 1; ; minute += 1) {
  for (const match of matches) {
    const kind = kinds[Math.floor(Math.random() * kinds.length)];
    if (kind === 'goal') match[Math.random() < 0.5 ? 'home' : 'away'] += 1;

    // The first frame is what subscriptions are compared with.
    const topic = `${match.name}/${kind}`;
    const text = `minute ${minute}, ${match.home}:${match.away}`;
    await socket.send([topic, text]);
    console.log(`${topic}  ${text}`);
    await delay(100);
  }
}
