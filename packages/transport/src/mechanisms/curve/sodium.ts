/**
 * Boxes (XSalsa20-Poly1305, NaCl's secretbox) by libsodium as WebAssembly: the same as those of `boxes.ts` in a quarter of the time
 * (docs/performance.md, "CURVE"). The one file that knows the package `libsodium`, which is loaded when the first CURVE connection
 * asks for it: that takes 25 ms, and boxes are made without it meanwhile.
 *
 * All connections of a thread share its memory, of which this owns one piece. Every box leaves that piece wiped.
 *
 *   piece   key(32) nonce(24) -(8) box: MAC(16) flags(1) body
 */

import { copyOf, HEAP_BYTES, viewOf } from '../../bytes.ts';
import { BOX_OVERHEAD_BYTES, KEY_BYTES } from './boxes.ts';

/** What is used of libsodium, which has C's interface here and brings no types: addresses in its memory, and 0 for "done". */
export interface Library {
  /** Its memory; another object after it has grown. */
  readonly HEAPU8: { readonly buffer: ArrayBuffer };
  /** So many bytes; 0 when there are none. */
  _malloc(bytes: number): number;
  /** A length of 64 bits is two words, the lower one first. */
  _crypto_secretbox_easy(box: number, content: number, ...rest: LengthNonceKey): number;
  /** Decrypts nothing unless the MAC is right. */
  _crypto_secretbox_open_easy(content: number, box: number, ...rest: LengthNonceKey): number;
}

type LengthNonceKey = [lengthLow: number, lengthHigh: number, nonce: number, key: number];

/** What the package exports: makes the library, with memory of its own. */
type MakeLibrary = (options: { getRandomValue(): number }) => Promise<Library>;

/** Larger contents are left to `boxes.ts`: the library's memory grows with its largest box and never shrinks. */
export const MAX_CONTENT_BYTES: number = 1024 * 1024;

const BOX = 64;
const CONTENT: number = BOX + BOX_OVERHEAD_BYTES;
const PIECE_BYTES: number = CONTENT + MAX_CONTENT_BYTES;
const FLAGS_BYTES = 1;
/** Below this a loop is quicker than a call of `set`. */
const LOOP_BYTES = 32;

/** One for all connections of a thread: a library is 4 MiB of memory. */
let loading: Promise<Sodium | undefined> | undefined;

/** Resolves with libsodium, and with undefined where it cannot be loaded (no WebAssembly, not installed); never rejects. */
export function loadSodium(): Promise<Sodium | undefined> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Sodium | undefined> {
  try {
    // @ts-expect-error: there are no types of it.
    const { default: make }: { default: MakeLibrary } = await import('libsodium');
    return new Sodium(await make({ getRandomValue: noRandomness }));
  } catch {
    return undefined; // boxes.ts makes the same boxes, in more time
  }
}

/** Boxes need none, so nobody asks. */
function noRandomness(): number {
  throw new Error('libsodium is used for nothing that is random.');
}

/** Makes and opens boxes; for contents up to {@link MAX_CONTENT_BYTES}. */
export class Sodium {
  readonly #library: Library;
  /** Where its piece of the library's memory begins. */
  readonly #piece: number;
  /** The library's memory. */
  #memory: Buffer;

  /** @throws RangeError when the library has no memory left. */
  constructor(library: Library) {
    this.#library = library;
    this.#piece = library._malloc(PIECE_BYTES);
    if (this.#piece === 0) throw new RangeError(`libsodium has no ${PIECE_BYTES} bytes left`);
    this.#memory = Buffer.from(library.HEAPU8.buffer);
  }

  /** Writes the box of `flags` and `body` into `target` from `offset` on. */
  seal(
    key: Buffer,
    nonce: Buffer,
    flags: number,
    body: Buffer,
    target: Buffer,
    offset: number,
  ): void {
    const memory = this.#currentMemory();
    const piece = this.#piece;
    const box = piece + BOX;
    const content = piece + CONTENT;
    const length = FLAGS_BYTES + body.length;
    try {
      memory.set(key, piece);
      memory.set(nonce, piece + KEY_BYTES);
      memory[content] = flags;
      copy(body, 0, body.length, memory, content + FLAGS_BYTES);
      this.#library._crypto_secretbox_easy(box, content, length, 0, piece + KEY_BYTES, piece);
      copy(memory, box, BOX_OVERHEAD_BYTES + length, target, offset);
    } finally {
      memory.fill(0, piece, content + length);
    }
  }

  /** The content of the box that goes from `offset` to the end of `message`, in memory of its own; undefined if it does not open. */
  open(key: Buffer, nonce: Buffer, message: Buffer, offset: number): Buffer | undefined {
    const memory = this.#currentMemory();
    const piece = this.#piece;
    const box = piece + BOX;
    const content = piece + CONTENT;
    const length = message.length - offset;
    const end = box + length;
    try {
      memory.set(key, piece);
      memory.set(nonce, piece + KEY_BYTES);
      copy(message, offset, length, memory, box);
      const nonceAt = piece + KEY_BYTES;
      if (this.#library._crypto_secretbox_open_easy(content, box, length, 0, nonceAt, piece) !== 0)
        return undefined;
      if (end - content <= HEAP_BYTES) return copyOf(memory, content, end);
      const opened = Buffer.allocUnsafe(end - content);
      copy(memory, content, end - content, opened, 0);
      return opened;
    } finally {
      memory.fill(0, piece, end);
    }
  }

  /** When the library's memory has grown it lies elsewhere. */
  #currentMemory(): Buffer {
    const { buffer } = this.#library.HEAPU8;
    if (this.#memory.buffer !== buffer) this.#memory = Buffer.from(buffer);
    return this.#memory;
  }
}

function copy(source: Buffer, start: number, length: number, target: Buffer, offset: number): void {
  if (length < LOOP_BYTES) {
    for (let i = 0; i < length; i++) target[offset + i] = source[start + i] as number; // the caller's lengths
  } else if (length === source.length) {
    target.set(source, offset);
  } else {
    target.set(viewOf(source, start, start + length), offset);
  }
}
