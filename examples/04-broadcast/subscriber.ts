/*
 * A subscriber: it gets what starts with one of its prefixes, and everything when it names none.
 *
 *   npx tsx examples/04-broadcast/subscriber.ts [endpoint] [prefix ...]
 */
import { Subscriber } from '@zscale/transport';

const [endpoint = 'tcp://127.0.0.1:5557', ...prefixes] = process.argv.slice(2);

const socket = new Subscriber();
socket.subscribe(...prefixes);
socket.connect(endpoint);

for await (const [topic, text] of socket) console.log(`${topic}  ${text}`);
