/** `zscale bench` on the command line: its flags, its help, and what they mean. */
import { CODEC_NAMES } from '@zscale/core';
import { CLIENT_CURVE_FLAGS, clientCurveOf } from './call-commands.ts';
import { type CommandRow, type Flags, numberOf, SERVICE_FLAGS, serviceOf } from './command-row.ts';
import { UsageError } from './failure.ts';
import { parseChoice, parseCount, parseDuration, parseLimit } from './flag-values.ts';
import type { BenchInvocation, ChaosAct } from './invocation.ts';

const DEFAULTS = { concurrency: 64, duration: 10_000, timeout: 5_000 } as const;
const MAX_CONCURRENCY = 10_000;
const MAX_RATE = 1_000_000;
const MS_PER: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
const CHAOS_ACTS: readonly ChaosAct[] = ['kill', 'reload', 'drain', 'pause'];

/** Its row. */
export const BENCH_COMMAND: CommandRow = {
  name: 'bench',
  summary: 'measure how fast a service answers',
  description:
    'Send a service the same request again and again, and show how many it answered and how long ' +
    'that took. Without an endpoint: the service that runs on this machine. Closed by default: ' +
    'each of --concurrency clients asks again when it is answered. With --rate requests come at ' +
    'random times however slow the service is, and each is timed from when it was due.',
  words: [
    { name: '[endpoint]', description: 'tcp://, ipc:// or http:// (default: that of the service)' },
    { name: '[message]', description: 'JSON; with codec raw any text; of HTTP the body of a POST' },
  ],
  flags: [
    ...SERVICE_FLAGS,
    {
      flags: '-c, --concurrency <n>',
      description: 'requests at once (default: 64)',
      parse: parseConcurrency,
    },
    {
      flags: '-d, --duration <time>',
      description: 'how long (default: 10s)',
      parse: (name, text) => parseDuration(name, text),
    },
    { flags: '--requests <n>', description: 'end after so many (default: off)', parse: parseLimit },
    {
      flags: '--rate <n/s>',
      description: 'so many come by themselves, at random times',
      parse: parseRate,
    },
    {
      flags: '--codec <name>',
      description: 'msgpack, json or raw (default: that of the service, or msgpack)',
      parse: (name, text) => parseChoice(name, text, CODEC_NAMES),
    },
    {
      flags: '-t, --timeout <time>',
      description: 'for each reply (default: 5s)',
      parse: (name, text) => parseDuration(name, text),
    },
    {
      flags: '--chaos <act=time,...>',
      description: 'do this to the service that often: kill, reload, drain, pause',
      parse: parseChaos,
    },
    ...CLIENT_CURVE_FLAGS,
    { flags: '--json', description: 'one JSON object' },
  ],
  examples: `--chaos kills, drains, or stops for a second (pause) one worker at random,
or reloads all of them, and counts what got lost by it.

Examples:
  zscale bench
  zscale bench tcp://127.0.0.1:5555 '{"name":"you"}' -c 16 -d 30s
  zscale bench http://127.0.0.1:3000/ --rate 500/s
  zscale bench --chaos kill=5s,reload=10s --json

Exit codes:
  0 done   1 no request was answered   2 wrong usage, or several run
  69 none runs   128+n signal n
`,
  // A value alone is for the service that runs.
  invoke: ([first, message], flags) =>
    first !== undefined && message === undefined && /^\s*[{["]/.test(first)
      ? invocationOf(undefined, first, flags)
      : invocationOf(first, message, flags),
};

function invocationOf(
  endpoint: string | undefined,
  message: string | undefined,
  flags: Flags,
): BenchInvocation {
  const { concurrency, rate, codec, chaos } = flags;
  if (rate !== undefined && concurrency !== undefined) {
    throw new UsageError(
      '--rate and --concurrency exclude each other: at a rate requests come by themselves, however many are open.',
    );
  }
  const duration = numberOf(flags.duration, DEFAULTS.duration);
  const requests = numberOf(flags.requests, Number.POSITIVE_INFINITY);
  if (duration === Number.POSITIVE_INFINITY && requests === Number.POSITIVE_INFINITY) {
    throw new UsageError(
      'a bench needs an end: --duration such as 10s, or --requests such as 10000.',
    );
  }
  if (endpoint !== undefined) checkEndpoint(endpoint);
  const keys = clientCurveOf(flags);
  return {
    ...serviceOf(flags),
    command: 'bench',
    endpoint,
    message,
    concurrency: numberOf(concurrency, DEFAULTS.concurrency),
    duration,
    requests,
    rate: typeof rate === 'number' ? rate : undefined,
    codec: CODEC_NAMES.find((name) => name === codec),
    timeout: numberOf(flags.timeout, DEFAULTS.timeout),
    chaos: chaos instanceof Map ? chaos : new Map(),
    ...keys,
    json: flags.json === true,
  };
}

function checkEndpoint(endpoint: string): void {
  if (/^(tcp|ipc|dns|srv):|^https?:\/\/[^/]/.test(endpoint)) return;
  throw new UsageError(
    `bench takes an endpoint such as tcp://127.0.0.1:5555 or http://127.0.0.1:3000/; got ${JSON.stringify(endpoint)}. ` +
      'Left out, it is that of the service that runs.',
  );
}

function parseConcurrency(flag: string, text: string): number {
  const count = parseCount(flag, text);
  if (count <= MAX_CONCURRENCY) return count;
  throw new UsageError(`${flag} takes 1 to ${MAX_CONCURRENCY}; got ${text}.`);
}

/** `500/s`, `30/m`: requests per second. */
function parseRate(flag: string, text: string): number {
  const [, count, unit = 's'] = /^(\d+(?:\.\d+)?)(?:\/([smh]))?$/.exec(text) ?? [];
  const rate = (Number(count) / (MS_PER.get(unit) ?? 1)) * 1000;
  if (count !== undefined && rate > 0 && rate <= MAX_RATE) return rate;
  throw new UsageError(
    `${flag} takes a number of requests such as 500/s or 30/m, at most ${MAX_RATE}/s; got ${JSON.stringify(text)}.`,
  );
}

/** `kill=5s,reload=10s`: how often each is done, in ms. */
function parseChaos(flag: string, text: string): ReadonlyMap<ChaosAct, number> {
  const plan = new Map<ChaosAct, number>();
  for (const part of text.split(',')) {
    const [name = '', time] = part.split('=');
    const act = parseChoice(flag, name, CHAOS_ACTS);
    if (time === undefined || time === 'off') {
      throw new UsageError(
        `${flag} takes how often, such as ${act}=5s; got ${JSON.stringify(part)}.`,
      );
    }
    plan.set(act, parseDuration(flag, time, { least: 100 }));
  }
  return plan;
}
