/** A ROUTER that returns what it gets. Arguments: see library.ts; `mode`, `await` or `try`, the latter of ours only. */

import { attach, bothOptions, loadLibrary } from './library.ts';
import { given, listen, sayReady } from './line.ts';

listen();
if (given('mode') === 'try') await serve();
else await serveAwaiting();

async function serve(): Promise<void> {
  const { Router } = await import('@zscale/transport');
  const socket = new Router(bothOptions());
  socket.watch({
    readable() {
      for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) socket.trySend(m);
    },
    writable() {},
  });
  sayReady(await attach(socket));
}

async function serveAwaiting(): Promise<void> {
  const { Router } = await loadLibrary();
  const socket = new Router(bothOptions());
  sayReady(await attach(socket));
  for (;;) await socket.send(await socket.receive());
}
