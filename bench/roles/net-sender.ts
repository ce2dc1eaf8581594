/**
 * Bare node:net that sends frames as fast as it may: small ones are copied together into writes of 64 KiB, large ones are written
 * as they are, behind their headers. Arguments: `connect`, `bytes`.
 */

import { makeBody } from './body.ts';
import { given, givenNumber, listenAndTime, sayReady } from './line.ts';
import { connectTo } from './net-endpoint.ts';
import { encodeHeader } from './wire.ts';

const BATCH_BYTES = 64 * 1024;

const body = makeBody(givenNumber('bytes'));
const header = encodeHeader(body.length);
const frameBytes = header.length + body.length;
const socket = await connectTo(given('connect'));

listenAndTime(frameBytes < BATCH_BYTES ? sendBatches : sendFrames);
sayReady();

async function sendBatches(count: number): Promise<void> {
  const most = Math.floor(BATCH_BYTES / frameBytes);
  for (let left = count; left > 0; ) {
    const frames = Math.min(left, most);
    const batch = Buffer.allocUnsafe(frames * frameBytes);
    for (let at = 0; at < batch.length; at += frameBytes) {
      batch.set(header, at);
      batch.set(body, at + header.length);
    }
    left -= frames;
    if (!socket.write(batch)) await drained();
  }
}

async function sendFrames(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    socket.cork();
    socket.write(header);
    const hasRoom = socket.write(body);
    socket.uncork();
    if (!hasRoom) await drained();
  }
}

function drained(): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve);
  });
}
