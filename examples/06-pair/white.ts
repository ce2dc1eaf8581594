/*
 * White, and the host of the game: a PAIR talks with one peer and with nobody else.
 *
 *   npx tsx examples/06-pair/white.ts [endpoint]
 */
import { Pair } from '@zscale/transport';

const [endpoint = 'tcp://127.0.0.1:5560'] = process.argv.slice(2);

const socket = new Pair();
await socket.bind(endpoint);
console.log(`waiting for black at ${socket.lastEndpoint}`);

for (const move of ['e4', 'Qh5', 'Bc4']) {
  await socket.send(move); // the first one waits until there is somebody
  console.log(`white: ${move}`);
  const [answer] = await socket.receive();
  console.log(`black: ${answer}`);
}

// Either side may speak at any time, twice in a row too: nothing enforces turns, as REQ and REP do.
for (const last of ['Qxf7', 'checkmate']) {
  await socket.send(last);
  console.log(`white: ${last}`);
}
socket.close();
