/** A REP that returns what it gets. Arguments: see library.ts. */

import { attach, bothOptions, loadLibrary } from './library.ts';
import { listen, sayReady } from './line.ts';

listen();
const { Reply } = await loadLibrary();
const socket = new Reply(bothOptions());
sayReady(await attach(socket));
for (;;) await socket.send(await socket.receive());
