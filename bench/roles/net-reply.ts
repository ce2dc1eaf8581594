/** Bare node:net that returns what it gets. Argument: `bind`. */

import { given, listen, sayReady } from './line.ts';
import { listenAt } from './net-endpoint.ts';

listen();
sayReady(await listenAt(given('bind'), (socket) => socket.pipe(socket)));
