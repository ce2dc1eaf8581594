/**
 * Messages to bytes (RFC 37, "Framing"): the batch of one turn becomes as few Buffers as possible.
 *
 * Small frames are copied together behind their headers into the slab; large bodies are passed on by reference between pieces
 * of it, for one gathered write. A batch of little is copied out of the slab, so that a stream that cannot send it holds no
 * more than it. An encoder keeps nothing between batches.
 */

import type { Message } from '../message.ts';
import { isRope, type Rope } from '../rope.ts';
import type { Slab } from '../slab.ts';
import {
  FLAG_LONG,
  FLAG_MORE,
  LONG_HEADER_BYTES,
  SHORT_BODY_MAX,
  SHORT_HEADER_BYTES,
} from './frame.ts';

/** Bodies from this size on travel by reference: beyond it a copy costs more than one more entry in the write. */
export const REFERENCE_BYTES: number = 8 * 1024;
/** A piece below this size leaves as a copy. */
const SMALL_PIECE_BYTES = 4 * 1024;
/** What does not fit into the slab, which takes a message of many frames, gets memory in pieces of at least this size. */
const OVERFLOW_BYTES: number = 64 * 1024;
const NOTHING: Buffer = Buffer.alloc(0);

/** Encodes batch after batch. */
export class Encoder {
  /** What was added since the last {@link finish}, in bytes on the wire. */
  bytes = 0;
  readonly #slab: Slab;
  #chunks: Buffer[] = [];
  /** Ropes whose pieces are among the chunks. */
  #ropes: Rope[] = [];
  #memory: Buffer = NOTHING;
  /** What of the memory is not in `chunks` yet: from `start` to `offset`. */
  #start = 0;
  #offset = 0;
  #usesSlab = false;
  /** Whether a chunk is a piece of the slab, and not a copy of one. */
  #lendsSlab = false;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Adds the frames of a message. Large bodies must not change until they are written. */
  add(message: Message): void {
    const last = message.length - 1;
    for (let i = 0; i < last; i++) this.addFrame(message[i] as Buffer, FLAG_MORE); // i < last
    this.addFrame(message[last] as Buffer, 0); // a message has a frame
  }

  /** Adds one frame. @param flags MORE, COMMAND or none; LONG is added where it is needed. */
  addFrame(body: Buffer, flags: number): void {
    const { length } = body;
    const header = headerLength(length);
    this.bytes += header + length;
    const isCopied = length < REFERENCE_BYTES;
    const needed = isCopied ? header + length : header;
    if (this.#offset + needed > this.#memory.length) this.#extend(needed);
    const memory = this.#memory;
    const offset = writeHeader(memory, this.#offset, flags, length);
    if (isCopied) {
      copyBody(body, memory, offset);
      this.#offset = offset + length;
    } else {
      this.#offset = offset;
      this.#cut();
      if (isRope(body)) this.#addRope(body);
      else this.#chunks.push(body);
    }
  }

  #addRope(rope: Rope): void {
    for (const piece of rope.pieces) this.#chunks.push(piece);
    this.#ropes.push(rope);
  }

  /**
   * Room for a frame whose body the caller writes: `length` bytes of {@link memory} from the offset on that is returned. The frame
   * is there once {@link addWritten} was called, before anything else. For bodies below {@link REFERENCE_BYTES}.
   */
  room(length: number): number {
    const header = headerLength(length);
    if (this.#offset + header + length > this.#memory.length) this.#extend(header + length);
    return this.#offset + header;
  }

  /** Where {@link room} is. */
  get memory(): Buffer {
    return this.#memory;
  }

  /** Adds the frame whose body stands in its {@link room} now. */
  addWritten(length: number, flags: number): void {
    this.bytes += headerLength(length) + length;
    this.#offset = writeHeader(this.#memory, this.#offset, flags, length) + length;
  }

  /**
   * Ends the batch: Buffers to be written one after the other. Large bodies among them are the caller's own. Once they are
   * written, {@link settle} must be called.
   */
  finish(): Buffer[] {
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#memory = NOTHING;
    this.#start = 0;
    this.#offset = 0;
    this.bytes = 0;
    return chunks;
  }

  /** What {@link finish} gave was written. @param isGone whether the system has taken all of it. */
  settle(isGone: boolean): void {
    if (this.#ropes.length > 0) {
      if (isGone) for (const rope of this.#ropes) rope.release();
      this.#ropes = [];
    }
    if (!this.#usesSlab) return;
    this.#usesSlab = false;
    if (isGone || !this.#lendsSlab) this.#slab.release();
    else this.#slab.abandon();
    this.#lendsSlab = false;
  }

  #extend(needed: number): void {
    this.#cut();
    let memory = this.#usesSlab ? undefined : this.#slab.take();
    if (memory === undefined) memory = Buffer.allocUnsafeSlow(Math.max(needed, OVERFLOW_BYTES));
    else this.#usesSlab = true;
    this.#memory = memory;
    this.#start = 0;
    this.#offset = 0;
  }

  /** Makes a chunk of what is not in one yet. */
  #cut(): void {
    const length = this.#offset - this.#start;
    if (length === 0) return;
    const piece = this.#memory.subarray(this.#start, this.#offset);
    if (length < SMALL_PIECE_BYTES) {
      this.#chunks.push(Buffer.from(piece));
    } else {
      this.#chunks.push(piece);
      this.#lendsSlab = true;
    }
    this.#start = this.#offset;
  }
}

/** One frame around `body`, which is copied. @param flags COMMAND or none; LONG is added where it is needed. */
export function encodeFrame(body: Buffer, flags: number): Buffer {
  const frame = Buffer.allocUnsafe(headerLength(body.length) + body.length);
  body.copy(frame, writeHeader(frame, 0, flags, body.length));
  return frame;
}

function headerLength(length: number): number {
  return length > SHORT_BODY_MAX ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
}

function writeHeader(target: Buffer, offset: number, flags: number, length: number): number {
  if (length <= SHORT_BODY_MAX) {
    target[offset] = flags;
    target[offset + 1] = length;
    return offset + SHORT_HEADER_BYTES;
  }
  target[offset] = flags | FLAG_LONG;
  target.writeUInt32BE(Math.floor(length / 0x1_0000_0000), offset + 1);
  target.writeUInt32BE(length >>> 0, offset + 5);
  return offset + LONG_HEADER_BYTES;
}

/** Below this a loop in JavaScript is quicker than a call of `set` (docs/performance.md, "Bodies"). */
const LOOP_COPY_BYTES = 32;

function copyBody(body: Buffer, target: Buffer, offset: number): void {
  const { length } = body;
  if (length < LOOP_COPY_BYTES) {
    for (let i = 0; i < length; i++) target[offset + i] = body[i] as number; // i < length
  } else {
    target.set(body, offset);
  }
}
