/*
 * Our own sockets as a stack for interop tests.
 */
import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { closing } from './closing.ts';
import { type Stack, stackOf } from './stack.ts';

/** @zscale/transport. */
export const ours: Stack = stackOf(
  'ours',
  { REQ: Request, REP: Reply, DEALER: Dealer, ROUTER: Router },
  closing,
);
