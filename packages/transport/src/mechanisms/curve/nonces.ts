/**
 * Nonces of CURVE (RFC 26, "Nonces"), 24 bytes: what the box is for, and then what makes it new.
 *
 *   short   prefix(16) counter(8)       HELLO, INITIATE, READY and MESSAGE; the counter is sent
 *   long    prefix(8) random(16)        WELCOME, cookie and vouch; the random part is sent
 *
 * A counter has 64 bits, big-endian, one for each sender and connection, and never comes twice. Ours counts up by one from 1; a
 * peer's may leave out values but must rise, or somebody sends old commands again.
 */

import { NONCE_BYTES } from './boxes.ts';

/** Prefixes of short nonces. */
export const HELLO_NONCE = 'CurveZMQHELLO---';
/** @see HELLO_NONCE */
export const INITIATE_NONCE = 'CurveZMQINITIATE';
/** @see HELLO_NONCE */
export const READY_NONCE = 'CurveZMQREADY---';
/** From client to server. @see HELLO_NONCE */
export const MESSAGE_C_NONCE = 'CurveZMQMESSAGEC';
/** From server to client. @see HELLO_NONCE */
export const MESSAGE_S_NONCE = 'CurveZMQMESSAGES';
/** Prefixes of long nonces. */
export const WELCOME_NONCE = 'WELCOME-';
/** @see WELCOME_NONCE */
export const COOKIE_NONCE = 'COOKIE--';
/** @see WELCOME_NONCE */
export const VOUCH_NONCE = 'VOUCH---';

/** Where the counter stands in a short nonce. */
export const COUNTER_OFFSET = 16;
/** Bytes of a counter. */
export const COUNTER_BYTES = 8;
/** Bytes of the random rest of a long nonce. */
export const RANDOM_BYTES = 16;

const HIGH_WORD = 0x1_0000_0000;

/** A nonce in memory of its own, aligned as the cipher likes it. The rest is zero unless given; both make 24 bytes. */
export function nonceOf(prefix: string, rest?: Buffer): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.write(prefix, 'latin1');
  rest?.copy(nonce, prefix.length);
  return nonce;
}

/** Our own counter. */
export class OwnCounter {
  #last = 0;

  /** Writes the next value into eight bytes of `target`. */
  writeNext(target: Uint8Array, offset: number): void {
    // A number is exact far beyond what a connection can send, but a nonce must never come again, whatever happens.
    if (this.#last === Number.MAX_SAFE_INTEGER)
      throw new Error('The counter of nonces is used up.');
    this.#last += 1;
    writeWord(target, offset, Math.floor(this.#last / HIGH_WORD));
    writeWord(target, offset + 4, this.#last >>> 0);
  }
}

/** The last counter that was taken from a peer. */
export class PeerCounter {
  #high = 0;
  #low = 0;

  /** Whether the eight bytes at `offset` are above all that was taken. */
  isNew(bytes: Buffer, offset: number): boolean {
    const high = bytes.readUInt32BE(offset);
    return high > this.#high || (high === this.#high && bytes.readUInt32BE(offset + 4) > this.#low);
  }

  /** Takes the eight bytes at `offset`, once the box that they belong to has opened. */
  take(bytes: Buffer, offset: number): void {
    this.#high = bytes.readUInt32BE(offset);
    this.#low = bytes.readUInt32BE(offset + 4);
  }
}

function writeWord(target: Uint8Array, offset: number, word: number): void {
  target[offset] = word >>> 24;
  target[offset + 1] = word >>> 16;
  target[offset + 2] = word >>> 8;
  target[offset + 3] = word;
}
