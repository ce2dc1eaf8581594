/**
 * Two threads of one process, and inproc between them: REQ here and REP there, or PUSH here and PULL there. Arguments: see
 * library.ts; `what`, `round-trip` or `one-way`; `mode`, `await` or `try`, the latter of ours only and one way; `bytes`.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Push } from '@zscale/transport';
import { makeBody } from './body.ts';
import { Burst } from './burst.ts';
import { bothOptions, loadLibrary, sendOptions } from './library.ts';
import { given, givenNumber, listen, listenAndTime, sayDone, sayReady } from './line.ts';

const ENDPOINT = 'inproc://bench';

const body = makeBody(givenNumber('bytes'));
const library = await loadLibrary();

if (given('what') === 'round-trip') await ask();
else await send();
sayReady();

/** Another thread with the arguments of this one, when it is ready. */
async function startThread(file: string): Promise<Worker> {
  const argv = [...process.argv.slice(2), `connect=${ENDPOINT}`];
  const thread = new Worker(new URL(file, import.meta.url), { argv });
  await once(thread, 'message');
  return thread;
}

async function ask(): Promise<void> {
  const socket = new library.Request(bothOptions());
  await socket.bind(ENDPOINT);
  await startThread('./thread-reply.js');
  listenAndTime(async (count) => {
    for (let i = 0; i < count; i++) {
      await socket.send(body);
      await socket.receive();
    }
  });
}

/** The thread is told how many come, says that it knows, and later how many seconds they took. */
async function send(): Promise<void> {
  const socket = new library.Push(sendOptions());
  await socket.bind(ENDPOINT);
  const thread = await startThread('./thread-pull.js');
  const sendAll = given('mode') === 'try' ? bursts() : awaiting;
  let count = 0;
  thread.on('message', (seconds: number | 'counting') => {
    if (seconds === 'counting') sendAll(count);
    else sayDone(seconds);
  });
  listen((messages) => {
    count = messages;
    thread.postMessage(messages);
  });

  function bursts(): (count: number) => void {
    const burst = new Burst(socket as unknown as Push, [body]); // loadLibrary() gave ours
    return (count) => burst.send(count);
  }

  async function awaiting(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await socket.send(body);
  }
}
