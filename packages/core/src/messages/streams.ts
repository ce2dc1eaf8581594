/**
 * How much of a stream may be on the way: the windows that both ends of a streamed request or reply count by, and the queue
 * between them. Pure: bytes in, verdicts and grants out.
 *
 *   sender   [ left ] -- part --> on the way --> [ unread ] -- consumed --> ungranted -- grant --> left    receiver
 *
 * Each direction of an exchange has one window of WINDOW_BYTES. A message costs its bytes without the head, and
 * PART_OVERHEAD_BYTES, so that endless small or empty parts are bounded, too. The sender may send while its window lasts; the
 * receiver gives back what its reader consumed, in steps of half a window.
 */

import { bytesOf, FRAME_OVERHEAD_BYTES } from './frames.ts';

/** What may be on the way and unread in one direction of an exchange, in bytes. */
export const WINDOW_BYTES: number = 256 * 1024;

/** What a message costs beside its bytes. Senders and receivers count the same. */
export const PART_OVERHEAD_BYTES: number = FRAME_OVERHEAD_BYTES;

/** What a receiver gives back at once. */
const GRANT_BYTES = WINDOW_BYTES / 2;

/** The largest part that is sent, in bytes: others have their turn between two. */
const PART_MAX_BYTES = 64 * 1024;
/** Whatever `maxMessageSize` is, frames of this size pass (size-limits.ts). */
const PART_MIN_LIMIT_BYTES = 8 * 1024;

/** The largest part to send where messages may have so many bytes; Infinity for no limit. */
export function partLimit(maxMessageSize: number): number {
  return Math.min(PART_MAX_BYTES, Math.max(maxMessageSize, PART_MIN_LIMIT_BYTES));
}

/** Bytes that may go along with a head of so many, where messages may have `maxMessageSize`. */
export function roomBeside(headBytes: number, maxMessageSize: number): number {
  return Math.max(0, maxMessageSize - headBytes - FRAME_OVERHEAD_BYTES);
}

/**
 * The bytes by which a message counts: those of all its frames from `start` on. With the last message of a stream, which has no `more`,
 * trailers may come along beyond the window: only its first frame counts.
 */
export function countedBytes(message: readonly Buffer[], start: number, more: boolean): number {
  return more ? bytesOf(message, start) : (message[start]?.length ?? 0);
}

/** The sending end of a window; also what the queue checks a sender by. */
export class SendWindow {
  #left: number = WINDOW_BYTES;

  /** Bytes that one more message may have now; 0 or less when none may be sent. */
  get room(): number {
    return this.#left - PART_OVERHEAD_BYTES;
  }

  /** What is on the way, or unread, or read and not given back. */
  get used(): number {
    return WINDOW_BYTES - this.#left;
  }

  /** A message with so many bytes beside its head goes out. False when the window did not allow it: nothing has changed then. */
  spend(bytes: number): boolean {
    const cost = bytes + PART_OVERHEAD_BYTES;
    if (cost > this.#left) return false;
    this.#left -= cost;
    return true;
  }

  /** The receiver gave so many bytes back. False when that is more than it ever got: nothing has changed then. */
  granted(bytes: number): boolean {
    if (bytes > this.used) return false;
    this.#left += bytes;
    return true;
  }
}

/** The receiving end of a window. */
export class ReceiveWindow {
  #room: number = WINDOW_BYTES;
  /** Came and is not consumed: bytes, and the overhead of the messages that they came in. */
  #unread = 0;
  #overhead = 0;
  #ungranted = 0;

  /** A message with so many bytes beside its head came. False when the sender had no right to send it. */
  came(bytes: number): boolean {
    const cost = bytes + PART_OVERHEAD_BYTES;
    if (cost > this.#room) return false;
    this.#room -= cost;
    this.#unread += bytes;
    this.#overhead += PART_OVERHEAD_BYTES;
    return true;
  }

  /**
   * The reader has consumed so many bytes; more than there are count as all. 0 is good for giving back the overhead of empty
   * messages.
   *
   * @returns what to grant the sender now; 0 for nothing yet.
   */
  consumed(bytes: number): number {
    const isAll = bytes >= this.#unread;
    const taken = isAll ? this.#unread : bytes;
    const overhead = isAll ? this.#overhead : Math.floor((this.#overhead * taken) / this.#unread);
    this.#unread -= taken;
    this.#overhead -= overhead;
    this.#ungranted += taken + overhead;
    if (this.#ungranted < GRANT_BYTES) return 0;
    const grant = this.#ungranted;
    this.#ungranted = 0;
    this.#room += grant;
    return grant;
  }
}
