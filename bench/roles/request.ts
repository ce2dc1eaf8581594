/** A REQ that asks and waits, again and again. Arguments: see library.ts; `bytes`. */

import { makeBody } from './body.ts';
import { attach, bothOptions, loadLibrary } from './library.ts';
import { givenNumber, listenAndTime, sayReady } from './line.ts';

const { Request } = await loadLibrary();
const socket = new Request(bothOptions());
const body = makeBody(givenNumber('bytes'));

listenAndTime(async (count) => {
  for (let i = 0; i < count; i++) {
    await socket.send(body);
    await socket.receive();
  }
});
await attach(socket);
sayReady();
