/**
 * ZMTP as its specification draws it (RFC 23, 37; RFC 15 for 2.0), written a second time and as plainly as possible: what fuzzing
 * starts from, and what the code under test is compared with. It shares nothing with packages/transport/src/wire.
 */

import { constants } from 'node:buffer';

const MORE = 1;
const LONG = 2;
const COMMAND = 4;

/** A frame as it should come out of a decoder. */
export interface Frame {
  readonly flags: number;
  readonly body: Buffer;
}

/** A frame. @param flags as they are written, LONG included: wrong ones are written all the same. */
export function frame(flags: number, content: Buffer): Buffer {
  const isLong = (flags & LONG) !== 0 || content.length > 255;
  const head = Buffer.alloc(isLong ? 9 : 2);
  head[0] = flags | (isLong ? LONG : 0);
  if (isLong) head.writeBigUInt64BE(BigInt(content.length), 1);
  else head[1] = content.length;
  return Buffer.concat([head, content]);
}

/** A frame that announces any size and brings what it brings. */
export function frameOfSize(flags: number, size: bigint, content: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head[0] = flags | LONG;
  head.writeBigUInt64BE(BigInt.asUintN(64, size), 1);
  return Buffer.concat([head, content]);
}

/** All frames of a message. */
export function message(bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(bodies.map((each, i) => frame(i < bodies.length - 1 ? MORE : 0, each)));
}

/** A command in a frame. */
export function command(name: string, data: Buffer = Buffer.alloc(0)): Buffer {
  return frame(COMMAND, commandBody(name, data));
}

/** A command without its frame. */
export function commandBody(name: string, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), data]);
}

/** Properties, back to back. */
export function properties(entries: ReadonlyArray<readonly [string, Buffer]>): Buffer {
  return Buffer.concat(
    entries.map(([name, value]) => {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(value.length);
      return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), size, value]);
    }),
  );
}

/** READY of the NULL mechanism, in its frame. */
export function ready(socketType: string, identity?: string): Buffer {
  const entries: Array<[string, Buffer]> = [['Socket-Type', Buffer.from(socketType)]];
  if (identity !== undefined) entries.push(['Identity', Buffer.from(identity)]);
  return command('READY', properties(entries));
}

/** The 64 bytes before anything else. */
export function greeting(mechanism: string, minor = 1): Buffer {
  const whole = Buffer.alloc(64);
  whole.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, minor]);
  whole.write(mechanism, 12, 'latin1');
  return whole;
}

/** What a 2.0 peer says before its first message. @param type number of its socket type. */
export function greeting2(type: number, identity: string): Buffer[] {
  const signature = Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]);
  return [signature, Buffer.from([1]), Buffer.from([type]), frame(0, Buffer.from(identity))];
}

/** How a stream of frames ends. */
export type StreamEnd = 'more may come' | 'reserved flags' | 'too large';

/** Everything in a stream, up to the first thing that may not be there. */
export interface Frames {
  readonly frames: readonly Frame[];
  readonly end: StreamEnd;
  /** Bytes behind the last whole frame. */
  readonly rest: number;
}

/** What a stream of frames says. */
export interface FrameRules {
  /** Largest body; -1 for what a Buffer can hold. */
  readonly maxBody: number;
  /** What seems a command of no bytes is one with an eight-byte size, of which that is the first: libzmq's slip up to 4.3.4. */
  readonly unflaggedCommands: boolean;
}

const NO_LIMITS: FrameRules = { maxBody: -1, unflaggedCommands: false };

/** Cuts a whole stream into frames, slowly and surely. */
export function readFrames(stream: Buffer, rules: FrameRules = NO_LIMITS): Frames {
  const limit = rules.maxBody < 0 ? constants.MAX_LENGTH : rules.maxBody;
  const frames: Frame[] = [];
  let offset = 0;
  const ended = (end: StreamEnd): Frames => ({ frames, end, rest: stream.length - offset });
  for (;;) {
    const flags = stream[offset];
    if (flags === undefined) return ended('more may come');
    if (flags > (MORE | LONG | COMMAND)) return ended('reserved flags');
    const start = offset + 1;
    const isUnflagged = rules.unflaggedCommands && flags === COMMAND && stream[start] === 0;
    const isLong = (flags & LONG) !== 0 || isUnflagged;
    const sizeBytes = isLong ? 8 : 1;
    if (start + sizeBytes > stream.length) return ended('more may come');
    const size = isLong ? stream.readBigUInt64BE(start) : BigInt(stream[start] ?? 0);
    if (size > BigInt(limit)) return ended('too large');
    const end = start + sizeBytes + Number(size);
    if (end > stream.length) return ended('more may come');
    frames.push({ flags, body: stream.subarray(start + sizeBytes, end) });
    offset = end;
  }
}

/** Whole messages in a stream of frames; commands are left out. */
export function readMessages(stream: Buffer): Buffer[][] {
  const messages: Buffer[][] = [];
  let current: Buffer[] = [];
  for (const { flags, body } of readFrames(stream).frames) {
    if ((flags & COMMAND) !== 0) continue;
    current.push(body);
    if ((flags & MORE) !== 0) continue;
    messages.push(current);
    current = [];
  }
  return messages;
}
