/*
 * A REP server: it answers "Hello" with "World", and says on which port it does so.
 *
 *   npx tsx examples/02-introduction/server.ts 5555
 */
import { Reply } from '@zscale/transport';

const port = process.argv[2] ?? '5555';

const socket = new Reply();
await socket.bind(`tcp://127.0.0.1:${port}`);
console.log(`listening at ${socket.lastEndpoint}`);

for await (const [request] of socket) {
  console.log(`received ${request}`);
  await socket.send(`World from ${port}`);
}
