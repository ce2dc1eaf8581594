/**
 * What goes over a CURVE connection after its handshake (RFC 26, "MESSAGE"): each frame in a box of its own.
 *
 *   0   07 MESSAGE          8
 *   8   counter             8
 *   16  box of              17 and more: MAC(16) flags(1) body
 *
 * The frame on the wire says nothing of what is inside; MORE and COMMAND are in the box, where COMMAND is another bit than in
 * `wire/frame.ts`. It owns the session's key and both counters until `close`.
 */

import { ProtocolError } from '../../errors.ts';
import { FLAG_COMMAND, FLAG_MORE } from '../../wire/frame.ts';
import { open, SEAL_ROOM_BYTES, sealInPlace } from './boxes.ts';
import {
  COUNTER_BYTES,
  COUNTER_OFFSET,
  MESSAGE_C_NONCE,
  MESSAGE_S_NONCE,
  nonceOf,
  type OwnCounter,
  type PeerCounter,
} from './nonces.ts';

const NAME = Buffer.from('\x07MESSAGE', 'latin1');
const NAME_HIGH = NAME.readUInt32BE(0);
const NAME_LOW = NAME.readUInt32BE(4);
const COUNTER = 8;
const BOX = 16;
/** A MESSAGE around an empty body. */
const MESSAGE_MIN_BYTES = 33;
const INNER_MORE = 0x01;
const INNER_COMMAND = 0x02;

/** Both counters of a connection, where the handshake left them. */
export interface CurveCounters {
  readonly own: OwnCounter;
  readonly peer: PeerCounter;
}

/** Boxes and unboxes the frames of one connection. */
export class CurveTraffic {
  #key: Buffer | undefined;
  readonly #own: OwnCounter;
  readonly #peer: PeerCounter;
  /** Kept and written over: the cipher copies what it needs. */
  readonly #ownNonce: Buffer;
  readonly #peerNonce: Buffer;

  /** @param key the one of the two transient pairs; it is wiped by {@link close}. */
  constructor(role: 'client' | 'server', key: Buffer, counters: CurveCounters) {
    this.#key = key;
    this.#own = counters.own;
    this.#peer = counters.peer;
    this.#ownNonce = nonceOf(role === 'client' ? MESSAGE_C_NONCE : MESSAGE_S_NONCE);
    this.#peerNonce = nonceOf(role === 'client' ? MESSAGE_S_NONCE : MESSAGE_C_NONCE);
  }

  /** See {@link Mechanism.encrypt}. The body is copied once, into the buffer that is returned. */
  encrypt(body: Buffer, flags: number): Buffer {
    const key = this.#openKey();
    const nonce = this.#ownNonce;
    const message = Buffer.allocUnsafe(MESSAGE_MIN_BYTES + body.length);
    message[SEAL_ROOM_BYTES] =
      ((flags & FLAG_MORE) === 0 ? 0 : INNER_MORE) |
      ((flags & FLAG_COMMAND) === 0 ? 0 : INNER_COMMAND);
    body.copy(message, SEAL_ROOM_BYTES + 1);
    this.#own.writeNext(nonce, COUNTER_OFFSET);
    sealInPlace(key, nonce, message);
    NAME.copy(message);
    nonce.copy(message, COUNTER, COUNTER_OFFSET);
    return message;
  }

  /** See {@link Mechanism.decrypt}. What is returned does not share memory with `message`. */
  decrypt(message: Buffer): Buffer {
    const key = this.#openKey();
    if (
      message.length < NAME.length ||
      message.readUInt32BE(0) !== NAME_HIGH ||
      message.readUInt32BE(4) !== NAME_LOW
    ) {
      throw new ProtocolError(
        'ERR_ZMTP_UNEXPECTED_COMMAND',
        'Expected nothing but MESSAGE after a CURVE handshake; got a frame that is not encrypted.',
      );
    }
    if (message.length < MESSAGE_MIN_BYTES) {
      throw new ProtocolError(
        'ERR_ZMTP_MALFORMED_COMMAND_MESSAGE',
        `A MESSAGE has ${MESSAGE_MIN_BYTES} bytes or more; got ${message.length}.`,
      );
    }
    if (!this.#peer.isNew(message, COUNTER)) {
      throw new ProtocolError(
        'ERR_ZMTP_INVALID_SEQUENCE',
        'The counter of each MESSAGE is above that of the last; got one that is not. Somebody sends old messages again, or in another order.',
      );
    }
    const nonce = this.#peerNonce;
    message.copy(nonce, COUNTER_OFFSET, COUNTER, COUNTER + COUNTER_BYTES);
    const content = open(key, nonce, message.subarray(BOX));
    if (content === undefined) {
      throw new ProtocolError(
        'ERR_ZMTP_CRYPTOGRAPHIC',
        'A MESSAGE did not open: it was changed on the way, or not made by the peer.',
      );
    }
    this.#peer.take(message, COUNTER);
    const inner = content[0] as number; // a box of 17 bytes or more
    content[0] =
      ((inner & INNER_MORE) === 0 ? 0 : FLAG_MORE) |
      ((inner & INNER_COMMAND) === 0 ? 0 : FLAG_COMMAND);
    return content;
  }

  /** Forgets the key: nothing can be boxed or unboxed any more. */
  close(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }

  #openKey(): Buffer {
    // Never with the zeros that a wiped key has.
    if (this.#key === undefined) throw new Error('This CURVE connection is closed.');
    return this.#key;
  }
}
