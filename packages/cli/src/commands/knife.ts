/**
 * `zscale req`, `rep`, `pub`, `sub`, `push`, `pull`: one socket of ZeroMQ in a shell.
 */
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { pub } from './pub.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { rep } from './rep.ts';
import { req } from './req.ts';
import { sub } from './sub.ts';

/** Carries one out. Resolves with the exit code. @throws what `KnifeLink.use` throws */
export function knife(invocation: KnifeInvocation, output: Output): Promise<number> {
  switch (invocation.command) {
    case 'req':
      return req(invocation, output);
    case 'rep':
      return rep(invocation, output);
    case 'pub':
      return pub(invocation, output);
    case 'sub':
      return sub(invocation, output);
    case 'push':
      return push(invocation, output);
    case 'pull':
      return pull(invocation, output);
  }
}
