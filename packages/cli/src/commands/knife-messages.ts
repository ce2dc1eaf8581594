/**
 * The messages that a command of the knife sends and prints: from arguments, a file or stdin; to stdout.
 *
 * Neither side is ahead of the other: the next message is read when the last was taken, and received when the last was printed.
 */
import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ZscaleError } from '@zscale/core';
import { formatFrames, parseFrames } from '../frame-forms.ts';
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/** What is there already is printed together, up to about this. */
const PRINT_BYTES = 64 * 1024;

/** A byte is at most six in JSON: `\u0000`. */
const LINE_BYTES_PER_BYTE = 6;
const NEWLINE = 0x0a;

/** A socket that messages come from. */
interface Source {
  receive(): Promise<Buffer[]>;
  /** What is there already. */
  tryReceive(): Buffer[] | undefined;
}

/**
 * Has each message sent, as often and as far apart as the command line says.
 *
 * @param send - gets frames that are its own; false: enough
 * @param signal - ends it, also while it waits for stdin
 * @throws UsageError for what is no message; ZscaleError `EMSGSIZE`; the system's error when the file cannot be read
 */
export async function sendAll(
  invocation: KnifeInvocation,
  signal: AbortSignal,
  send: (frames: Buffer[]) => Promise<boolean>,
): Promise<void> {
  const { messages, file, count, interval } = invocation;
  const startsOver = count !== undefined && (messages !== undefined || file !== undefined);
  let sent = 0;
  if (count === 0) return;
  for (let before = -1; sent > before; ) {
    before = sent;
    for await (const frames of messages ?? messagesOf(invocation, signal)) {
      if (sent > 0 && interval > 0) await delay(interval, undefined, { signal });
      const goesOn = await send([...frames]);
      sent += 1;
      if (!goesOn || sent === count) return;
    }
    if (!startsOver) return;
  }
}

/** Prints what comes, until so many came, the reader of stdout is gone, or the socket was closed. */
export async function printAll(
  { count = Number.POSITIVE_INFINITY, form }: KnifeInvocation,
  source: Source,
  output: Output,
): Promise<void> {
  for (let printed = 0; printed < count && !output.isUnread; ) {
    const lines: Buffer[] = [];
    let bytes = 0;
    let frames: Buffer[] | undefined = await source.receive();
    while (frames !== undefined) {
      const line = formatFrames(frames, form);
      lines.push(line);
      bytes += line.length;
      printed += 1;
      frames = printed < count && bytes < PRINT_BYTES ? source.tryReceive() : undefined;
    }
    await output.written(lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines));
  }
}

async function* messagesOf(
  { file, form, maxMessageSize }: KnifeInvocation,
  signal: AbortSignal,
): AsyncGenerator<readonly Buffer[]> {
  const input = file === undefined ? process.stdin : createReadStream(file);
  const stop = (): void => {
    input.destroy();
  };
  signal.addEventListener('abort', stop);
  try {
    if (form === 'raw') {
      yield [await wholeOf(input, maxMessageSize)];
      return;
    }
    let number = 0;
    for await (const line of linesOf(input, maxMessageSize)) {
      number += 1;
      const where = `line ${number} of ${file ?? 'stdin'}`;
      const frames = parseFrames(line, form, where);
      refuseLarge(bytesOf(frames), maxMessageSize, where);
      yield frames;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    input.destroy(); // stdin would keep the process
  }
}

async function wholeOf(input: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    bytes += chunk.length;
    refuseLarge(bytes, most, 'the message');
  }
  return Buffer.concat(chunks);
}

/** Lines without their ends; the last one may have none. */
async function* linesOf(input: AsyncIterable<Buffer>, most: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      yield pieces.length === 0 ? piece : Buffer.concat([...pieces, piece]);
      pieces = [];
      bytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    pieces.push(chunk.subarray(start));
    bytes += chunk.length - start;
    refuseLarge(bytes, most * LINE_BYTES_PER_BYTE, 'a line');
  }
  if (bytes > 0) yield Buffer.concat(pieces);
}

function bytesOf(frames: readonly Buffer[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += frame.length;
  return bytes;
}

function refuseLarge(bytes: number, most: number, where: string): void {
  if (bytes <= most) return;
  throw new ZscaleError(
    'EMSGSIZE',
    `${where} is larger than ${most} bytes. Raise --max-message-size, here and where it is received.`,
  );
}
