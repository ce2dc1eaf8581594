/**
 * A PUSH or a PUB that sends as fast as it may. Arguments: see library.ts; `type`, `mode`, `await` or `try`, the latter of ours only;
 * `bytes`; `topics`, 1 or 2: bodies begin with `a`, `b` in turn.
 */

import type { Publisher, Push } from '@zscale/transport';
import type * as Zeromq from 'zeromq';
import { makeBody } from './body.ts';
import { Burst } from './burst.ts';
import { attach, loadLibrary, sendOptions } from './library.ts';
import { findGiven, given, givenNumber, listen, listenAndTime, sayDone, sayReady } from './line.ts';

const topics = ['a', 'b'].slice(0, Number(findGiven('topics') ?? 1));
const bodies = topics.map((topic) => makeBody(givenNumber('bytes'), topic));
const library = await loadLibrary();
const options = sendOptions();
const socket = given('type') === 'pub' ? new library.Publisher(options) : new library.Push(options);

if (given('mode') === 'try')
  sendBursts(socket as unknown as Push | Publisher); // loadLibrary() gave ours
else sendAwaiting(socket);
sayReady(await attach(socket));

function sendAwaiting(socket: Zeromq.Push | Zeromq.Publisher): void {
  const [first = Buffer.alloc(0), second = first] = bodies;
  listenAndTime(async (count) => {
    for (let i = 0; i < count; i++) await socket.send(i % 2 === 0 ? first : second);
  });
}

function sendBursts(socket: Push | Publisher): void {
  const burst = new Burst(socket, bodies);
  listen((count) => {
    const start = performance.now();
    burst.send(count, () => sayDone((performance.now() - start) / 1000));
  });
}
