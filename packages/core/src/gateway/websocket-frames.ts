/**
 * Where the frames of a WebSocket end, in bytes that pass by on their way to the client; and the frame that closes one (RFC 6455).
 *
 *     head --> between --> header --> payload --> between ...
 *       |                                            |
 *       +--> other                                   +--> closed       the server has said its last
 *
 * Bytes go through a tunnel in whatever pieces come. A frame of the gateway's own may stand between two frames only, so it follows
 * them by their headers and looks at nothing else: compressed or not, whole or in fragments, is the same to it.
 */

/** Why a WebSocket is closed (RFC 6455, 7.4.1, and IANA's registry). */
export const CLOSE_CODES = {
  goingAway: 1001,
  internalError: 1011,
  serviceRestart: 1012,
} as const;
/** One of these codes. */
export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES];

/** The end of the head of "101 Switching Protocols". */
const HEAD_END = '\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 ';
/** A longer head is followed no further. */
const MAX_HEAD_BYTES = 64 * 1024;

const MIN_HEADER_BYTES = 2;
const MAX_HEADER_BYTES = 14;
const FINAL = 0x80;
const MASKED = 0x80;
const OPCODES = 0x0f;
const CLOSE = 0x8;
const LENGTHS = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;

/** The frame by which a server closes. @param reason up to 123 bytes */
export function closeFrame(code: CloseCode, reason: string): Buffer {
  const text = Buffer.from(reason);
  const frame = Buffer.allocUnsafe(MIN_HEADER_BYTES + 2 + text.length);
  frame[0] = FINAL | CLOSE;
  frame[1] = 2 + text.length;
  frame.writeUInt16BE(code, MIN_HEADER_BYTES);
  text.copy(frame, MIN_HEADER_BYTES + 2);
  return frame;
}

/** Follows what a server sends. */
export class FrameFollower {
  #state: 'head' | 'between' | 'header' | 'payload' | 'closed' | 'other';
  /** As much of the head, or of a header, as came. */
  #begun: Buffer;
  /** Bytes of the payload that are to come; exact up to 2^53, and more never come. */
  #left: number;

  constructor() {
    this.#state = 'head';
    this.#begun = Buffer.alloc(0);
    this.#left = 0;
  }

  /** Whether a frame may stand here: the last one has ended, and it was none that closes. */
  get isBetween(): boolean {
    return this.#state === 'between';
  }

  /** Whether it is no WebSocket, or has closed. */
  get isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'other';
  }

  /**
   * These bytes are sent next.
   *
   * @returns behind how many of them a frame may stand, at the latest; undefined where none may
   */
  passed(bytes: Buffer): number | undefined {
    let at = this.#state === 'head' ? this.#passHead(bytes) : 0;
    let end = this.isBetween ? at : undefined;
    while (at < bytes.length && !this.isOver) {
      if (this.#state === 'payload') {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#state = 'between';
      } else {
        at = this.#passHeader(bytes, at);
      }
      if (this.isBetween) end = at;
    }
    return this.isOver ? undefined : end;
  }

  #passHead(bytes: Buffer): number {
    const before = this.#begun.length;
    const head = before === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    const isOther =
      head.toString('latin1', 0, SWITCHING.length) !== SWITCHING.slice(0, head.length);
    const end = head.indexOf(HEAD_END, Math.max(before - HEAD_END.length, 0), 'latin1');
    if (isOther || (end < 0 && head.length > MAX_HEAD_BYTES)) {
      this.#state = 'other';
      this.#begun = Buffer.alloc(0);
      return bytes.length;
    }
    if (end < 0) {
      this.#begun = Buffer.from(head);
      return bytes.length;
    }
    this.#state = 'between';
    this.#begun = Buffer.alloc(0);
    return end + HEAD_END.length - before;
  }

  #passHeader(bytes: Buffer, at: number): number {
    const before = this.#begun.length;
    const piece = bytes.subarray(at, at + MAX_HEADER_BYTES - before);
    const header = before === 0 ? piece : Buffer.concat([this.#begun, piece]);
    const size = headerSizeOf(header);
    if (size === undefined || header.length < size) {
      this.#begun = Buffer.from(header);
      this.#state = 'header';
      return bytes.length; // a piece is short only where the bytes end
    }
    this.#begun = Buffer.alloc(0);
    this.#left = lengthOf(header);
    if (((header[0] ?? 0) & OPCODES) === CLOSE) this.#state = 'closed';
    else this.#state = this.#left === 0 ? 'between' : 'payload';
    return at + size - before;
  }
}

/** Undefined where not even that came. */
function headerSizeOf(header: Buffer): number | undefined {
  const second = header[1];
  if (second === undefined) return undefined;
  const length = second & LENGTHS;
  const extended = length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0;
  return MIN_HEADER_BYTES + extended + ((second & MASKED) === 0 ? 0 : MASK_BYTES);
}

function lengthOf(header: Buffer): number {
  const length = (header[1] ?? 0) & LENGTHS;
  if (length === LENGTH_16) return header.readUInt16BE(MIN_HEADER_BYTES);
  if (length !== LENGTH_64) return length;
  return (
    header.readUInt32BE(MIN_HEADER_BYTES) * 2 ** 32 + header.readUInt32BE(MIN_HEADER_BYTES + 4)
  );
}
