/**
 * `zscale call`: sends one request to a running service and prints its reply.
 *
 * The reply goes to stdout, and nothing else does. An error, whether the service's own or a reply
 * that never came, goes to stderr as `CODE: message` and ends with 1.
 */
import { buffer } from 'node:stream/consumers';
import { connect, ZscaleError } from '@zscale/core';
import { EXIT_CODES, UsageError } from '../failure.ts';
import type { CallInvocation } from '../invocation.ts';
import { formatReply, type Output } from '../output.ts';

/**
 * Sends the request, prints the reply, resolves with the exit code.
 *
 * @throws UsageError when there is no value, or one that is not JSON
 * @throws what `connect()` throws on an endpoint it cannot read (EINVAL, EPROTONOSUPPORT)
 */
export async function call(invocation: CallInvocation, output: Output): Promise<number> {
  const { endpoint, codec, timeout, rawOutput } = invocation;
  const given = invocation.value === undefined ? await readStdin() : Buffer.from(invocation.value);
  const request = codec === 'raw' ? given : parseJson(given.toString());

  const client = connect<(request: unknown) => unknown>(endpoint, {
    codec,
    timeout,
    curve: invocation.curve,
    dnsServers: invocation.dnsServers,
  });
  try {
    const reply = await client.request(request);
    if (codec === 'raw' || rawOutput) printAsIs(reply, output);
    else output.print(formatReply(reply));
    return EXIT_CODES.ok;
  } catch (error) {
    if (!(error instanceof ZscaleError)) throw error;
    output.complain(`${error.code}: ${error.message}`);
    return EXIT_CODES.error;
  } finally {
    await client.close();
  }
}

async function readStdin(): Promise<Buffer> {
  if (process.stdin.isTTY) {
    throw new UsageError(
      'the value to send is missing. Give it as JSON, as in ' +
        `zscale call <endpoint> '{"name":"you"}', or send it to stdin.`,
    );
  }
  return buffer(process.stdin);
}

function parseJson(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    const shown = given.length > 60 ? `${given.slice(0, 57)}...` : given.trim();
    throw new UsageError(
      `the value must be JSON; got ${shown === '' ? 'nothing' : shown}. Quote it for the shell: ` +
        `'{"name":"you"}' for an object, '"a text"' for a text.`,
    );
  }
}

/** Text and bytes without JSON around them; the line is ended only for a person to read. */
function printAsIs(reply: unknown, output: Output): void {
  for (const frame of Array.isArray(reply) && reply.every(isBytes) ? reply : [reply]) {
    output.write(typeof frame === 'string' || isBytes(frame) ? frame : formatReply(frame));
  }
  if (output.isTerminal) output.write('\n');
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
