/**
 * `zscale pull`: prints what others push.
 */
import { Pull } from '@zscale/transport';
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { KnifeLink, linkOptions, receiveOptions } from './knife-link.ts';
import { printAll } from './knife-messages.ts';

/** Prints the messages. Resolves with the exit code. @throws what `KnifeLink.use` throws */
export function pull(invocation: KnifeInvocation, output: Output): Promise<number> {
  const socket = new Pull({ ...linkOptions(invocation), ...receiveOptions(invocation) });
  const link = new KnifeLink(socket, invocation, output);
  return link.use(() => printAll(invocation, socket, output));
}
