/*
 * One REQ client, two servers: ten requests go to them in turn, five to each.
 *
 *   npx tsx examples/02-introduction/client.ts [endpoint ...]
 */
import { Request } from '@zscale/transport';

const given = process.argv.slice(2);
const endpoints = given.length > 0 ? given : ['tcp://127.0.0.1:5555', 'tcp://127.0.0.1:5556'];

const socket = new Request();
for (const endpoint of endpoints) socket.connect(endpoint);

for (let i = 1; i <= 10; i += 1) {
  await socket.send('Hello');
  const [reply] = await socket.receive();
  console.log(`${i}: ${reply}`);
}
socket.close();
