/**
 * A DEALER that keeps requests in flight. Arguments: see library.ts; `mode`, `await` or `try`, the latter of ours only;
 * `bytes`, `inflight`; `envelope=1` for the empty frame that REP needs.
 */

import { EMPTY_FRAME } from '@zscale/transport';
import { makeBody } from './body.ts';
import { InFlight } from './in-flight.ts';
import { attach, bothOptions, loadLibrary } from './library.ts';
import { findGiven, given, givenNumber, listen, listenAndTime, sayDone, sayReady } from './line.ts';

const bytes = givenNumber('bytes');
const body = makeBody(bytes);
const inFlight = new InFlight(givenNumber('inflight'));
const hasEnvelope = findGiven('envelope') !== undefined;
const place = hasEnvelope ? 1 : 0;

if (given('mode') === 'try') await ask();
else await askAwaiting();
sayReady();

async function ask(): Promise<void> {
  const { Dealer } = await import('@zscale/transport');
  const socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
  let start = 0;
  const send = (): void => {
    while (inFlight.mayAsk()) socket.trySend(hasEnvelope ? [EMPTY_FRAME, body] : [body]);
  };
  socket.watch({
    readable() {
      for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) {
        if (inFlight.answer(m[place]?.length, bytes)) {
          sayDone((performance.now() - start) / 1000);
          return;
        }
        send();
      }
    },
    writable() {},
  });
  listen((count) => {
    inFlight.begin(count);
    start = performance.now();
    send();
  });
  await attach(socket);
}

/** Sends and receives in one loop: what does not have to wait, does not. */
async function askAwaiting(): Promise<void> {
  const { Dealer } = await loadLibrary();
  const socket = new Dealer(bothOptions());
  listenAndTime(async (count) => {
    inFlight.begin(count);
    for (let isOver = false; !isOver; ) {
      while (inFlight.mayAsk()) await socket.send(hasEnvelope ? ['', body] : body);
      const message = await socket.receive();
      isOver = inFlight.answer(message[place]?.length, bytes);
    }
  });
  await attach(socket);
}
