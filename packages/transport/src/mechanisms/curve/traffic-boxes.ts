/**
 * The boxes that one side of a CURVE connection sends after the handshake: one key, and nonces that differ in nothing but the
 * counter. Made by libsodium (`sodium.ts`) once that is loaded, and before, or where it cannot be, by the parts in `boxes.ts`; both
 * make the same.
 *
 *   counter(8)   box: MAC(16) flags(1) body          lies so in a MESSAGE; `offset` is always that of the counter
 */

import { BOX_OVERHEAD_BYTES, open, SEAL_ROOM_BYTES, sealInPlace } from './boxes.ts';
import { COUNTER_BYTES, COUNTER_OFFSET, nonceOf } from './nonces.ts';
import { loadSodium, MAX_CONTENT_BYTES, type Sodium } from './sodium.ts';

const FLAGS_BYTES = 1;

/** Makes and opens boxes of one direction, until it is closed. */
export class TrafficBoxes {
  readonly #key: Buffer;
  readonly #nonce: Buffer;
  #sodium: Sodium | undefined;

  /**
   * @param key of the session; it is not kept.
   * @param prefix of the nonces of this direction, 16 characters.
   * @param sodium what gives libsodium. Default: {@link loadSodium}.
   */
  constructor(key: Buffer, prefix: string, sodium: Promise<Sodium | undefined> = loadSodium()) {
    this.#key = Buffer.from(key);
    this.#nonce = nonceOf(prefix);
    this.#sodium = undefined;
    void sodium.then((loaded) => {
      this.#sodium = loaded;
    });
  }

  /** Writes the box of `flags` and `body` behind the counter that stands in `target` at `offset`. */
  seal(flags: number, body: Buffer, target: Buffer, offset: number): void {
    const box = offset + COUNTER_BYTES;
    this.#takeCounter(target, offset);
    if (this.#sodium !== undefined && FLAGS_BYTES + body.length <= MAX_CONTENT_BYTES) {
      this.#sodium.seal(this.#key, this.#nonce, flags, body, target, box);
      return;
    }
    const room = Buffer.allocUnsafe(SEAL_ROOM_BYTES + FLAGS_BYTES + body.length);
    room[SEAL_ROOM_BYTES] = flags;
    body.copy(room, SEAL_ROOM_BYTES + FLAGS_BYTES);
    sealInPlace(this.#key, this.#nonce, room);
    room.copy(target, box, SEAL_ROOM_BYTES - BOX_OVERHEAD_BYTES);
  }

  /** Flags and body of the box behind the counter, in memory of their own; undefined if it was not made with that, or was changed. */
  open(message: Buffer, offset: number): Buffer | undefined {
    const box = offset + COUNTER_BYTES;
    const length = message.length - box - BOX_OVERHEAD_BYTES;
    if (length < FLAGS_BYTES) return undefined;
    this.#takeCounter(message, offset);
    return this.#sodium !== undefined && length <= MAX_CONTENT_BYTES
      ? this.#sodium.open(this.#key, this.#nonce, message, box)
      : open(this.#key, this.#nonce, message.subarray(box));
  }

  /** Wipes the key. Nothing may be called afterwards. */
  close(): void {
    this.#key.fill(0);
  }

  #takeCounter(source: Buffer, offset: number): void {
    for (let i = 0; i < COUNTER_BYTES; i++)
      this.#nonce[COUNTER_OFFSET + i] = source[offset + i] as number; // a MESSAGE has its counter
  }
}
