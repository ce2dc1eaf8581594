/**
 * `zscale req`: sends each message as a request and prints its reply.
 */
import { Request } from '@zscale/transport';
import { formatFrames } from '../frame-forms.ts';
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { KnifeLink, linkOptions, receiveOptions, sendOptions } from './knife-link.ts';
import { sendAll } from './knife-messages.ts';

/** Asks, and prints the replies. Resolves with the exit code. @throws what `KnifeLink.use` throws */
export function req(invocation: KnifeInvocation, output: Output): Promise<number> {
  const socket = new Request({
    ...linkOptions(invocation),
    ...sendOptions(invocation),
    ...receiveOptions(invocation),
    immediate: true, // nothing waits at an endpoint where nobody is
  });
  const link = new KnifeLink(socket, invocation, output);
  return link.use(() =>
    sendAll(invocation, link.signal, async (frames) => {
      await socket.send(frames);
      link.requestSent();
      const reply = await socket.receive();
      link.replyCame();
      await output.written(formatFrames(reply, invocation.form));
      return !output.isUnread;
    }),
  );
}
