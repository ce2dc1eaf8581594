/**
 * Messages to the payloads of data packets: one endless stream of frames, cut into pieces (ZMTP 1.0's framing, RFC 13).
 *
 *   frame     below 254 bytes:  [length + 1]  [flags]  body            flags: bit 0 says that more frames follow
 *             from there on:    [ff]  [length + 1, 8 bytes]  [flags]  body
 *   payload   [offset, 2 bytes]  stream ...                            where the first message of this packet begins; ffff: none does
 *
 * A frame may be cut anywhere. The offset is written also where nothing follows any more: it is then the length of the stream.
 */

import { EMPTY_FRAME, type Message } from '../../message.ts';
import { wholeFrame } from '../../rope.ts';
import { NO_MESSAGE } from './packet.ts';

/** Bodies from this size on have the long form of a frame: the flags count, and ff marks it. */
const LONG_BODY_BYTES = 254;
const SHORT_HEADER_BYTES = 2;
const LONG_HEADER_BYTES = 10;
const FLAG_MORE = 1;
const OFFSET_BYTES = 2;

/** Where messages come from. */
export interface MessageSource {
  /** The next message, which then belongs to the packer; undefined when none waits. */
  take(): Message | undefined;
}

/** Cuts messages into payloads. */
export class MessagePacker {
  readonly #capacity: number;
  readonly #header: Buffer = Buffer.alloc(LONG_HEADER_BYTES);
  #message: Message = [];
  /** Of `#message`, the frame that comes next. */
  #next = 0;
  /** The unfinished frame: what is left of its header and of its body. */
  #headerAt = 0;
  #headerEnd = 0;
  #body: Buffer = EMPTY_FRAME;
  #bodyAt = 0;

  /** @param payloadBytes the largest payload, with its offset. */
  constructor(payloadBytes: number) {
    this.#capacity = payloadBytes;
  }

  /** Whether part of a message was packed and its rest was not. */
  get isInside(): boolean {
    return this.#next < this.#message.length || this.#hasRest;
  }

  /** Writes the next payload to `target` from `start` on; gives its length, 0 when there is nothing to send. */
  pack(target: Buffer, start: number, source: MessageSource): number {
    const begin = start + OFFSET_BYTES;
    const end = start + this.#capacity;
    let offset = NO_MESSAGE;
    let at = this.#copyRest(target, begin, end);
    while (at < end) {
      if (this.#next >= this.#message.length) {
        if (offset === NO_MESSAGE) offset = at - begin;
        const message = source.take();
        if (message === undefined) {
          this.#message = [];
          this.#next = 0;
          break;
        }
        this.#message = message;
        this.#next = 0;
      }
      this.#startFrame();
      at = this.#copyRest(target, at, end);
    }
    if (at === begin) return 0;
    target.writeUInt16BE(offset, start);
    return at - start;
  }

  get #hasRest(): boolean {
    return this.#headerAt < this.#headerEnd || this.#bodyAt < this.#body.length;
  }

  #startFrame(): void {
    const body = wholeFrame(this.#message[this.#next] as Buffer); // next < length
    this.#message[this.#next] = EMPTY_FRAME; // it is not kept longer than needed
    this.#next += 1;
    const flags = this.#next < this.#message.length ? FLAG_MORE : 0;
    const header = this.#header;
    if (body.length < LONG_BODY_BYTES) {
      header[0] = body.length + 1;
      header[1] = flags;
      this.#headerEnd = SHORT_HEADER_BYTES;
    } else {
      header[0] = 0xff;
      header.writeUInt32BE(Math.floor((body.length + 1) / 0x1_0000_0000), 1);
      header.writeUInt32BE((body.length + 1) >>> 0, 5);
      header[9] = flags;
      this.#headerEnd = LONG_HEADER_BYTES;
    }
    this.#headerAt = 0;
    this.#body = body;
    this.#bodyAt = 0;
  }

  /** Copies of the unfinished frame what fits; gives where it stopped. */
  #copyRest(target: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#headerAt < this.#headerEnd) {
      const stop = Math.min(this.#headerEnd, this.#headerAt + end - at);
      at += this.#header.copy(target, at, this.#headerAt, stop);
      this.#headerAt = stop;
    }
    if (this.#bodyAt < this.#body.length && at < end) {
      const stop = Math.min(this.#body.length, this.#bodyAt + end - at);
      at += this.#body.copy(target, at, this.#bodyAt, stop);
      this.#bodyAt = stop;
      if (stop === this.#body.length) {
        this.#body = EMPTY_FRAME;
        this.#bodyAt = 0;
      }
    }
    return at;
  }
}
