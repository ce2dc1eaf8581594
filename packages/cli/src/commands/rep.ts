/**
 * `zscale rep`: prints requests and answers them: each with itself, all with one answer, or with what a command makes of them.
 */
import { spawn } from 'node:child_process';
import { Reply } from '@zscale/transport';
import { formatFrames, parseFrames } from '../frame-forms.ts';
import type { KnifeInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { KnifeLink, linkOptions, receiveOptions, sendOptions } from './knife-link.ts';

/** The answer where the command has none: whoever asks waits for one. */
const NOTHING: readonly Buffer[] = [Buffer.alloc(0)];
const NEWLINE = 0x0a;

/** Answers. Resolves with the exit code. @throws what `KnifeLink.use` throws */
export function rep(invocation: KnifeInvocation, output: Output): Promise<number> {
  const { count = Number.POSITIVE_INFINITY, form, answer, exec } = invocation;
  const socket = new Reply({
    ...linkOptions(invocation),
    ...sendOptions(invocation),
    ...receiveOptions(invocation),
  });
  const link = new KnifeLink(socket, invocation, output);
  return link.use(async () => {
    for (let answered = 0; answered < count && !output.isUnread; answered += 1) {
      const request = await socket.receive();
      await output.written(formatFrames(request, form));
      const reply =
        exec === undefined
          ? (answer ?? request)
          : await answerOf(exec, request, { invocation, output, signal: link.signal });
      await socket.send([...reply]);
    }
  });
}

/** What the command makes of a request. What goes wrong with it is told, and answered with nothing. */
async function answerOf(
  command: string,
  request: readonly Buffer[],
  {
    invocation: { form, maxMessageSize },
    output,
    signal,
  }: {
    readonly invocation: KnifeInvocation;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<readonly Buffer[]> {
  try {
    const printed = await run(command, formatFrames(request, form), maxMessageSize, signal);
    const hasLineEnd = form !== 'raw' && printed.at(-1) === NEWLINE;
    return parseFrames(hasLineEnd ? printed.subarray(0, -1) : printed, form, 'its output');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    output.complain(`zscale: ${command}: ${reason} Answered with nothing.`);
    return NOTHING;
  }
}

/** What a command prints. @throws (rejects) Error when it fails or prints more than `most` bytes */
function run(command: string, input: Buffer, most: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'], signal });
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdin.on('error', () => {}); // a command need not read what it is asked
    child.stdin.end(input);
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= most) return;
      chunks.length = 0;
      child.stdout.destroy(); // it ends by SIGPIPE, or when it likes
      reject(new Error(`it printed more than ${most} bytes.`));
    });
    child.once('error', reject);
    child.once('close', (code, ended) => {
      if (code === 0) resolve(Buffer.concat(chunks));
      else reject(new Error(`it ended with ${ended ?? code}.`));
    });
  });
}
