/** Both libraries behind the one face that they share: zeromq.js's. */

import { Dealer, Reply, Request, Router } from '@zscale/transport';
import {
  Dealer as TheirDealer,
  Reply as TheirReply,
  Request as TheirRequest,
  Router as TheirRouter,
} from 'zeromq';
import type { Library } from './measurement.ts';

/** A socket of either library, as far as the roles use it. */
export interface AnySocket {
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  send(message: string | Buffer | readonly (string | Buffer)[]): Promise<void>;
  receive(): Promise<Buffer[]>;
  readonly lastEndpoint: string | null;
}

const OURS = { Dealer, Reply, Request, Router } as const;
const THEIRS = {
  Dealer: TheirDealer,
  Reply: TheirReply,
  Request: TheirRequest,
  Router: TheirRouter,
} as const;

/** Makes a socket of one library. */
export function makeSocket(
  library: Library,
  type: 'Request' | 'Reply' | 'Dealer' | 'Router',
): AnySocket {
  const options = { linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 };
  const sockets = library === 'zscale' ? OURS : THEIRS;
  return new sockets[type](options) as AnySocket; // what both have
}
