/**
 * The greeting: 64 bytes each way before anything else (RFC 37, "Greeting"; RFC 15 for 2.0 peers).
 *
 *   offset  0     1..8     9     10     11     12..31      32         33..63
 *           ff    padding  7f    major  minor  mechanism   as-server  filler
 *           \---- signature ---/
 *
 * It is sent in three steps so that a 2.0 peer can be met: the signature at once; the major version once the peer's
 * signature is there; the rest once the peer's major version is known. A 2.0 peer gets a socket-type byte and an
 * identity frame in place of the rest.
 */

import { ProtocolError } from '../errors.ts';

/** A whole 3.x greeting. */
export const GREETING_BYTES = 64;
/** What every version since 2.0 starts with. */
export const SIGNATURE_BYTES = 10;
/** Signature and major version. */
export const REVISION_BYTES = 11;
/** Signature, revision and socket type of a 2.0 greeting. */
export const GREETING_2_BYTES = 12;

const MAJOR_VERSION = 3;
const MINOR_VERSION = 1;
const MECHANISM_OFFSET = 12;
const MECHANISM_BYTES = 20;
const AS_SERVER_OFFSET = 32;

/** What a 3.x greeting says. */
export interface Greeting {
  readonly minor: number;
  /** ASCII name with the padding taken off. */
  readonly mechanism: string;
}

/** Our whole greeting. `asServer` is the PLAIN and CURVE role; libzmq sends 0 always, so nobody may rely on it. */
export function encodeGreeting(mechanism: string, asServer: boolean): Buffer {
  const greeting = Buffer.alloc(GREETING_BYTES);
  greeting[0] = 0xff;
  greeting[8] = 0x01; // padding as libzmq writes it for an anonymous peer
  greeting[9] = 0x7f;
  greeting[10] = MAJOR_VERSION;
  greeting[11] = MINOR_VERSION;
  greeting.write(mechanism, MECHANISM_OFFSET, 'latin1');
  greeting[AS_SERVER_OFFSET] = asServer ? 1 : 0;
  return greeting;
}

/**
 * Checks as much of the peer's signature as there is.
 *
 * @throws ProtocolError `ERR_ZMTP_UNSPECIFIED` for anything that is no ZMTP 2.0 or 3.x signature: a ZMTP 1.0 peer, or a
 *   peer of another protocol, told at its first byte.
 */
export function checkSignature(bytes: Buffer): void {
  if (bytes.length > 0 && bytes[0] !== 0xff) refuseSignature(bytes);
  if (bytes.length >= SIGNATURE_BYTES && ((bytes[9] as number) & 0x01) === 0)
    refuseSignature(bytes);
}

function refuseSignature(bytes: Buffer): never {
  throw new ProtocolError(
    'ERR_ZMTP_UNSPECIFIED',
    `A ZMTP greeting starts with ff and has 7f as its tenth byte; got ${bytes.subarray(0, SIGNATURE_BYTES).toString('hex')} (${printable(bytes)}). The peer speaks ZMTP 1.0 or another protocol.`,
  );
}

function printable(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, SIGNATURE_BYTES).toString('latin1'));
}

/** True for a peer of ZMTP 2.0, told by its major version byte (1). Any other non-zero byte means 3.x, as in libzmq. */
export function isVersion2(major: number): boolean {
  return major === 1;
}

/** Reads a whole 3.x greeting. Filler, padding and the as-server byte are ignored, as libzmq does. */
export function decodeGreeting(bytes: Buffer): Greeting {
  const field = bytes.subarray(MECHANISM_OFFSET, MECHANISM_OFFSET + MECHANISM_BYTES);
  const end = field.indexOf(0);
  const name = end < 0 ? field : field.subarray(0, end);
  const padded = end < 0 || field.subarray(end).every((byte) => byte === 0);
  // A name with bytes behind its padding equals no mechanism of ours; keep those bytes so that it cannot match.
  const mechanism = (padded ? name : field).toString('latin1');
  return { minor: bytes[10] === MAJOR_VERSION ? (bytes[11] as number) : MINOR_VERSION, mechanism };
}
