/** The REP of threads.ts, in a thread of its own. */

import { parentPort } from 'node:worker_threads';
import { attach, bothOptions, loadLibrary } from './library.ts';

const { Reply } = await loadLibrary();
const socket = new Reply(bothOptions());
await attach(socket);
parentPort?.postMessage('ready');
for (;;) await socket.send(await socket.receive());
