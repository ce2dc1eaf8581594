/** The PULL of threads.ts, in a thread of its own. */

import { parentPort } from 'node:worker_threads';
import type { Pull } from '@zscale/transport';
import { attach, loadLibrary, receiveOptions } from './library.ts';
import { given } from './line.ts';
import { Tally } from './tally.ts';

const tally = new Tally();
parentPort?.on('message', (count: number) => {
  tally.expect(count);
  parentPort?.postMessage('counting');
});

const library = await loadLibrary();
const socket = new library.Pull(receiveOptions());
await attach(socket);
parentPort?.postMessage('ready');
if (given('mode') === 'try')
  watch(socket as unknown as Pull); // loadLibrary() gave ours
else for await (const [_body] of socket) count();

function count(): void {
  const seconds = tally.add();
  if (seconds !== undefined) parentPort?.postMessage(seconds);
}

function watch(socket: Pull): void {
  socket.watch({
    readable() {
      while (socket.tryReceive() !== undefined) count();
    },
    writable() {},
  });
}
