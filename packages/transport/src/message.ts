/**
 * A message: one or more frames, the unit of everything above `wire/`.
 *
 * Ownership: once `trySend`, `write` or `deliver` returned true, the array and its Buffers belong to the callee.
 */

import { copyOf } from './bytes.ts';
import { fail } from './errors.ts';

/** One or more frames. The array is made once and travels; its holder may `shift` and `unshift` it. */
export type Message = Buffer[];

/** What zeromq.js calls a message: one frame of what `receive()` gives. The package exports it as `Message`, and {@link Message} as `Frames`. */
export type MessagePart = Buffer;

/** What a caller may send as one frame. Numbers are sent as their decimal text, null as an empty frame (zeromq.js). */
export type MessageLike =
  | ArrayBufferView
  | ArrayBuffer
  | SharedArrayBuffer
  | string
  | number
  | null;

/** The empty frame that stands between envelope and body (RFC 28, "the delimiter"). Shared: never written to. */
export const EMPTY_FRAME: Buffer = Buffer.alloc(0);

/** Frames up to this size are copied, as zeromq.js does: a program may use a small Buffer again for the next message. */
const COPIED_BYTES = 128;

/**
 * Makes a message of what a caller gave. Buffers and views of more than 128 bytes are taken by reference, not copied: do not
 * write to them after the send.
 *
 * @throws TransportError `EINVAL` for an empty list or a part that is no {@link MessageLike}.
 */
export function toMessage(value: MessageLike | readonly MessageLike[]): Message {
  if (Buffer.isBuffer(value)) return [keptFrame(value)];
  if (Array.isArray(value)) {
    const message: Message = [];
    for (let i = 0; i < value.length; i++) message.push(toFrame(value[i]));
    if (message.length === 0) {
      fail(
        'EINVAL',
        'A message has one frame or more; got an empty list. Send [null] for an empty message.',
      );
    }
    return message;
  }
  return [toFrame(value)];
}

function keptFrame(bytes: Buffer): Buffer {
  return bytes.length > COPIED_BYTES || bytes.length === 0 ? bytes : copyOf(bytes, 0, bytes.length);
}

function toFrame(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return keptFrame(value);
  if (typeof value === 'string') return Buffer.from(value);
  if (value === null) return EMPTY_FRAME;
  if (typeof value === 'number') return Buffer.from(String(value));
  if (ArrayBuffer.isView(value))
    return keptFrame(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return keptFrame(Buffer.from(value));
  return fail(
    'EINVAL',
    `A frame is a Buffer, typed array, ArrayBuffer, string, number or null; got ${describe(value)}. Encode it first, for example with JSON.stringify.`,
  );
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  return typeof value === 'object'
    ? `an object (${value?.constructor?.name ?? 'no prototype'})`
    : `a ${typeof value}`;
}
