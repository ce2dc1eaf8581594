/** REQs that connect, ask once and close, some at a time. Arguments: see library.ts; `lanes`, `bytes`. */

import { makeBody } from './body.ts';
import { attach, bothOptions, loadLibrary } from './library.ts';
import { givenNumber, listenAndTime, sayReady } from './line.ts';

/** Sockets that were closed may need a moment until they are gone. */
const MAX_SOCKETS = 4096;

const { Request, context } = await loadLibrary();
const lanes = givenNumber('lanes');
const body = makeBody(givenNumber('bytes'));
context.maxSockets = MAX_SOCKETS;

listenAndTime(async (count) => {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const socket = new Request(bothOptions());
      await attach(socket);
      await socket.send(body);
      await socket.receive();
      socket.close();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
});
sayReady();
