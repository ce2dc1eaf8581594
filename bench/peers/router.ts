/** A ROUTER that returns what it gets. Arguments: library, endpoint. */

import { makeSocket } from '../libraries.ts';
import type { Library } from '../measurement.ts';
import { listenToParent, say } from '../processes.ts';

const [library, endpoint] = process.argv.slice(2) as [Library, string];
const socket = makeSocket(library, 'Router');
void listenToParent();
await socket.bind(endpoint);
say({ endpoint: socket.lastEndpoint ?? endpoint });
for (;;) await socket.send(await socket.receive());
