/**
 * Messages to bytes (RFC 37, "Framing"): the batch of one turn becomes as few Buffers as possible.
 *
 * Small frames are copied together behind their headers into one Buffer of exactly the right size; large bodies are
 * passed on by reference between such Buffers, for one gathered write. Nothing is kept between batches, so an idle
 * connection holds no encoder memory.
 */

import type { Message } from '../message.ts';
import {
  FLAG_LONG,
  FLAG_MORE,
  LONG_HEADER_BYTES,
  SHORT_BODY_MAX,
  SHORT_HEADER_BYTES,
} from './frame.ts';

/** Bodies from this size on travel by reference: beyond it a copy costs more than one more entry in the write. */
export const REFERENCE_BYTES: number = 8 * 1024;

/** Bytes a message takes on the wire, headers included. */
export function encodedLength(message: Message): number {
  let bytes = 0;
  for (let i = 0; i < message.length; i++) {
    const length = (message[i] as Buffer).length; // i < length
    bytes += length + (length > SHORT_BODY_MAX ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES);
  }
  return bytes;
}

/**
 * Encodes the first `count` messages of `batch` in order.
 *
 * @param bytes the sum of their {@link encodedLength}.
 * @returns Buffers to be written one after the other. Large bodies among them are the caller's own.
 */
export function encodeBatch(batch: readonly Message[], count: number, bytes: number): Buffer[] {
  const chunks: Buffer[] = [];
  const slab = Buffer.allocUnsafe(copiedLength(batch, count, bytes));
  let start = 0;
  let offset = 0;
  for (let m = 0; m < count; m++) {
    const message = batch[m] as Message; // m < count
    const last = message.length - 1;
    for (let i = 0; i <= last; i++) {
      const body = message[i] as Buffer; // i <= last
      offset = writeHeader(slab, offset, i < last ? FLAG_MORE : 0, body.length);
      if (body.length < REFERENCE_BYTES) {
        offset += copyBody(body, slab, offset);
      } else {
        chunks.push(slab.subarray(start, offset), body);
        start = offset;
      }
    }
  }
  if (offset > start) chunks.push(start === 0 ? slab : slab.subarray(start, offset));
  return chunks;
}

/** One frame around `body`, which is copied. @param flags COMMAND or none; LONG is added where it is needed. */
export function encodeFrame(body: Buffer, flags: number): Buffer {
  const header = body.length > SHORT_BODY_MAX ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
  const frame = Buffer.allocUnsafe(header + body.length);
  body.copy(frame, writeHeader(frame, 0, flags, body.length));
  return frame;
}

function copiedLength(batch: readonly Message[], count: number, bytes: number): number {
  let copied = bytes;
  for (let m = 0; m < count; m++) {
    const message = batch[m] as Message; // m < count
    for (let i = 0; i < message.length; i++) {
      const length = (message[i] as Buffer).length; // i < length
      if (length >= REFERENCE_BYTES) copied -= length;
    }
  }
  return copied;
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

/** Below this a loop in JavaScript is quicker than the call into `Buffer.copy` (bench: latency, throughput at 10 B). */
const LOOP_COPY_BYTES = 32;

function copyBody(body: Buffer, target: Buffer, offset: number): number {
  const length = body.length;
  if (length < LOOP_COPY_BYTES) {
    for (let i = 0; i < length; i++) target[offset + i] = body[i] as number; // i < length
  } else {
    body.copy(target, offset);
  }
  return length;
}
