/**
 * The only byte-level state machine: chunks in, frames out (RFC 37, "Framing").
 *
 * It owns the position inside a frame and the bytes of a frame that spans chunks. It does not know messages, commands
 * or sockets. A body that lies whole in one chunk is cut out of it (`body-cutter.ts`); one that spans chunks is copied together, its
 * buffer growing with the bytes that came, never with the size the peer claims. A socket that passes messages on unread gets
 * large ones as ropes.
 *
 *   FLAGS -> SHORT_SIZE -+-> BODY -> FLAGS
 *        \-> LONG_SIZE --/
 */

import { constants } from 'node:buffer';
import type { Blocks } from '../blocks.ts';
import { BodyCutter } from '../body-cutter.ts';
import { copyOf, viewOf } from '../bytes.ts';
import { ProtocolError } from '../errors.ts';
import { EMPTY_FRAME } from '../message.ts';
import { Rope, ropeFrame } from '../rope.ts';
import {
  FLAG_COMMAND,
  FLAG_LONG,
  FLAG_MORE,
  FLAGS_RESERVED,
  LONG_HEADER_BYTES,
  SHORT_HEADER_BYTES,
} from './frame.ts';

/** The one listener of a decoder. */
export interface FrameSink {
  /**
   * A whole frame. `flags` has MORE and COMMAND as on the wire. `body` may be a view of the chunk: copy what is kept
   * beyond the message. May call `halt()` or `stop()` of the decoder, and nothing else of it. May throw: the decoder
   * is then stopped, and the error leaves `decode()`.
   */
  onFrame(flags: number, body: Buffer): void;
}

const FLAGS = 0;
const SHORT_SIZE = 1;
const LONG_SIZE = 2;
const BODY = 3;

/** A spanning body up to this size gets its buffer at once; a larger one grows fourfold as bytes arrive. */
const FIRST_ALLOCATION_BYTES = 64 * 1024;
const LONG_SIZE_BYTES = 8;
/** What is still to come of a body is read to its place if it has at least so many bytes. */
const PLACE_BYTES = 16 * 1024;
/** Smaller bodies are never ropes: they would waste most of a block. */
const LARGE_BYTES = 32 * 1024;
/** In so many bytes without a large body there would have been the head of one. */
const HEAD_BYTES = 4 * 1024;
/** High half of a 64-bit size beyond which it is no safe integer (2^53). */
const SAFE_HIGH_WORD = 0x20_0000;

/** Cuts a byte stream into frames. One per connection; see the state diagram at the top of the file. */
export class FrameDecoder {
  readonly #sink: FrameSink;
  #maxBodyBytes: number;
  readonly #bodies = new BodyCutter();
  #state = FLAGS;
  #flags = 0;
  #size = 0;
  /** Bytes of a long size field that came in an earlier chunk; undefined until there is one. */
  #sizeField: Buffer | undefined = undefined;
  /** How much of the size field or of the spanning body is there. */
  #filled = 0;
  #body: Buffer | undefined = undefined;
  /** A body that is to be a rope, as far as it came; undefined while there is none. */
  #rope: Rope | undefined = undefined;
  /** Where ropes take their memory; undefined for no ropes. */
  #blocks: Blocks | undefined = undefined;
  #toleratesUnflagged = false;
  /** The chunk is there only until it is decoded: what is kept of it is copied. */
  #isLent = false;
  /** The sink keeps nothing of a body. */
  #sinkCopies = false;
  #halted = false;
  #stopped = false;
  #expectsPlace = false;
  /** A chunk whose frames from `#restStart` on wait, because the sink called {@link halt}. */
  #rest: Buffer | undefined = undefined;
  #restStart = 0;

  /** @param maxMessageSize largest body of one frame in bytes; -1 for none (`ZMQ_MAXMSGSIZE`). */
  constructor(sink: FrameSink, maxMessageSize: number) {
    this.#sink = sink;
    this.#maxBodyBytes = maxMessageSize < 0 ? constants.MAX_LENGTH : maxMessageSize;
  }

