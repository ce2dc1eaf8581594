/**
 * Payloads of data packets to messages: the other side of message-packer.ts, for one sender.
 *
 *   OUTSIDE -> INSIDE   at the first packet in which a message begins
 *   INSIDE -> OUTSIDE   when a packet is lost, or the stream makes no sense: the half-built message is dropped as a whole
 *
 * So a message comes whole or not at all. Nothing is allocated because of a length that a sender claims.
 */

import { copyOf, HEAP_BYTES, viewOf } from '../../bytes.ts';
import { EMPTY_FRAME, type Message } from '../../message.ts';
import { NO_MESSAGE } from './packet.ts';

const LONG_MARK = 0xff;
const LONG_LENGTH_BYTES = 8;
/** Mark, length and flags. */
const LONG_HEADER_BYTES = 10;
const FLAG_MORE = 1;
/** Bodies below this are copied out of datagrams above that. */
const SMALL_BODY_BYTES = 512;
const LARGE_DATAGRAM_BYTES = 16 * 1024;
/** What a frame counts beside its bytes for `maxMultipartSize`, as for any transport. */
const FRAME_COST_BYTES = 64;

/** Takes messages as they are whole. */
export interface MessageSink {
  onMessage(message: Message): void;
}

/** What a message may take; -1 for no limit. */
export interface MessageLimits {
  readonly maxMessageSize: number;
  readonly maxMultipartSize: number;
}

type State = 'length' | 'long-length' | 'flags' | 'body';

/** Puts messages together. */
export class MessageUnpacker {
  readonly #sink: MessageSink;
  readonly #limits: MessageLimits;
  #isInside = false;
  #state: State = 'length';
  /** Bytes of the long length that were read, and their value. */
  #lengthBytes = 0;
  #length = 0;
  #hasMore = false;
  #frames: Message = [];
  /** What came of the frame that is not whole, and how much is to come. */
  #pieces: Buffer[] = [];
  #missing = 0;
  /** Of the frames of this message, the one that is not whole included. */
  #cost = 0;
  /** Streams that made no sense, or had more than the limits allow. */
  faults = 0;

  constructor(sink: MessageSink, limits: MessageLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** The payload of the next packet: where its first message begins, and its part of the stream. */
  unpack(offset: number, stream: Buffer): void {
    let at = 0;
    if (!this.#isInside) {
      if (offset === NO_MESSAGE) return;
      this.#isInside = true;
      at = offset;
    }
    while (at < stream.length) {
      at = this.#state === 'length' ? this.#readHeader(stream, at) : this.#step(stream, at);
      if (at < 0) {
        this.faults += 1;
        this.leave();
        return; // the rest of this packet is as much in doubt
      }
    }
  }

  /** A packet is lost: drops what is half built. True when there was a message that began and now never comes. */
  leave(): boolean {
    const wasTorn = this.#isInside && (this.#state !== 'length' || this.#frames.length > 0);
    this.#isInside = false;
    this.#state = 'length';
    this.#frames = [];
    this.#pieces = [];
    this.#missing = 0;
    this.#cost = 0;
    return wasTorn;
  }

  /** Reads from `at` on; gives where it stopped, -1 for a stream that makes no sense. */
  #step(stream: Buffer, at: number): number {
    switch (this.#state) {
      case 'length':
        return this.#readLength(stream[at] as number, at); // at < length
      case 'long-length':
        return this.#readLongLength(stream[at] as number, at); // as above
      case 'flags':
        return this.#readFlags(stream[at] as number, at); // as above
      case 'body':
        return this.#readBody(stream, at);
    }
  }

  /** A whole header where it is there, which it mostly is; else its first byte. */
  #readHeader(stream: Buffer, at: number): number {
    const first = stream[at] as number; // the caller saw to it
    if (first !== LONG_MARK || at + LONG_HEADER_BYTES > stream.length)
      return this.#readLength(first, at);
    const length = stream.readUInt32BE(at + 1) * 0x1_0000_0000 + stream.readUInt32BE(at + 5);
    if (length === 0 || !Number.isSafeInteger(length) || !this.#startFrame(length - 1)) return -1;
    return this.#readFlags(stream[at + 9] as number, at + 9); // within the header
  }

  #readLength(byte: number, at: number): number {
    if (byte === 0) return -1;
    if (byte === LONG_MARK) {
      this.#state = 'long-length';
      this.#lengthBytes = 0;
      this.#length = 0;
      return at + 1;
    }
    return this.#startFrame(byte - 1) ? at + 1 : -1;
  }

  #readLongLength(byte: number, at: number): number {
    this.#length = this.#length * 256 + byte;
    this.#lengthBytes += 1;
    if (this.#lengthBytes < LONG_LENGTH_BYTES) return at + 1;
    if (this.#length === 0 || !Number.isSafeInteger(this.#length)) return -1;
    return this.#startFrame(this.#length - 1) ? at + 1 : -1;
  }

  #startFrame(bytes: number): boolean {
    const { maxMessageSize, maxMultipartSize } = this.#limits;
    this.#cost += bytes + FRAME_COST_BYTES;
    if (maxMessageSize >= 0 && bytes > maxMessageSize) return false;
    if (maxMultipartSize >= 0 && this.#cost > maxMultipartSize) return false;
    this.#missing = bytes;
    this.#state = 'flags';
    return true;
  }

  #readFlags(byte: number, at: number): number {
    this.#hasMore = (byte & FLAG_MORE) !== 0;
    if (this.#missing === 0) this.#endFrame(EMPTY_FRAME);
    else this.#state = 'body';
    return at + 1;
  }

  #readBody(stream: Buffer, at: number): number {
    const stop = Math.min(stream.length, at + this.#missing);
    const piece = pieceOf(stream, at, stop);
    this.#missing -= piece.length;
    if (this.#missing > 0) {
      this.#pieces.push(piece);
    } else if (this.#pieces.length === 0) {
      this.#endFrame(piece);
    } else {
      this.#pieces.push(piece);
      const body = Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#endFrame(body);
    }
    return stop;
  }

  #endFrame(body: Buffer): void {
    this.#state = 'length';
    this.#frames.push(body);
    if (this.#hasMore) return;
    const message = this.#frames;
    this.#frames = [];
    this.#cost = 0;
    this.#sink.onMessage(message);
  }
}

/** A view of the datagram, unless that would keep a large datagram for a small body. */
function pieceOf(stream: Buffer, start: number, stop: number): Buffer {
  const bytes = stop - start;
  const isSmall = bytes <= HEAP_BYTES || (bytes < SMALL_BODY_BYTES && isLarge(stream));
  return isSmall ? copyOf(stream, start, stop) : viewOf(stream, start, stop);
}

function isLarge(stream: Buffer): boolean {
  return stream.buffer.byteLength > LARGE_DATAGRAM_BYTES;
}
