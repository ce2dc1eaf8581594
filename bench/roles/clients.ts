/** Many DEALERs, one request each in flight. Arguments: see library.ts; `clients`, `bytes`. They are ready when all are connected. */

import type { Dealer } from 'zeromq';
import { makeBody } from './body.ts';
import { attach, bothOptions, loadLibrary } from './library.ts';
import { givenNumber, listenAndTime, sayReady } from './line.ts';

const { Dealer: DealerSocket, context } = await loadLibrary();
const amount = givenNumber('clients');
const body = makeBody(givenNumber('bytes'));
context.maxSockets = 2 * amount + 100;

const sockets: Dealer[] = [];
let left = 0;
listenAndTime(run);
for (let i = 0; i < amount; i++) {
  const socket = new DealerSocket(bothOptions());
  await attach(socket);
  sockets.push(socket);
}
await run(amount); // one of each
sayReady();

async function run(count: number): Promise<void> {
  left = count;
  await Promise.all(sockets.map(ask));
}

/** Asks as long as requests of the run are left. */
async function ask(socket: Dealer): Promise<void> {
  while (left > 0) {
    left -= 1;
    await socket.send(body);
    await socket.receive();
  }
}
