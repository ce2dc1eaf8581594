/** `zscale profile` on the command line: its flags, its help, and what they mean. */
import { type CommandRow, numberOf, SERVICE_FLAGS, serviceOf, textOf } from './command-row.ts';
import { UsageError } from './failure.ts';
import { parseChoice, parseCount, parseDuration } from './flag-values.ts';

const DEFAULT_TIME_MS = 10_000;
const LONGEST_TIME_MS = 300_000;
const KINDS = ['cpu', 'heap'] as const;

/** Its row. */
export const PROFILE_COMMAND: CommandRow = {
  name: 'profile',
  summary: 'see what a worker computes, or what is in its memory',
  description:
    'Write a CPU profile or a heap snapshot of one worker into a file, while it serves; also when ' +
    'it computes without end. A heap snapshot stops the worker for as long as it takes. ' +
    'Ctrl-C ends a CPU profile earlier, and keeps what there is.',
  words: [
    { name: '<what>', description: 'cpu or heap' },
    { name: '<worker>', description: 'its id in "zscale status"' },
  ],
  operands: KINDS,
  flags: [
    ...SERVICE_FLAGS,
    {
      flags: '--for <time>',
      description: 'how long to look, at most 5m (default: 10s)',
      parse: parseTime,
    },
    {
      flags: '-o, --output <file>',
      description: 'a new file (default: one here, named by the worker)',
    },
    { flags: '--json', description: 'one JSON object' },
  ],
  examples: `Opened by Chrome (chrome://inspect, DevTools for Node), VS Code, speedscope.app.

Examples:
  zscale profile cpu 2
  zscale profile cpu 2 --for 30s -o slow.cpuprofile
  zscale profile heap 0

Exit codes:
  0 done   1 error   2 wrong usage, or several run
  69 none runs   128+n signal n
`,
  invoke: ([what = '', worker = ''], flags) => {
    const kind = parseChoice('profile', what, KINDS);
    if (kind === 'heap' && flags.for !== undefined) {
      throw new UsageError(
        '--for belongs to profile cpu: a heap snapshot takes as long as it takes.',
      );
    }
    return {
      ...serviceOf(flags),
      command: 'profile',
      kind,
      worker: parseCount('profile', worker, { least: 0 }),
      time: kind === 'heap' ? 0 : numberOf(flags.for, DEFAULT_TIME_MS),
      file: textOf(flags.output),
      json: flags.json === true,
    };
  },
};

function parseTime(flag: string, text: string): number {
  const ms = parseDuration(flag, text);
  if (ms <= LONGEST_TIME_MS) return ms;
  throw new UsageError(`${flag} takes at most 5m; got ${text}.`);
}
