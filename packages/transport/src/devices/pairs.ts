/**
 * Which socket types can stand on the two sides of a proxy, and in which directions messages then go.
 *
 * Checked before anything is moved: of two sides that do not fit, one would get messages it cannot deliver, and nobody would
 * be told. libzmq leaves that to the user; NNG refuses it (nng_device(3)).
 */

import { fail } from '../errors.ts';
import type { SocketType } from '../socket-type.ts';

/**
 * What a type receives can be sent on by these:
 *
 * - ROUTER and STREAM put a routing id in front, which has to come back: so the other side must give back what it was given.
 * - DEALER and PAIR add nothing, and take both what has a routing id and what has none.
 * - What XPUB receives are subscriptions, which only an XSUB can pass upstream; an XPUB whose subscriptions nobody reads is
 *   no partner for SUB.
 */
const PASSES: Readonly<Partial<Record<SocketType, readonly SocketType[]>>> = {
  ROUTER: ['DEALER', 'PAIR'],
  STREAM: ['DEALER', 'PAIR'],
  DEALER: ['ROUTER', 'DEALER', 'PAIR', 'STREAM'],
  PAIR: ['PAIR', 'DEALER', 'ROUTER', 'STREAM'],
  XSUB: ['XPUB', 'PUB', 'PUSH'],
  XPUB: ['XSUB'],
  SUB: ['PUB', 'PUSH'],
  PULL: ['PUSH', 'PUB'],
  REP: ['REQ'],
  REQ: ['REP'],
  GATHER: ['SCATTER'],
  CHANNEL: ['CHANNEL'],
};

/** Types that can send back to their peers what came from them: a proxy with the same socket on both sides. */
const REFLECTORS: readonly SocketType[] = ['ROUTER', 'DEALER', 'PAIR', 'REP', 'CHANNEL'];

/** In which of the two directions messages go. At least one is true. */
export interface Directions {
  readonly frontendToBackend: boolean;
  readonly backendToFrontend: boolean;
}

/** @throws TransportError `EINVAL` when the two types do not fit; the text says which do. */
export function directionsBetween(frontend: SocketType, backend: SocketType): Directions {
  const frontendToBackend = PASSES[frontend]?.includes(backend) ?? false;
  const backendToFrontend = PASSES[backend]?.includes(frontend) ?? false;
  if (!frontendToBackend && !backendToFrontend) {
    fail(
      'EINVAL',
      `A proxy cannot stand between ${frontend} and ${backend}: what one receives the other cannot send on. ` +
        `${describePartners(frontend)}; ${describePartners(backend)}.`,
    );
  }
  return { frontendToBackend, backendToFrontend };
}

/** @throws TransportError `EINVAL` when a socket of this type cannot be both sides of a proxy. */
export function checkReflector(type: SocketType): void {
  if (REFLECTORS.includes(type)) return;
  fail(
    'EINVAL',
    `A ${type} socket cannot be both sides of a proxy: it cannot send what it receives back to its peers. ` +
      `${list(REFLECTORS)} can.`,
  );
}

function describePartners(type: SocketType): string {
  const partners = (Object.keys(PASSES) as SocketType[]) // the keys of the table above
    .concat('PUB', 'PUSH', 'SCATTER') // receive nothing, so they have no row
    .filter(
      (other) =>
        (PASSES[type]?.includes(other) ?? false) || (PASSES[other]?.includes(type) ?? false),
    );
  return partners.length === 0
    ? `${type} goes with nothing`
    : `${type} goes with ${list(partners)}`;
}

function list(types: readonly SocketType[]): string {
  return types.length < 2 ? types.join() : `${types.slice(0, -1).join(', ')} or ${types.at(-1)}`;
}
