/** A REP that blocks for as many milliseconds as the request says, and returns it. Arguments: see library.ts. */

import { block } from './block.ts';
import { attach, bothOptions, loadLibrary } from './library.ts';
import { listen, sayReady } from './line.ts';

listen();
const { Reply } = await loadLibrary();
const socket = new Reply(bothOptions());
sayReady(await attach(socket));
for (;;) {
  const message = await socket.receive();
  block(message[0]);
  await socket.send(message);
}
