/** Bare node:net that keeps frames in flight, those of one turn in one write. Arguments: `connect`, `bytes`, `inflight`. */

import { makeBody } from './body.ts';
import { InFlight } from './in-flight.ts';
import { given, givenNumber, listen, sayDone, sayReady } from './line.ts';
import { connectTo } from './net-endpoint.ts';
import { encodeFrame, FrameCounter } from './wire.ts';

const limit = givenNumber('inflight');
const frame = encodeFrame(makeBody(givenNumber('bytes')));
const frames = Buffer.concat(Array.from({ length: limit }, () => frame));
const inFlight = new InFlight(limit);
const counter = new FrameCounter();
const socket = await connectTo(given('connect'));
let start = 0;

socket.on('data', (chunk: Buffer) => {
  for (let replies = counter.count(chunk); replies > 0; replies -= 1) {
    if (inFlight.answer(frame.length, frame.length)) {
      sayDone((performance.now() - start) / 1000);
      return;
    }
  }
  send();
});
listen((count) => {
  inFlight.begin(count);
  start = performance.now();
  send();
});
sayReady();

function send(): void {
  let amount = 0;
  while (inFlight.mayAsk()) amount += 1;
  if (amount > 0) socket.write(frames.subarray(0, amount * frame.length));
}
