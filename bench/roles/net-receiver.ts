/** Bare node:net that counts frames. Argument: `bind`. */

import { given, sayReady } from './line.ts';
import { listenAt } from './net-endpoint.ts';
import { listenAndCount } from './tally.ts';
import { FrameCounter } from './wire.ts';

const count = listenAndCount();
const endpoint = await listenAt(given('bind'), (socket) => {
  const counter = new FrameCounter();
  socket.on('data', (chunk: Buffer) => {
    for (let frames = counter.count(chunk); frames > 0; frames -= 1) count();
  });
});
sayReady(endpoint);
