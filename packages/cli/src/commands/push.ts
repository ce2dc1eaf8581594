/**
 * `zscale push`: deals messages out to those who pull.
 */
import { Push } from '@zscale/transport';
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { KnifeLink, linkOptions, sendOptions } from './knife-link.ts';
import { sendAll } from './knife-messages.ts';

/** Sends the messages, each to a peer that is there. Resolves with the exit code. @throws what `KnifeLink.use` throws */
export function push(invocation: KnifeInvocation, output: Output): Promise<number> {
  const socket = new Push({
    ...linkOptions(invocation),
    ...sendOptions(invocation),
    immediate: true, // nothing waits at an endpoint where nobody is
  });
  const link = new KnifeLink(socket, invocation, output);
  return link.use(() =>
    sendAll(invocation, link.signal, async (frames) => {
      await socket.send(frames);
      return true;
    }),
  );
}
