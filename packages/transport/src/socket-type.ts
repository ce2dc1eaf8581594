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
  | 'XSUB'
  | 'STREAM'
  | 'SERVER'
  | 'CLIENT'
  | 'RADIO'
  | 'DISH'
  | 'GATHER'
  | 'SCATTER'
  | 'PEER'
  | 'CHANNEL';

/** libzmq's numbers (zmq.h); up to XSUB they are also the socket-type byte of a ZMTP 2.0 greeting (RFC 15). */
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
  STREAM: 11,
  SERVER: 12,
  CLIENT: 13,
  RADIO: 14,
  DISH: 15,
  GATHER: 16,
  SCATTER: 17,
  PEER: 19,
  CHANNEL: 20,
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
  STREAM: [], // speaks no ZMTP
  SERVER: ['CLIENT'],
  CLIENT: ['SERVER'],
  RADIO: ['DISH'],
  DISH: ['RADIO'],
  GATHER: ['SCATTER'],
  SCATTER: ['GATHER'],
  PEER: ['PEER'],
  CHANNEL: ['CHANNEL'],
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

/** Largest socket-type byte of ZMTP 2.0. */
const VERSION_2_TYPE_MAX = 10;

/** The type behind a ZMTP 2.0 socket-type byte; undefined for a byte that names none. */
export function socketTypeOfNumber(number: number): SocketType | undefined {
  if (number > VERSION_2_TYPE_MAX) return undefined;
  for (const [type, value] of Object.entries(SOCKET_TYPE_NUMBERS)) {
    if (value === number) return type as SocketType; // the keys of the table above are SocketType
  }
  return undefined;
}
