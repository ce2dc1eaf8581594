/**
 * A PUSH that deals out messages and a PULL that gets them back. Arguments: see library.ts; `mode`, `await` or `try`, the latter of
 * ours only; `bytes`. Says the endpoints of both.
 */

import type { Pull, Push } from '@zscale/transport';
import type * as Zeromq from 'zeromq';
import { makeBody } from './body.ts';
import { Burst } from './burst.ts';
import { loadLibrary, receiveOptions, sendOptions } from './library.ts';
import { given, givenNumber, listen, sayDone, sayReady } from './line.ts';

const ENDPOINT = 'tcp://127.0.0.1:*';

const body = makeBody(givenNumber('bytes'));
const library = await loadLibrary();
const out = new library.Push(sendOptions());
const back = new library.Pull(receiveOptions());
let expected = 0;
let start = 0;

if (given('mode') === 'try') {
  sendBursts(out as unknown as Push, back as unknown as Pull); // loadLibrary() gave ours
} else {
  sendAwaiting(out, back);
}
await out.bind(ENDPOINT);
await back.bind(ENDPOINT);
sayReady(out.lastEndpoint ?? '', back.lastEndpoint ?? '');

function begin(count: number): void {
  expected = count;
  start = performance.now();
}

/** One has come back. */
function count(): void {
  expected -= 1;
  if (expected === 0) sayDone((performance.now() - start) / 1000);
}

function sendAwaiting(out: Zeromq.Push, back: Zeromq.Pull): void {
  const send = async (messages: number): Promise<void> => {
    for (let i = 0; i < messages; i++) await out.send(body);
  };
  const receive = async (): Promise<void> => {
    for await (const [_body] of back) count();
  };
  listen((messages) => {
    begin(messages);
    void send(messages); // a failure is uncaught, and ends the role
  });
  void receive(); // likewise
}

function sendBursts(out: Push, back: Pull): void {
  const burst = new Burst(out, [body]);
  back.watch({
    readable() {
      while (back.tryReceive() !== undefined) count();
    },
    writable() {},
  });
  listen((messages) => {
    begin(messages);
    burst.send(messages);
  });
}
