/**
 * `zscale bench`: sends one service the same request again and again, and tells how many it answered and how long that took.
 *
 * Finds out what is asked (bench-target.ts), has the load made (bench-load.ts) and, with --chaos, harm done meanwhile
 * (bench-chaos.ts). Progress goes to stderr, where that is a terminal.
 */
import { constants } from 'node:os';
import type { CodecName, StatusReport } from '@zscale/core';
import { Chaos } from '../bench/bench-chaos.ts';
import { BenchLoad } from '../bench/bench-load.ts';
import {
  type BenchReport,
  benchAsJson,
  describeBench,
  describeProgress,
} from '../bench/bench-report.ts';
import { type BenchTarget, HttpTarget, ServiceTarget } from '../bench/bench-target.ts';
import { ControlClient } from '../control-client.ts';
import { EXIT_CODES, UsageError } from '../failure.ts';
import type { BenchInvocation } from '../invocation.ts';
import { fromThisMachine, type Output } from '../output.ts';
import { formatDuration } from '../tables.ts';

const PROGRESS_MS = 200;
const END_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** How long a second Ctrl-C counts as the first: package managers forward that of the terminal. */
const FORWARDED_SIGNAL_MS = 300;
/** Requests that may be open at a rate. */
const MAX_AT_RATE = 50_000;
/** Sent where no message was given: as in the notice of `zscale run`. */
const USUAL_VALUE = { name: 'you' };
/** The service is not there at all: there is nothing to measure. */
const ABSENT: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENOENT', 'EAI_AGAIN'],
  'ZSCALE_ERR_TIMEOUT',
]);

/**
 * Measures and prints. Resolves with the exit code.
 *
 * @throws what `ControlClient.find()` throws where the service is to be found or harmed, and `connect()` on an endpoint; UsageError for a
 *   message that is not JSON
 */
export async function bench(invocation: BenchInvocation, output: Output): Promise<number> {
  const needsControl = invocation.endpoint === undefined || invocation.chaos.size > 0;
  const client = needsControl ? await ControlClient.find(invocation) : undefined;
  try {
    const status = await client?.ask<StatusReport>({ verb: 'status' });
    const endpoint = endpointOf(invocation, status);
    const codec = invocation.codec ?? status?.codec ?? 'msgpack';
    const target = targetOf(invocation, endpoint, codec);
    try {
      return await measure(invocation, target, { endpoint, client }, output);
    } finally {
      await target.close();
    }
  } finally {
    client?.close();
  }
}

async function measure(
  invocation: BenchInvocation,
  target: BenchTarget,
  { endpoint, client }: { readonly endpoint: string; readonly client: ControlClient | undefined },
  output: Output,
): Promise<number> {
  // One that is not counted: the connection is made by it, and whoever is not there is told at once.
  const refusal = await target.ask();
  if (refusal !== undefined && ABSENT.has(refusal)) {
    output.complain(
      `zscale: ${endpoint} does not answer: ${refusal}. Is the service running there?`,
    );
    return EXIT_CODES.error;
  }
  const load = new BenchLoad(target, invocation);
  let interruptedAt: number | undefined;
  let exitCode: number | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    exitCode ??= 128 + constants.signals[signal];
    interruptedAt ??= performance.now();
    if (performance.now() - interruptedAt > FORWARDED_SIGNAL_MS) process.exit(exitCode);
    load.stop();
  };
  for (const signal of END_SIGNALS) process.on(signal, interrupt);
  const { chaos: plan } = invocation;
  const chaos = client === undefined || plan.size === 0 ? undefined : new Chaos(client, plan);
  await chaos?.start();
  const endProgress = showProgress(load);
  try {
    const measured = await load.run();
    endProgress();
    const tally = await chaos?.stop();
    const report: BenchReport = {
      ...measured,
      endpoint,
      load: describeLoad(invocation),
      unexpected: target.unexpected(),
      chaos: tally,
    };
    output.print(invocation.json ? benchAsJson(report) : describeBench(report));
    return exitCode ?? (measured.answered > 0 ? EXIT_CODES.ok : EXIT_CODES.error);
  } finally {
    endProgress();
    for (const signal of END_SIGNALS) process.off(signal, interrupt);
  }
}

function targetOf(
  { message, concurrency, rate, timeout, curve }: BenchInvocation,
  endpoint: string,
  codec: CodecName,
): BenchTarget {
  const options = { endpoint, timeout, most: rate === undefined ? concurrency : MAX_AT_RATE };
  if (/^https?:/.test(endpoint)) return new HttpTarget(options, message);
  return new ServiceTarget(options, parseMessage(message, codec), { codec, curve });
}

function parseMessage(message: string | undefined, codec: CodecName): unknown {
  if (codec === 'raw') return Buffer.from(message ?? 'hello');
  if (message === undefined) return USUAL_VALUE;
  try {
    return JSON.parse(message);
  } catch {
    throw new UsageError(
      `the message must be JSON; got ${message.slice(0, 60)}. Quote it for the shell: '{"name":"you"}'.`,
    );
  }
}

/** Where to, as this machine reaches it. */
function endpointOf({ endpoint }: BenchInvocation, status: StatusReport | undefined): string {
  if (endpoint !== undefined) return endpoint;
  const found = status?.endpoints.find((one) => /^(tcp|ipc|https?):/.test(one));
  if (found !== undefined) {
    return fromThisMachine(found).replace(
      /^(https?:\/\/)(0\.0\.0\.0|\[::\])(?=[:/])/,
      '$1localhost',
    );
  }
  throw new UsageError(
    `${status?.name} has no front end that bench can ask: it has joined services elsewhere, or is still starting. Give the endpoint.`,
  );
}

function describeLoad({ rate, concurrency, duration, requests }: BenchInvocation): string {
  const how =
    rate === undefined
      ? `${concurrency} at once`
      : `${Number(rate.toPrecision(6))}/s at random times`;
  const times = [
    ...(Number.isFinite(duration) ? [`for ${formatDuration(duration)}`] : []),
    ...(Number.isFinite(requests) ? [`up to ${requests} requests`] : []),
  ];
  return [how, ...times].join(', ');
}

/** Draws until the function that it gives is called. */
function showProgress(load: BenchLoad): () => void {
  if (!process.stderr.isTTY) return () => {};
  const timer = setInterval(() => {
    process.stderr.write(`\r${describeProgress(load.progress)}\x1b[K`);
  }, PROGRESS_MS);
  let hasEnded = false;
  return () => {
    if (hasEnded) return;
    hasEnded = true;
    clearInterval(timer);
    process.stderr.write('\r\x1b[K');
  };
}
