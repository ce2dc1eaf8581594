/**
 * The commands for a supervisor that runs: one row each, with its help and what its words mean.
 *
 * Data and pure functions; args.ts makes commands of the rows, and commands/ carries them out.
 */
import {
  type CommandRow,
  type FlagRow,
  type Flags,
  SERVICE_FLAGS,
  serviceOf,
} from './command-row.ts';
import { UsageError } from './failure.ts';
import { parseCount, parseSignal } from './flag-values.ts';
import type { ControlInvocation } from './invocation.ts';

const MAX_WORKERS = 1024;

/** One command, without what all of them have in common. */
interface ControlCommand extends Pick<CommandRow, 'alias' | 'summary' | 'description' | 'words'> {
  readonly name: ControlInvocation['command'];
  /** Flags that no other one has; default none. */
  readonly flags?: readonly FlagRow[];
  /** Whether it can go on and print what comes; default false. */
  readonly follows?: boolean;
  readonly examples: string;
  /** @param text - its argument; empty where it has none. @throws UsageError when it makes no sense */
  readonly invoke: (text: string, flags: Flags) => ControlInvocation;
}

const FOLLOW: FlagRow = { flags: '-f, --follow', description: 'go on until interrupted' };
const WORKER = { name: '<worker>', description: 'its id in "zscale status"' };
const EXITS = `Exit codes:
  0 done   1 error   2 wrong usage, or several run   69 none runs`;
const CHANGE_EXITS = `${EXITS}
  75 the new worker did not become ready; the old ones go on serving`;

const COMMANDS: readonly ControlCommand[] = [
  {
    name: 'status',
    alias: 'ps',
    summary: 'show a running service and its workers',
    description: 'Show a running service, where it listens, and each of its workers.',
    words: [],
    examples: `Examples:\n  zscale status\n  zscale ps --json\n\n${EXITS}`,
    invoke: (_, flags) => ({ ...same(flags), command: 'status', request: { verb: 'status' } }),
  },
  {
    name: 'reload',
    summary: 'replace every worker, so that new code is served',
    description:
      'Replace every worker, one after the other: each new one is ready before the old one\n' +
      'goes, and no request notices. Waits until that is done.',
    words: [],
    examples: `Examples:\n  zscale reload\n  zscale reload --name api\n\n${CHANGE_EXITS}`,
    invoke: (_, flags) => ({ ...same(flags), command: 'reload', request: { verb: 'reload' } }),
  },
  {
    name: 'scale',
    summary: 'change the number of workers',
    description:
      'Go to so many workers (8), so many more (+2) or fewer (-1). auto follows the load where\n' +
      '"zscale run" has --autoscale, and is the number for this machine elsewhere. Waits until that is done.',
    words: [{ name: '<count>', description: 'n, +n, -n or auto' }],
    examples: `Examples:\n  zscale scale 8\n  zscale scale +2\n  zscale scale -1\n\n${EXITS}`,
    invoke: (text, flags) => ({ ...same(flags), command: 'scale', request: parseScale(text) }),
  },
  {
    name: 'drain',
    summary: 'replace one worker, successor first',
    description:
      'Replace one worker: its successor is ready before it goes, and it finishes what it holds.\n' +
      'Waits until it is gone.',
    words: [WORKER],
    examples: `Examples:\n  zscale drain 2\n\n${CHANGE_EXITS}`,
    invoke: (text, flags) => ({
      ...same(flags),
      command: 'drain',
      request: { verb: 'drain', worker: parseWorker('drain', text) },
    }),
  },
  {
    name: 'kill',
    summary: 'send one worker a signal',
    description:
      'Send the process of one worker a signal. SIGKILL ends it at once, what it holds is answered\n' +
      'ZSCALE_ERR_WORKER_LOST or given to another (--retries), and another worker is started.',
    words: [WORKER],
    flags: [
      {
        flags: '-s, --signal <name>',
        description: 'which one (default: SIGKILL)',
        parse: parseSignal,
      },
    ],
    examples: `Examples:\n  zscale kill 2\n  zscale kill 2 --signal TERM\n\n${EXITS}`,
    invoke: (text, flags) => ({
      ...same(flags),
      command: 'kill',
      request: {
        verb: 'kill',
        worker: parseWorker('kill', text),
        signal: (flags.signal as NodeJS.Signals | undefined) ?? 'SIGKILL', // parseSignal read it
      },
    }),
  },
  {
    name: 'stop',
    summary: 'end a running service in order',
    description:
      'End a running service as SIGTERM does: it answers what is open. Waits until it is gone.',
    words: [],
    examples: `Examples:\n  zscale stop\n\n${EXITS}`,
    invoke: (_, flags) => ({ ...same(flags), command: 'stop', request: { verb: 'stop' } }),
  },
  {
    name: 'stats',
    summary: 'show the counters of a running service',
    description: 'Show the counters of a running service since its start.',
    words: [],
    examples: `Examples:\n  zscale stats --json\n\n${EXITS}`,
    invoke: (_, flags) => ({ ...same(flags), command: 'stats', request: { verb: 'stats' } }),
  },
  {
    name: 'metrics',
    summary: 'print all that is measured, for Prometheus',
    description:
      'Print all that is measured, as GET /metrics has it (--admin), in the text format of Prometheus;\n' +
      'also where there is no admin address.',
    words: [],
    examples: `Examples:\n  zscale metrics | grep zscale_requests_total\n\n${EXITS}`,
    invoke: (_, flags) => ({ ...same(flags), command: 'metrics', request: { verb: 'metrics' } }),
  },
  {
    name: 'inspect',
    summary: 'show one worker: what it holds, how it died last',
    description:
      'Show one worker: the requests it holds with their age, how it died last, and the\n' +
      'configuration in effect.',
    words: [WORKER],
    examples: `Examples:\n  zscale inspect 2\n\n${EXITS}`,
    invoke: (text, flags) => ({
      ...same(flags),
      command: 'inspect',
      request: { verb: 'inspect', worker: parseWorker('inspect', text) },
    }),
  },
  {
    name: 'machines',
    summary: 'show who works for it from elsewhere',
    description:
      'Show the machines that have joined, and workers of other kinds; of a machine that has\n' +
      'joined, the back ends it works for.',
    words: [],
    examples: `Examples:\n  zscale machines\n\n${EXITS}`,
    invoke: (_, flags) => ({ ...same(flags), command: 'machines', request: { verb: 'machines' } }),
  },
  {
    name: 'events',
    summary: 'show what happened to the workers',
    description: 'Show what happened to the workers: the last 1000 events.',
    words: [],
    follows: true,
    examples: `Examples:\n  zscale events -f --json\n\n${EXITS}`,
    invoke: (_, flags) => ({
      ...same(flags),
      command: 'events',
      request: { verb: 'events', after: 0, wait: 0 },
    }),
  },
  {
    name: 'logs',
    summary: 'show what the supervisor logged',
    description: 'Show what the supervisor logged, from info on: the last 1000 lines.',
    words: [],
    follows: true,
    examples: `Examples:\n  zscale logs -f\n\n${EXITS}`,
    invoke: (_, flags) => ({
      ...same(flags),
      command: 'logs',
      request: { verb: 'logs', after: 0, wait: 0 },
    }),
  },
];

