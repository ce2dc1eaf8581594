/**
 * Messages that are too large for a ring go over a channel, in SharedArrayBuffers: one copy into a buffer of its own, and none
 * for frames that lie in a SharedArrayBuffer already. The receiver's frames are views of that same memory: who writes to a frame
 * after sending it, which is forbidden anyway, writes to the receiver's. A few interfaces refuse such views (WebCrypto): copy there.
 *
 * ArrayBuffers would go without any copy, but only through a MessagePort that both threads hold, and two threads that do not
 * know each other have no way to exchange one: a BroadcastChannel carries no ports.
 *
 *   layout   per message: frame count, then for each frame: which buffer, offset, length
 */

import type { Message } from '../../message.ts';
import { wholeFrame } from '../../rope.ts';

/** What goes over the channel: any number of messages. */
export interface CarriedMessages {
  readonly buffers: SharedArrayBuffer[];
  readonly layout: number[];
}

/** Adds a message. @returns the bytes that were copied. */
export function packMessage(message: Message, carried: CarriedMessages): number {
  const { buffers, layout } = carried;
  let copied = 0;
  for (const { buffer, length } of message) if (!isShared(buffer)) copied += length;
  const own = copied > 0 ? new Uint8Array(new SharedArrayBuffer(copied)) : undefined;
  const ownIndex = own === undefined ? -1 : buffers.push(own.buffer) - 1;
  let offset = 0;
  layout.push(message.length);
  for (const frame of message) {
    if (isShared(frame.buffer)) {
      layout.push(buffers.push(frame.buffer) - 1, frame.byteOffset, frame.length);
    } else {
      own?.set(wholeFrame(frame), offset); // undefined only when every frame is empty
      layout.push(ownIndex, offset, frame.length);
      offset += frame.length;
    }
  }
  return copied;
}

/** The messages, in order. */
export function unpackMessages({ buffers, layout }: CarriedMessages): Message[] {
  const messages: Message[] = [];
  let at = 0;
  while (at < layout.length) {
    const message: Message = [];
    const end = at + 1 + 3 * (layout[at] as number); // a message starts here, and is whole
    for (at += 1; at < end; at += 3) {
      const buffer = buffers[layout[at] as number];
      message.push(
        buffer === undefined
          ? Buffer.alloc(0)
          : Buffer.from(buffer, layout[at + 1], layout[at + 2]),
      );
    }
    messages.push(message);
  }
  return messages;
}

function isShared(buffer: ArrayBufferLike): buffer is SharedArrayBuffer {
  return buffer instanceof SharedArrayBuffer;
}
