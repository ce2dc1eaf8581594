/**
 * The commands that are one socket of ZeroMQ in a shell: a row each, with its flags and its help. What its words mean is in
 * knife-invocation.ts.
 *
 * Data and pure functions; args.ts makes commands of the rows, and commands/ carries them out.
 */
import type { CommandRow, FlagRow } from './command-row.ts';
import { parseCount, parseDuration, parseLimit, parseMark, parseSize } from './flag-values.ts';
import type { KnifeVerb } from './invocation.ts';
import { type KnifeFlags, knifeInvocation } from './knife-invocation.ts';

/** One command, without what all of them have in common. */
interface KnifeCommand extends Pick<CommandRow, 'summary' | 'description' | 'flags'> {
  readonly name: KnifeVerb;
  /** Whether it takes messages; those who only receive do not. */
  readonly sends: boolean;
  readonly examples: string;
}

const text = (_name: string, given: string): string => given;
const fromZero = (name: string, given: string): number => parseDuration(name, given, { least: 0 });

const BIND: FlagRow = {
  flags: '-b, --bind',
  description: 'bind the endpoints (default: connect)',
};
const FORMS: readonly FlagRow[] = [
  { flags: '--json', description: 'messages are arrays of frames, a line each' },
  { flags: '--hex', description: 'frames are hexadecimal' },
  { flags: '--raw', description: 'bytes as they are, without line ends' },
];
const FILE: FlagRow = {
  flags: '-f, --file <file>',
  description: 'messages from its lines, in place of stdin',
  parse: text,
};
const HWM: FlagRow = {
  flags: '--hwm <n>',
  description: 'how many may wait per peer (default: 1000)',
  parse: parseMark,
};
const SIZE: FlagRow = {
  flags: '--max-message-size <size>',
  description: 'the largest one (default: 64mb)',
  parse: parseSize,
};
const LINGER: FlagRow = {
  flags: '--linger <time>',
  description: 'for what is unsent at the end (default: --timeout)',
  parse: fromZero,
};
const CURVE: readonly FlagRow[] = [
  {
    flags: '--curve-key <file>',
    description: 'own keys; with --bind, for others to know',
    parse: text,
  },
  { flags: '--curve-server-key <key>', description: 'the public key of who binds', parse: text },
];

const sendCount = (what: string): FlagRow => ({
  flags: '-n, --count <n>',
  description: `how many to send; arguments and files start over${what}`,
  parse: parseLimit,
});
const takeCount: FlagRow = {
  flags: '-n, --count <n>',
  description: 'end after so many (default: off)',
  parse: parseLimit,
};
const INTERVAL: FlagRow = {
  flags: '-i, --interval <time>',
  description: 'from one message to the next (default: 0s)',
  parse: fromZero,
};
const timeout = (what: string): FlagRow => ({
  flags: '-t, --timeout <time>',
  description: `${what} (default: off)`,
  parse: parseDuration,
});

const EXITS = `Exit codes:
  0 done   1 error, or not in time   2 wrong usage
  69 not in time, and nobody was there   128+n signal n`;

