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
import { MESSAGE_C_NONCE, MESSAGE_S_NONCE, type OwnCounter, type PeerCounter } from './nonces.ts';
import { TrafficBoxes } from './traffic-boxes.ts';

const NAME = Buffer.from('\x07MESSAGE', 'latin1');
const NAME_HIGH = NAME.readUInt32BE(0);
const NAME_LOW = NAME.readUInt32BE(4);
const COUNTER = 8;
/** A MESSAGE around an empty body: what each has beside the body. */
export const MESSAGE_MIN_BYTES = 33;
const INNER_MORE = 0x01;
const INNER_COMMAND = 0x02;

/** Both counters of a connection, where the handshake left them. */
export interface CurveCounters {
  readonly own: OwnCounter;
  readonly peer: PeerCounter;
}

/** Boxes and unboxes the frames of one connection. */
export class CurveTraffic {
  readonly #key: Buffer;
  readonly #own: OwnCounter;
  readonly #peer: PeerCounter;
  readonly #ownBoxes: TrafficBoxes;
  readonly #peerBoxes: TrafficBoxes;
  #closed = false;

  /** @param key the one of the two transient pairs; it is wiped by {@link close}. */
  constructor(role: 'client' | 'server', key: Buffer, counters: CurveCounters) {
    const isClient = role === 'client';
    this.#key = key;
    this.#own = counters.own;
    this.#peer = counters.peer;
    this.#ownBoxes = new TrafficBoxes(key, isClient ? MESSAGE_C_NONCE : MESSAGE_S_NONCE);
    this.#peerBoxes = new TrafficBoxes(key, isClient ? MESSAGE_S_NONCE : MESSAGE_C_NONCE);
  }

  /** See {@link Mechanism.encrypt}. */
  encrypt(body: Buffer, flags: number): Buffer {
    const message = Buffer.allocUnsafe(MESSAGE_MIN_BYTES + body.length);
    this.encryptInto(body, flags, message, 0);
    return message;
  }

  /** See {@link Mechanism.encryptInto}. */
  encryptInto(body: Buffer, flags: number, target: Buffer, offset: number): void {
    this.#checkOpen();
    for (let i = 0; i < NAME.length; i++) target[offset + i] = NAME[i] as number; // i < length
    this.#own.writeNext(target, offset + COUNTER);
    const inner =
      ((flags & FLAG_MORE) === 0 ? 0 : INNER_MORE) |
      ((flags & FLAG_COMMAND) === 0 ? 0 : INNER_COMMAND);
    this.#ownBoxes.seal(inner, body, target, offset + COUNTER);
  }

  /** See {@link Mechanism.decrypt}. What is returned does not share memory with `message`. */
  decrypt(message: Buffer): Buffer {
    this.#checkOpen();
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
    const content = this.#peerBoxes.open(message, COUNTER);
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

  /** Forgets the keys: nothing can be boxed or unboxed any more. */
  close(): void {
    this.#closed = true;
    this.#key.fill(0);
    this.#ownBoxes.close();
    this.#peerBoxes.close();
  }

  #checkOpen(): void {
    // Never with the zeros that a wiped key has.
    if (this.#closed) throw new Error('This CURVE connection is closed.');
  }
}
