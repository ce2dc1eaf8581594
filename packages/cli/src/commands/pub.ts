/**
 * `zscale pub`: sends messages to all who subscribed.
 *
 * The socket is an XPUB, which SUB and XSUB take for a PUB: it sees subscriptions, so that the first message can wait for one.
 * It waits for subscribers that are slow (`noDrop`), because a file that is published is meant to arrive.
 */
import { XPublisher } from '@zscale/transport';
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { KnifeLink, linkOptions, receiveOptions, sendOptions } from './knife-link.ts';
import { sendAll } from './knife-messages.ts';

/** The first byte of a subscription; that of one taken back is 0. */
const SUBSCRIBE = 1;

/** Waits for subscriptions, then sends the messages. Resolves with the exit code. @throws what `KnifeLink.use` throws */
export function pub(invocation: KnifeInvocation, output: Output): Promise<number> {
  const socket = new XPublisher({
    ...linkOptions(invocation),
    ...sendOptions(invocation),
    ...receiveOptions(invocation),
    noDrop: true,
    verbosity: 'allSubs',
  });
  const link = new KnifeLink(socket, invocation, output);
  return link.use(async () => {
    for (let subscribed = 0; subscribed < invocation.wait; ) {
      const [frame] = await socket.receive();
      if (frame?.[0] === SUBSCRIBE) subscribed += 1;
      else subscribed = Math.max(0, subscribed - 1);
    }
    // Nobody reads further subscriptions, and they shall not pile up.
    const discard = (): void => {
      while (socket.tryReceive() !== undefined);
    };
    socket.watch({ readable: discard, writable: () => {} });
    await sendAll(invocation, link.signal, async (frames) => {
      await socket.send(frames);
      return true;
    });
  });
}