const COMMANDS: readonly KnifeCommand[] = [
  {
    name: 'req',
    summary: 'send requests and print the replies',
    description: 'Be a REQ socket: send each message as a request, and print its reply.',
    sends: true,
    flags: [
      BIND,
      ...[FILE, ...FORMS, sendCount(''), INTERVAL],
      timeout('for a reply'),
      ...[LINGER, HWM, SIZE, ...CURVE],
    ],
    examples:
      'zscale req tcp://127.0.0.1:5555 hello\nzscale req tcp://127.0.0.1:5555 --timeout 2s < questions.txt',
  },
  {
    name: 'rep',
    summary: 'print requests and answer them',
    description:
      'Be a REP socket: print each request and answer it: with itself, with one\n' +
      'answer, or with what a command prints that gets the request on its stdin.',
    sends: false,
    flags: [
      BIND,
      {
        flags: '-a, --answer <message>',
        description: 'the answer to all (default: the request)',
        parse: text,
      },
      {
        flags: '--exec <command>',
        description: 'run for each request; its output is the answer',
        parse: text,
      },
      ...[...FORMS, takeCount],
      timeout('for a request'),
      ...[LINGER, HWM, SIZE, ...CURVE],
    ],
    examples:
      "zscale rep --bind tcp://*:5555\nzscale rep --bind tcp://*:5555 --answer ok\nzscale rep --bind tcp://*:5555 --exec 'tr a-z A-Z'",
  },
  {
    name: 'pub',
    summary: 'send messages to all who subscribed',
    description:
      'Be a PUB socket: send each message to all who subscribed to how it begins.\n' +
      'Waits for the first subscription, so that the first message is not lost, and\n' +
      'for subscribers that are slow.',
    sends: true,
    flags: [
      BIND,
      {
        flags: '--wait <n>',
        description: 'for so many subscriptions first (default: 1)',
        parse: (name, given) => parseCount(name, given, { least: 0 }),
      },
      ...[FILE, ...FORMS, sendCount(''), INTERVAL],
      timeout('for subscribers'),
      ...[LINGER, HWM, SIZE, ...CURVE],
    ],
    examples:
      "zscale pub --bind tcp://*:5556 $'weather\\tsunny'\ntail -f app.log | zscale pub --bind tcp://*:5556 --wait 0",
  },
  {
    name: 'sub',
    summary: 'print what publishers send',
    description: 'Be a SUB socket: print what publishers send, all of it or some topics.',
    sends: false,
    flags: [
      BIND,
      {
        flags: '-s, --subscribe <prefix>',
        description: 'only what begins so (default: all)',
        parse: text,
        isRepeatable: true,
      },
      ...[...FORMS, takeCount],
      timeout('for a message'),
      ...[HWM, SIZE, ...CURVE],
    ],
    examples:
      'zscale sub tcp://127.0.0.1:5556\nzscale sub tcp://127.0.0.1:5556 --subscribe weather --count 10',
  },
  {
    name: 'push',
    summary: 'deal messages out to pullers',
    description: 'Be a PUSH socket: deal the messages out to those who pull. Waits for one.',
    sends: true,
    flags: [
      BIND,
      ...[FILE, ...FORMS, sendCount(''), INTERVAL],
      timeout('for a puller'),
      ...[LINGER, HWM, SIZE, ...CURVE],
    ],
    examples:
      'zscale push tcp://127.0.0.1:5557 < jobs.txt\nzscale push --bind tcp://*:5557 job --count 100',
  },
  {
    name: 'pull',
    summary: 'print what is pushed',
    description: 'Be a PULL socket: print what others push.',
    sends: false,
    flags: [BIND, ...FORMS, takeCount, timeout('for a message'), HWM, SIZE, ...CURVE],
    examples:
      'zscale pull --bind tcp://*:5557\nzscale pull tcp://127.0.0.1:5557 --count 1 --raw > file',
  },
];

/** Every one of them. */
export const KNIFE_COMMANDS: readonly CommandRow[] = COMMANDS.map((row) => {
  const { name, summary, description, flags, sends } = row;
  return {
    name,
    summary,
    description,
    usage: sends ? '<endpoint...> [message...] [options]' : '<endpoint...> [options]',
    words: [
      {
        name: '<endpoint...>',
        description: sends ? 'where; then messages, of which none or "-" is stdin' : 'where',
      },
    ],
    missing: `the endpoint is missing, as in: zscale ${name} tcp://127.0.0.1:5555`,
    flags,
    examples: helpAfter(row),
    // Each of the flags was read by the parser of its row.
    invoke: (words, given, { argv }) =>
      knifeInvocation(row, words, literalsOf(argv, words.length), given as KnifeFlags),
  };
});

/** How many of `count` words stand behind "--". */
function literalsOf(argv: readonly string[], count: number): number {
  const mark = argv.indexOf('--');
  return mark < 0 ? 0 : Math.min(argv.length - mark - 1, count);
}

function helpAfter({ examples, sends }: KnifeCommand): string {
  const words = sends
    ? 'A message is an argument, or a line of stdin or --file; with --raw all is one.\n'
    : '';
  const lines = examples.split('\n').map((line) => `  ${line}`);
  return `${words}Its frames have tabs between them, read or printed. Endpoints may be several.

Examples:
${lines.join('\n')}

${EXITS}`;
}