  /** Another limit, from the next frame on. */
  limit(maxMessageSize: number): void {
    this.#maxBodyBytes = maxMessageSize < 0 ? constants.MAX_LENGTH : maxMessageSize;
  }

  /**
   * For publishers: libzmq up to 4.3.4 writes the commands of topics with 246 to 255 bytes with an eight-byte size and without
   * the flag that says so. Nobody sends a command of no bytes, so one that seems to be empty is taken for such a frame.
   */
  expectUnflaggedCommands(): void {
    this.#toleratesUnflagged = true;
  }

  /** From the next frame on, large bodies of messages are handed on as ropes (`rope.ts`), in memory of these blocks. */
  makeRopes(blocks: Blocks): void {
    this.#blocks = blocks;
  }

  /** The sink takes what it wants of a body before it returns, so bodies need not be copied out of a chunk that is lent. */
  giveViews(): void {
    this.#sinkCopies = true;
  }

  /** Bytes kept of a body that is not whole. */
  get unfinished(): number {
    return this.#rope?.filled ?? (this.#body === undefined ? 0 : this.#filled);
  }

  /** True while frames wait in the decoder because the sink called {@link halt}. */
  get halted(): boolean {
    return this.#halted;
  }

  /**
   * Takes the next chunk of the stream and gives every frame it completes to the sink. While halted, chunks must not
   * be handed in: the stream is paused then.
   *
   * @param isLent its memory is somebody else's again when this returns. Default: it belongs to the decoder from here on.
   * @throws ProtocolError for reserved flags, a size above 2^53 - 1, or `EMSGSIZE` for one above the limit, before a
   *   byte of that body is kept; and whatever the sink threw. The decoder is stopped then.
   */
  decode(chunk: Buffer, isLent = false): void {
    if (this.#stopped) return;
    const rest = this.#rest;
    const bytes =
      rest === undefined ? chunk : Buffer.concat([rest.subarray(this.#restStart), chunk]);
    this.#rest = undefined;
    this.#isLent = isLent && bytes === chunk;
    if (chunk.length >= HEAD_BYTES) this.#expectsPlace = this.#state === BODY && this.#isLarge();
    this.#bodies.start(bytes, this.#isLent && !this.#sinkCopies);
    this.#run(bytes, 0);
  }

  /**
   * Where the next bytes of the stream can be read to in place of a chunk: memory of a large body that is under way. Undefined for
   * nowhere. After {@link placed} or {@link decode} it must be asked for again.
   *
   * @throws RangeError where there is no memory for it
   */
  get place(): Buffer | undefined {
    if (this.#state !== BODY || this.#stopped || this.#halted) return undefined;
    const lacks = this.#size - this.unfinished;
    if (lacks < PLACE_BYTES) return undefined;
    if (this.#blocks !== undefined && this.#isForRope()) {
      this.#rope ??= new Rope(this.#size, this.#blocks);
      return this.#rope.place;
    }
    const body = this.#room(this.#filled + 1);
    return viewOf(body, this.#filled, body.length);
  }

  /** The last bodies were large: the next one is probably, too. */
  get expectsPlace(): boolean {
    return this.#expectsPlace;
  }

  /**
   * The next `count` bytes of the stream were read to {@link place}.
   *
   * @throws as {@link decode}
   */
  placed(count: number): void {
    if (this.#stopped) return;
    try {
      if (this.#rope !== undefined) {
        this.#rope.placed(count);
        if (this.#rope.isWhole) this.#emit(ropeFrame(this.#rope));
      } else if (this.#body !== undefined) {
        this.#filled += count;
        if (this.#filled === this.#size) this.#emit(this.#body);
      } else {
        throw new Error('no place was given, and something was read there');
      }
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Called by the sink from `onFrame`: no further frame is given until {@link resume}. */
  halt(): void {
    this.#halted = true;
  }

  /** Goes on after {@link halt} with what was left of the last chunk. Throws as {@link decode} does. */
  resume(): void {
    if (!this.#halted) return;
    this.#halted = false;
    const rest = this.#rest;
    if (rest === undefined || this.#stopped) return;
    this.#rest = undefined;
    this.#run(rest, this.#restStart);
  }

  /** Forgets everything; later chunks are ignored. */
  stop(): void {
    this.#stopped = true;
    this.#rest = undefined;
    this.#body = undefined;
    this.#rope = undefined;
    this.#bodies.end();
  }

  #run(chunk: Buffer, start: number): void {
    const end = chunk.length;
    let offset = start;
    try {
      while (offset < end) {
        if (this.#halted || this.#stopped) {
          if (this.#stopped) return;
          this.#keepRest(chunk, offset);
          return;
        }
        if (this.#state === FLAGS) offset = this.#frame(chunk, offset, end);
        else if (this.#state === BODY) offset = this.#fillBody(chunk, offset, end);
        else if (this.#state === SHORT_SIZE) offset = this.#shortSize(chunk, offset);
        else offset = this.#longSize(chunk, offset, end);
        // A frame without a body is complete with its header, even when the chunk ends there.
        if (this.#state === BODY && this.#size === 0) this.#emit(EMPTY_FRAME);
      }
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      if (this.#rest === undefined) this.#bodies.end();
    }
  }

  /** Halted: the frames from here on wait. */
  #keepRest(chunk: Buffer, offset: number): void {
    this.#rest = this.#isLent ? copyOf(chunk, offset, chunk.length) : chunk;
    this.#restStart = this.#isLent ? 0 : offset;
    if (!this.#isLent) return;
    this.#isLent = false;
    this.#bodies.start(this.#rest, false);
  }

  /** At a frame's first byte. What most frames are, a short one of a message and whole in this chunk, takes the short way. */
  #frame(chunk: Buffer, start: number, end: number): number {
    const flags = chunk[start] as number; // start < end
    const body = start + SHORT_HEADER_BYTES;
    if (flags > FLAG_MORE || body > end) return this.#header(chunk, start, end);
    const size = chunk[start + 1] as number; // body <= end
    const stop = body + size;
    if (stop > end || size > this.#maxBodyBytes) return this.#header(chunk, start, end);
    this.#sink.onFrame(flags, size === 0 ? EMPTY_FRAME : this.#bodies.cut(chunk, body, stop));
    return stop;
  }

  /** At a frame's first byte. Takes header and body in one step where both lie in this chunk. */
  #header(chunk: Buffer, start: number, end: number): number {
    const flags = chunk[start] as number; // start < end
    if ((flags & FLAGS_RESERVED) !== 0) {
      throw new ProtocolError(
        'ERR_ZMTP_UNSPECIFIED',
        `A frame starts with flags 0x00 to 0x07; got 0x${flags.toString(16).padStart(2, '0')}. The peer does not speak ZMTP 3, or its stream is damaged.`,
      );
    }
    this.#flags = flags;
    if ((flags & FLAG_LONG) === 0) {
      if (start + SHORT_HEADER_BYTES > end) {
        this.#state = SHORT_SIZE;
        return start + 1;
      }
      if (this.#isUnflagged(chunk[start + 1] as number)) return this.#startLongSize(start + 1);
      this.#startBody(chunk[start + 1] as number); // start + 1 < end
      return this.#bodyInChunk(chunk, start + SHORT_HEADER_BYTES, end);
    }
    if (start + LONG_HEADER_BYTES > end) {
      return this.#startLongSize(start + 1);
    }
    this.#startBody(readSize(chunk, start + 1));
    return this.#bodyInChunk(chunk, start + LONG_HEADER_BYTES, end);
  }

  #bodyInChunk(chunk: Buffer, start: number, end: number): number {
    const stop = start + this.#size;
    if (this.#size === 0 || stop > end) return start;
    if (this.#blocks !== undefined && this.#isForRope()) return this.#spin(chunk, start, stop);
    this.#emit(this.#bodies.cut(chunk, start, stop));
    return stop;
  }

  #isUnflagged(size: number): boolean {
    return size === 0 && this.#toleratesUnflagged && this.#flags === FLAG_COMMAND;
  }

  #startLongSize(offset: number): number {
    this.#state = LONG_SIZE;
    this.#filled = 0;
    return offset;
  }

  #shortSize(chunk: Buffer, offset: number): number {
    if (this.#isUnflagged(chunk[offset] as number)) return this.#startLongSize(offset);
    this.#startBody(chunk[offset] as number); // offset < end
    return offset + 1;
  }

  #longSize(chunk: Buffer, offset: number, end: number): number {
    const count = Math.min(LONG_SIZE_BYTES - this.#filled, end - offset);
    this.#sizeField ??= Buffer.alloc(LONG_SIZE_BYTES);
    chunk.copy(this.#sizeField, this.#filled, offset, offset + count);
    this.#filled += count;
    if (this.#filled === LONG_SIZE_BYTES) this.#startBody(readSize(this.#sizeField, 0));
    return offset + count;
  }

  #startBody(size: number): void {
    if (size > this.#maxBodyBytes) {
      throw new ProtocolError(
        'EMSGSIZE',
        `A frame may have ${this.#maxBodyBytes} bytes; the peer announced ${size}. Raise maxMessageSize if this is a real message.`,
      );
    }
    this.#size = size;
    this.#filled = 0;
    this.#state = BODY;
    if (this.#isLarge()) this.#expectsPlace = true;
  }

  #fillBody(chunk: Buffer, offset: number, end: number): number {
    if (this.#blocks !== undefined && this.#isForRope()) {
      const lacks = this.#size - (this.#rope?.filled ?? 0);
      return this.#spin(chunk, offset, Math.min(offset + lacks, end));
    }
    if (this.#filled === 0 && end - offset >= this.#size)
      return this.#bodyInChunk(chunk, offset, end);
    const count = Math.min(this.#size - this.#filled, end - offset);
    const stop = offset + count;
    const body = this.#room(this.#filled + count);
    chunk.copy(body, this.#filled, offset, stop);
    this.#filled += count;
    if (this.#filled === this.#size) this.#emit(body);
    return stop;
  }

  #isLarge(): boolean {
    return this.#size >= LARGE_BYTES;
  }

  #isForRope(): boolean {
    return this.#isLarge() && (this.#flags & FLAG_COMMAND) === 0;
  }

  /** Adds what the chunk has of a body to its rope. */
  #spin(chunk: Buffer, start: number, stop: number): number {
    const blocks = this.#blocks as Blocks; // only then are there ropes
    this.#rope ??= new Rope(this.#size, blocks);
    this.#rope.add(chunk, start, stop);
    if (this.#rope.isWhole) this.#emit(ropeFrame(this.#rope));
    return stop;
  }

  /** The spanning body's buffer, with room for `needed` bytes and never more than four times what has come. */
  #room(needed: number): Buffer {
    const body = this.#body;
    if (body !== undefined && body.length >= needed) return body;
    const grown = Buffer.allocUnsafeSlow(
      Math.min(this.#size, Math.max(FIRST_ALLOCATION_BYTES, needed, (body?.length ?? 0) * 4)),
    );
    if (body !== undefined) body.copy(grown, 0, 0, this.#filled);
    this.#body = grown;
    return grown;
  }

  #emit(body: Buffer): void {
    const flags = this.#flags;
    this.#state = FLAGS;
    this.#body = undefined;
    this.#rope = undefined;
    this.#sink.onFrame(flags, body);
  }
}

function readSize(bytes: Buffer, offset: number): number {
  const high = bytes.readUInt32BE(offset);
  if (high >= SAFE_HIGH_WORD) {
    throw new ProtocolError(
      'EMSGSIZE',
      'A frame size above 2^53 - 1 bytes was announced; no such message can be received.',
    );
  }
  return high * 0x1_0000_0000 + bytes.readUInt32BE(offset + 4);
}
