/*
 * libzmq in this process, through the npm package `zeromq`.
 */
import { Dealer, Reply, Request, Router } from 'zeromq';
import { closing } from './closing.ts';
import { type Stack, stackOf } from './stack.ts';

/** The npm package `zeromq`. */
export const theirs: Stack = stackOf(
  'npm zeromq',
  { REQ: Request, REP: Reply, DEALER: Dealer, ROUTER: Router },
  closing,
);
