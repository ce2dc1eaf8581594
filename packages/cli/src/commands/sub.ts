/**
 * `zscale sub`: prints what publishers send, all of it or some topics.
 */
import { Subscriber } from '@zscale/transport';
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { KnifeLink, linkOptions, receiveOptions } from './knife-link.ts';
import { printAll } from './knife-messages.ts';

/** Prints the messages. Resolves with the exit code. @throws what `KnifeLink.use` throws */
export function sub(invocation: KnifeInvocation, output: Output): Promise<number> {
  const socket = new Subscriber({ ...linkOptions(invocation), ...receiveOptions(invocation) });
  socket.subscribe(...invocation.topics);
  const link = new KnifeLink(socket, invocation, output);
  return link.use(() => printAll(invocation, socket, output));
}
