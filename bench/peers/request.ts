/** A REQ that asks and waits, again and again. Arguments: library, endpoint, bytes, round trips. */

import { makeSocket } from '../libraries.ts';
import type { Library } from '../measurement.ts';
import { listenToParent, say } from '../processes.ts';

const [library, endpoint, bytes, count] = process.argv.slice(2) as [
  Library,
  string,
  string,
  string,
];
const socket = makeSocket(library, 'Request');
const body = Buffer.alloc(Number(bytes), 'x');
const go = listenToParent();
socket.connect(endpoint);
await ask(Math.ceil(Number(count) / 5)); // warm
say({});
await go;
const started = performance.now();
await ask(Number(count));
say({ ms: performance.now() - started });

async function ask(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await socket.send(body);
    await socket.receive();
  }
}