/** Every one of them. */
export const CONTROL_COMMANDS: readonly CommandRow[] = COMMANDS.map(
  ({ flags = [], follows = false, examples, invoke, ...row }) => ({
    ...row,
    flags: [
      ...SERVICE_FLAGS,
      { flags: '--json', description: follows ? 'one JSON object per line' : 'one JSON object' },
      ...(follows ? [FOLLOW] : []),
      ...flags,
    ],
    examples: `${examples}\n`,
    invoke: ([text = ''], given) => invoke(text, given),
  }),
);

function same(flags: Flags): Pick<ControlInvocation, 'name' | 'control' | 'json' | 'follow'> {
  return { ...serviceOf(flags), json: flags.json === true, follow: flags.follow === true };
}

function parseWorker(command: string, text: string): number {
  return parseCount(command, text, { least: 0 });
}

function parseScale(text: string): Extract<ControlInvocation, { command: 'scale' }>['request'] {
  if (text === 'auto') return { verb: 'scale', workers: 'auto' };
  const [, sign = '', digits] = /^([+-]?)(\d{1,4})$/.exec(text) ?? [];
  const count = Number(digits);
  if (digits === undefined || count < 1 || count > MAX_WORKERS) {
    throw new UsageError(
      `scale takes 1 to ${MAX_WORKERS}, or +n, -n or auto; got ${JSON.stringify(text)}. See "zscale scale --help".`,
    );
  }
  if (sign === '') return { verb: 'scale', workers: count };
  return { verb: 'scale', by: sign === '-' ? -count : count };
}
