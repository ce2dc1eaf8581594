/** A DEALER that keeps requests in flight. Arguments: library, endpoint, bytes, requests, in flight. */

import { makeSocket } from '../libraries.ts';
import type { Library } from '../measurement.ts';
import { listenToParent, say } from '../processes.ts';

const [library, endpoint, bytes, count, inFlight] = process.argv.slice(2) as [
  Library,
  string,
  string,
  string,
  string,
];
const socket = makeSocket(library, 'Dealer');
const body = Buffer.alloc(Number(bytes), 'x');
const go = listenToParent();
socket.connect(endpoint);
await run(Math.ceil(Number(count) / 5)); // warm
say({});
await go;
const started = performance.now();
await run(Number(count));
say({ ms: performance.now() - started });

/** One sends, the other counts replies and lets the next go. */
async function run(requests: number): Promise<void> {
  let sent = Math.min(Number(inFlight), requests);
  for (let i = 0; i < sent; i++) await socket.send(['', body]);
  for (let received = 0; received < requests; received++) {
    const [, reply] = await socket.receive();
    if (reply?.length !== body.length) throw new Error(`a reply of ${reply?.length} bytes`);
    if (sent < requests) {
      sent += 1;
      await socket.send(['', body]);
    }
  }
}
