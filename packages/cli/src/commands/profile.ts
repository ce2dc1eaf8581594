/**
 * `zscale profile`: has one worker write a CPU profile or a heap snapshot of itself, and says where it is, how it is opened, and of a
 * CPU profile where the time went.
 *
 * The worker writes the file, so that a large one goes through nobody's memory. Only the path is chosen here.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { EndProfileReport, ProfileReport } from '@zscale/core';
import { ControlClient } from '../control-client.ts';
import { hottest } from '../cpu-profile.ts';
import { EXIT_CODES } from '../failure.ts';
import type { ProfileInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { formatDuration, formatSize, formatTable } from '../tables.ts';

const MOST_FUNCTIONS = 10;
/** Together with the numbers 80 columns. */
const NAME_WIDTH = 24;
const PLACE_WIDTH = 46;
const ENDED_BY_INTERRUPT = 130;
const HOLD_MS = 60_000;
/** How long a second Ctrl-C counts as the first: package managers forward that of the terminal. */
const FORWARDED_SIGNAL_MS = 300;

const HOW_TO_OPEN = {
  cpu: 'Open it in VS Code, in Chrome (DevTools, Performance, Load profile) or at speedscope.app.',
  heap: 'Open it in Chrome (DevTools, Memory, Load profile).',
} as const;

/**
 * Asks, waits and prints. Resolves with the exit code.
 *
 * @throws what `ControlClient` throws
 */
export async function profile(invocation: ProfileInvocation, output: Output): Promise<number> {
  const { kind, worker, time, json } = invocation;
  const file = resolve(invocation.file ?? nameOf(invocation));
  const client = await ControlClient.find(invocation);
  const interrupted = interruption(invocation, client.path, file, output);
  const hold = setInterval(() => {}, HOLD_MS);
  try {
    const what =
      kind === 'heap'
        ? `a heap snapshot of worker ${worker}, which stands still meanwhile`
        : `a CPU profile of worker ${worker} for ${formatDuration(time)}; Ctrl-C ends it earlier`;
    output.complain(`zscale: taking ${what}`);
    const asked = client.ask<ProfileReport>({ verb: 'profile', worker, kind, file, for: time });
    const report = await Promise.race([asked, interrupted.promise]);
    if (report === undefined) return ENDED_BY_INTERRUPT;
    const hot = kind === 'cpu' ? readHottest(file) : undefined;
    output.print(json ? JSON.stringify({ ...report, ...hot }) : describe(report, hot));
    return EXIT_CODES.ok;
  } finally {
    clearInterval(hold);
    interrupted.forget();
    client.close();
  }
}

/**
 * Ctrl-C: the first has the supervisor end a CPU profile; the second, or the first of a heap snapshot, which has no half, ends the
 * command alone.
 */
function interruption(
  { kind, worker }: ProfileInvocation,
  path: string,
  file: string,
  output: Output,
): { readonly promise: Promise<undefined>; readonly forget: () => void } {
  let firstAt: number | undefined;
  let end = (): void => {};
  const promise = new Promise<undefined>((settle) => {
    end = () => settle(undefined);
  });
  const onSignal = (): void => {
    const isFirst = firstAt === undefined;
    firstAt ??= performance.now();
    if (!isFirst && performance.now() - firstAt < FORWARDED_SIGNAL_MS) return;
    if (isFirst && kind === 'cpu') {
      void endProfile(path, worker).catch(end);
      return;
    }
    output.complain(`zscale: the worker goes on by itself, and writes ${file}`);
    end();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { promise, forget: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}

/** Over a connection of its own: on the other one an answer is waited for. */
async function endProfile(control: string, worker: number): Promise<void> {
  const client = await ControlClient.find({ name: undefined, control });
  try {
    await client.ask<EndProfileReport>({ verb: 'end-profile', worker });
  } finally {
    client.close();
  }
}

function nameOf({ kind, worker }: ProfileInvocation): string {
  const time = new Date().toISOString().replace(/[-:]|\.\d+Z$/g, '');
  return `zscale-worker-${worker}-${time}.${kind === 'cpu' ? 'cpuprofile' : 'heapsnapshot'}`;
}

/** Undefined where the file cannot be read from here, as in another container. */
function readHottest(file: string): ReturnType<typeof hottest> | undefined {
  try {
    return hottest(readFileSync(file, 'utf8'), MOST_FUNCTIONS);
  } catch {
    return undefined; // it was only for a first look
  }
}

function describe(
  { worker, pid, kind, file, bytes, duration }: ProfileReport,
  hot: ReturnType<typeof hottest> | undefined,
): string {
  const what = kind === 'cpu' ? 'CPU profile' : 'heap snapshot';
  const lines = [
    `${what} of worker ${worker} (pid ${pid}): ${formatDuration(duration)}, ${formatSize(bytes)}`,
    `  ${file}`,
    HOW_TO_OPEN[kind],
  ];
  if (hot === undefined || hot.functions.length === 0) return lines.join('\n');
  const rows = hot.functions.map(({ name, place, self }) => [
    percent(self),
    cutEnd(name, NAME_WIDTH),
    cutStart(fromHere(place), PLACE_WIDTH),
  ]);
  const table = formatTable(['SELF', 'FUNCTION', 'WHERE'], rows);
  return `${lines.join('\n')}\n\nidle ${percent(hot.idle)}\n${table}`;
}

/** Below the present folder without it. */
function fromHere(place: string): string {
  const here = `${process.cwd()}/`;
  return place.startsWith(here) ? place.slice(here.length) : place;
}

function cutEnd(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}~`;
}

function cutStart(text: string, width: number): string {
  return text.length <= width ? text : `~${text.slice(1 - width)}`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)}%`;
}
