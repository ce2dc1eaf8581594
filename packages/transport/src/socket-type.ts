/**
 * The socket types as they are named on the wire, and who may talk to whom (RFC 37, "Socket types"; RFC 28).
 *
 * Only types that this package can be itself have a row in {@link COMPATIBLE_PEERS}.
 */

/** Names in the READY property `Socket-Type`. */
export type SocketType =
  | 'PAIR'
  | 'PUB'
  | 'SUB'
  | 'REQ'
  | 'REP'
  | 'DEALER'
  | 'ROUTER'
  | 'PULL'
  | 'PUSH'
  | 'XPUB'
  | 'XSUB';

/** libzmq's numbers (zmq.h), which are also the socket-type byte of a ZMTP 2.0 greeting (RFC 15). */
export const SOCKET_TYPE_NUMBERS: Readonly<Record<SocketType, number>> = {
  PAIR: 0,
  PUB: 1,
  SUB: 2,
  REQ: 3,
  REP: 4,
  DEALER: 5,
  ROUTER: 6,
  PULL: 7,
  PUSH: 8,
  XPUB: 9,
  XSUB: 10,
};

const COMPATIBLE_PEERS: Readonly<Record<SocketType, readonly string[]>> = {
  PAIR: ['PAIR'],
  PUB: ['SUB', 'XSUB'],
  SUB: ['PUB', 'XPUB'],
  REQ: ['REP', 'ROUTER'],
  REP: ['REQ', 'DEALER'],
  DEALER: ['REP', 'DEALER', 'ROUTER'],
  ROUTER: ['REQ', 'DEALER', 'ROUTER'],
  PULL: ['PUSH'],
  PUSH: ['PULL'],
  XPUB: ['SUB', 'XSUB'],
  XSUB: ['PUB', 'XPUB'],
};

/** Types whose READY carries their routing id as the property `Identity` (libzmq: REQ, DEALER and ROUTER only). */
export function announcesRoutingId(type: SocketType): boolean {
  return type === 'REQ' || type === 'DEALER' || type === 'ROUTER';
}

/** True when a socket of type `own` may talk to a peer that announced `peer`. */
export function isCompatible(own: SocketType, peer: string): boolean {
  return COMPATIBLE_PEERS[own].includes(peer);
}

/** The types `own` may talk to, for error texts. */
export function compatiblePeers(own: SocketType): readonly string[] {
  return COMPATIBLE_PEERS[own];
}

/** The type behind a ZMTP 2.0 socket-type byte; undefined for a byte that names none. */
export function socketTypeOfNumber(number: number): SocketType | undefined {
  for (const [type, value] of Object.entries(SOCKET_TYPE_NUMBERS)) {
    if (value === number) return type as SocketType; // the keys of the table above are SocketType
  }
  return undefined;
}
