/*
 * A subscriber: it hears everything that is sent to the group, and shows what starts with one of its prefixes.
 *
 *   npx tsx examples/13-multicast/subscriber.ts [endpoint] [prefix ...]
 */
import { Subscriber } from '@zscale/transport';

const [endpoint = 'epgm://127.0.0.1;239.192.1.1:5555', ...prefixes] = process.argv.slice(2);

const socket = new Subscriber({ rate: 1000 });
socket.subscribe(...prefixes);
socket.connect(endpoint);

// What could not be repaired is told, and missing as whole messages.
socket.events.on('multicast:loss', ({ packets, messages }) => {
  console.log(`-- lost for good: ${packets} packets, and ${messages} messages in part`);
});

setInterval(() => {
  const { receivedPackets, repairedPackets, lostPackets } = socket.multicast ?? {};
  console.log(`-- ${receivedPackets} packets, ${repairedPackets} repaired, ${lostPackets} lost`);
}, 3000).unref();

for await (const [topic, text] of socket) console.log(`${topic}  ${text}`);
