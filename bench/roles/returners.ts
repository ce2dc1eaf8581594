/**
 * PULLs that push what they get back. Arguments: see library.ts; `mode`, `await` or `try`, the latter of ours only; `sockets`;
 * `connect` and `back`, the endpoints of the ventilator.
 */

import type { Pull, Push } from '@zscale/transport';
import type * as Zeromq from 'zeromq';
import { loadLibrary, receiveOptions, sendOptions } from './library.ts';
import { given, givenNumber, listen, sayReady } from './line.ts';

listen();
const library = await loadLibrary();
for (let i = 0; i < givenNumber('sockets'); i++) {
  const pull = new library.Pull(receiveOptions());
  const push = new library.Push(sendOptions());
  pull.connect(given('connect'));
  push.connect(given('back'));
  if (given('mode') === 'try')
    watch(pull as unknown as Pull, push as unknown as Push); // loadLibrary() gave ours
  else void loop(pull, push); // a failure is uncaught, and ends the role
}
sayReady();

async function loop(pull: Zeromq.Pull, push: Zeromq.Push): Promise<void> {
  for await (const message of pull) await push.send(message);
}

function watch(pull: Pull, push: Push): void {
  const pass = (): void => {
    while (push.writable) {
      const message = pull.tryReceive();
      if (message === undefined) return;
      push.trySend(message);
    }
  };
  pull.watch({ readable: pass, writable() {} });
  push.watch({ readable() {}, writable: pass });
}
