/**
 * NaCl's boxes (RFC 26, "Cryptographic primitives"), put together of audited parts: X25519 of node:crypto, HSalsa20 and
 * XSalsa20-Poly1305 of @noble/ciphers. The one file that knows either; no cipher is written here. Traffic has a quicker way to the
 * same boxes (`sodium.ts`).
 *
 *   box      MAC(16) ciphertext           without the zero padding of NaCl's C interface
 *   key      HSalsa20(X25519(secret, public))         crypto_box_beforenm: the same for both sides
 *
 * Whatever does not open gives undefined and nothing of its content.
 */

import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js';

/** Every key: public, secret and that of a box. */
export const KEY_BYTES = 32;
/** Every nonce. */
export const NONCE_BYTES = 24;
/** What a box has more than its content. */
export const BOX_OVERHEAD_BYTES = 16;
/** Room that {@link sealInPlace} needs in front of the content: this many zeroed bytes and the MAC. */
export const SEAL_ROOM_BYTES = 32;

/** What {@link open} needs in front of a box, in its own memory. */
const OPEN_ROOM_BYTES = 32;
/** DER of an X25519 secret key up to the key itself (RFC 8410). */
const PRIVATE_KEY_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** What a JWK of a secret key has in the place of the public one, which nobody needs here. */
const NO_PUBLIC_KEY = Buffer.alloc(KEY_BYTES);
/** The point whose product with a secret key is its public key (RFC 7748). */
const BASE_POINT = Buffer.alloc(KEY_BYTES);
BASE_POINT[0] = 9;
/** Salsa20's constant for keys of 32 bytes. */
const SIGMA = words(Buffer.from('expand 32-byte k', 'latin1'));
const ZERO_WORDS = new Uint32Array(4);

/** The public key that belongs to a secret key. */
export function publicKeyOf(secretKey: Buffer): Buffer {
  return multiply(BASE_POINT, secretKey);
}

/**
 * The key of the boxes between two pairs of keys; undefined for a public key that gives the same key with every secret (points
 * of low order): whoever sends one wants boxes that anybody can make.
 */
export function boxKey(publicKey: Buffer, secretKey: Buffer): Buffer | undefined {
  const shared = x25519(publicKey, secretKey);
  if (shared === undefined) return undefined;
  const key = new Uint32Array(KEY_BYTES / 4);
  const sharedWords = words(shared);
  hsalsa(SIGMA, sharedWords, ZERO_WORDS, key);
  shared.fill(0);
  sharedWords.fill(0);
  return Buffer.from(key.buffer);
}

/** A box with this content. */
export function seal(key: Buffer, nonce: Uint8Array, content: Buffer): Buffer {
  const target = Buffer.alloc(SEAL_ROOM_BYTES + content.length);
  content.copy(target, SEAL_ROOM_BYTES);
  sealInPlace(key, nonce, target);
  return target.subarray(SEAL_ROOM_BYTES - BOX_OVERHEAD_BYTES);
}

/**
 * Makes a box where its content is: `target` has the content from byte 32 on, and afterwards the box from byte 16 on. The 16
 * bytes in front are zero then, for a header.
 */
export function sealInPlace(key: Buffer, nonce: Uint8Array, target: Buffer): void {
  xsalsa20poly1305(key, nonce).encrypt(target.subarray(SEAL_ROOM_BYTES), target);
}

/** What is in a box, in memory of its own; undefined when it was not made with this key and nonce, or was changed. */
export function open(key: Buffer, nonce: Uint8Array, box: Buffer): Buffer | undefined {
  if (box.length < BOX_OVERHEAD_BYTES) return undefined;
  const target = Buffer.allocUnsafe(OPEN_ROOM_BYTES + box.length);
  try {
    xsalsa20poly1305(key, nonce).decrypt(box, target);
  } catch {
    return undefined; // the MAC is wrong: the one thing that is left to be, and `target` is wiped
  }
  return target.subarray(OPEN_ROOM_BYTES + BOX_OVERHEAD_BYTES);
}

function x25519(publicKey: Buffer, secretKey: Buffer): Buffer | undefined {
  let shared: Buffer;
  try {
    shared = multiply(publicKey, secretKey);
  } catch {
    return undefined; // OpenSSL refuses to derive the zero key; other builds of it give zeros
  }
  return shared.every((byte) => byte === 0) ? undefined : shared;
}

function multiply(publicKey: Buffer, secretKey: Buffer): Buffer {
  return diffieHellman({
    privateKey: privateKeyObject(secretKey),
    publicKey: createPublicKey({ key: jwkOf(publicKey), format: 'jwk' }),
  });
}

/**
 * From JWK in a seventh of the time that DER takes (OpenSSL 3), which is most of a handshake. Its public half is not looked at, here
 * or by any node:crypto that we know; one that did would refuse it, and be given DER.
 */
function privateKeyObject(secretKey: Buffer): KeyObject {
  try {
    const key = { ...jwkOf(NO_PUBLIC_KEY), d: secretKey.toString('base64url') };
    return createPrivateKey({ key, format: 'jwk' });
  } catch {
    const key = Buffer.concat([PRIVATE_KEY_PREFIX, secretKey]);
    const object = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    key.fill(0);
    return object;
  }
}

function jwkOf(publicKey: Buffer): { kty: string; crv: string; x: string } {
  return { kty: 'OKP', crv: 'X25519', x: publicKey.toString('base64url') };
}

/** Bytes in the memory of a Uint32Array: aligned, and in the machine's order as the cipher wants them. */
function words(bytes: Buffer): Uint32Array {
  const copy = new Uint32Array(bytes.length / 4);
  bytes.copy(Buffer.from(copy.buffer));
  return copy;
}
