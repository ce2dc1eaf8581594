/** A REP socket that returns what it gets. Arguments: library, then `bind` or `connect`, then the endpoint. */

import { makeSocket } from '../libraries.ts';
import type { Library } from '../measurement.ts';
import { listenToParent, say } from '../processes.ts';

const [library, how, endpoint] = process.argv.slice(2) as [Library, 'bind' | 'connect', string];
const socket = makeSocket(library, 'Reply');
void listenToParent();
if (how === 'bind') await socket.bind(endpoint);
else socket.connect(endpoint);
say({ endpoint: socket.lastEndpoint ?? endpoint });
for (;;) await socket.send(await socket.receive());
