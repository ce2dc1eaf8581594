/**
 * CURVE keys as people hold them: made, written in Z85, read from options, and checked before anything listens or connects.
 */

import { randomBytes } from 'node:crypto';
import type { ResolvedSocketOptions } from '../../options.ts';
import { decodeZ85, encodeZ85 } from '../../z85.ts';
import { boxKey, KEY_BYTES, publicKeyOf } from './boxes.ts';

/** A public key and its secret key, 40 characters of Z85 each (`zmq_curve_keypair`). */
export interface CurveKeyPair {
  /** To be given to others. */
  publicKey: string;
  /** For `curveSecretKey` and nobody else. */
  secretKey: string;
}

/** Keys of a CURVE server, 32 bytes each: copies, that the mechanism wipes when it is closed. */
export interface CurveServerKeys {
  readonly publicKey: Buffer;
  readonly secretKey: Buffer;
}

/** Keys of a CURVE client, likewise. */
export interface CurveClientKeys extends CurveServerKeys {
  /** The server's public key. */
  readonly serverKey: Buffer;
}

/** A new pair of keys for CURVE, from the system's random numbers. */
export function curveKeyPair(): CurveKeyPair {
  const secretKey = randomBytes(KEY_BYTES);
  return { publicKey: encodeZ85(publicKeyOf(secretKey)), secretKey: encodeZ85(secretKey) };
}

/** The keys of a server; undefined unless there is a secret key. */
export function curveServerKeys(options: ResolvedSocketOptions): CurveServerKeys | undefined {
  const secretKey = keyOf(options.curveSecretKey);
  if (secretKey === undefined) return undefined;
  return { publicKey: publicKeyOf(secretKey), secretKey };
}

/** The keys of a client; undefined unless all three are there. */
export function curveClientKeys(options: ResolvedSocketOptions): CurveClientKeys | undefined {
  const publicKey = keyOf(options.curvePublicKey);
  const secretKey = keyOf(options.curveSecretKey);
  const serverKey = keyOf(options.curveServerKey);
  if (publicKey === undefined || secretKey === undefined || serverKey === undefined)
    return undefined;
  return { publicKey, secretKey, serverKey };
}

/** What keeps these options from being used with CURVE, as the end of a sentence without any key in it; undefined if nothing does. */
export function curveFault(options: ResolvedSocketOptions): string | undefined {
  const secretKey = keyOf(options.curveSecretKey);
  if (secretKey === undefined) return 'curveSecretKey is not set';
  const publicKey = keyOf(options.curvePublicKey);
  if (!options.curveServer) {
    if (publicKey === undefined) return 'curvePublicKey is not set';
    const serverKey = keyOf(options.curveServerKey);
    if (serverKey === undefined) return 'curveServerKey, the public key of the server, is not set';
    if (boxKey(serverKey, secretKey) === undefined) return 'curveServerKey is no public key';
  }
  if (publicKey !== undefined && !publicKey.equals(publicKeyOf(secretKey)))
    return 'curvePublicKey is not the public key of curveSecretKey';
  return undefined;
}

/** The option tables let pass only what is a key. */
function keyOf(option: string | Buffer | null): Buffer | undefined {
  if (option === null) return undefined;
  return typeof option === 'string' ? decodeZ85(option) : Buffer.from(option);
}
