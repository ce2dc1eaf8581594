/**
 * The commands that are one socket of ZeroMQ in a shell: a row each, with its flags, its help and what its words mean.
 *
 * Data and pure functions; args.ts makes commands of the rows, and commands/ carries them out.
 */
import type { CurvePeerOptions } from '@zscale/core';
import { UsageError } from './failure.ts';
import {
  parseCount,
  parseDuration,
  parseEndpoint,
  parseLimit,
  parseMark,
  parseSize,
} from './flag-values.ts';
import { type FrameForm, parseFrames, parseTopic } from './frame-forms.ts';
import type { KnifeInvocation, KnifeVerb } from './invocation.ts';

/** What a socket takes and keeps unless told otherwise. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** The flags as commander names them; not every command has all of them. */
export interface KnifeFlags {
  bind?: boolean;
  file?: string;
  json?: boolean;
  hex?: boolean;
  raw?: boolean;
  count?: number;
  interval?: number;
  timeout?: number;
  linger?: number;
  wait?: number;
  subscribe?: readonly string[];
  answer?: string;
  exec?: string;
  hwm?: number;
  maxMessageSize?: number;
  curveKey?: string;
  curveServerKey?: string;
}

/** One flag. */
export interface KnifeFlag {
  /** As commander takes it. */
  readonly flags: string;
  readonly description: string;
  readonly parse?: (name: string, text: string) => unknown;
  /** Its values are gathered in a list; default false. */
  readonly isRepeatable?: boolean;
}

/** One command. */
export interface KnifeCommand {
  readonly name: KnifeVerb;
  readonly summary: string;
  readonly description: string;
  /** Whether it takes messages; those who only receive do not. */
  readonly sends: boolean;
  readonly flags: readonly KnifeFlag[];
  readonly examples: string;
}

const text = (_name: string, given: string): string => given;
const fromZero = (name: string, given: string): number => parseDuration(name, given, { least: 0 });

const BIND: KnifeFlag = {
  flags: '-b, --bind',
  description: 'bind the endpoints (default: connect)',
};
const FORMS: readonly KnifeFlag[] = [
  { flags: '--json', description: 'messages are arrays of frames, a line each' },
  { flags: '--hex', description: 'frames are hexadecimal' },
  { flags: '--raw', description: 'bytes as they are, without line ends' },
];
const FILE: KnifeFlag = {
  flags: '-f, --file <file>',
  description: 'messages from its lines, in place of stdin',
  parse: text,
};
const HWM: KnifeFlag = {
  flags: '--hwm <n>',
  description: 'how many may wait per peer (default: 1000)',
  parse: parseMark,
};
const SIZE: KnifeFlag = {
  flags: '--max-message-size <size>',
  description: 'the largest one (default: 64mb)',
  parse: parseSize,
};
const LINGER: KnifeFlag = {
  flags: '--linger <time>',
  description: 'for what is unsent at the end (default: --timeout)',
  parse: fromZero,
};
const CURVE: readonly KnifeFlag[] = [
  {
    flags: '--curve-key <file>',
    description: 'own keys; with --bind, for others to know',
    parse: text,
  },
  { flags: '--curve-server-key <key>', description: 'the public key of who binds', parse: text },
];

const sendCount = (what: string): KnifeFlag => ({
  flags: '-n, --count <n>',
  description: `how many to send; arguments and files start over${what}`,
  parse: parseLimit,
});
const takeCount: KnifeFlag = {
  flags: '-n, --count <n>',
  description: 'end after so many (default: off)',
  parse: parseLimit,
};
const INTERVAL: KnifeFlag = {
  flags: '-i, --interval <time>',
  description: 'from one message to the next (default: 0s)',
  parse: fromZero,
};
const timeout = (what: string): KnifeFlag => ({
  flags: '-t, --timeout <time>',
  description: `${what} (default: off)`,
  parse: parseDuration,
});

const EXITS = `Exit codes:
  0 done   1 error, or not in time   2 wrong usage
  69 not in time, and nobody was there   128+n signal n`;

/** Every one of them. */
export const KNIFE_COMMANDS: readonly KnifeCommand[] = [
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

/** What is below the help of each. */
export function helpAfter({ examples, sends }: KnifeCommand): string {
  const words = sends
    ? 'A message is an argument, or a line of stdin or --file; with --raw all is one.\n'
    : '';
  const lines = examples.split('\n').map((line) => `  ${line}`);
  return `
${words}Its frames have tabs between them, read or printed. Endpoints may be several.

Examples:
${lines.join('\n')}

${EXITS}`;
}

/**
 * What a command line asks for.
 *
 * @param given - endpoints, and the messages after them
 * @param literal - how many of those stood after `--`, and so are messages whatever they look like
 * @throws UsageError when it makes no sense
 */
export function knifeInvocation(
  { name, sends }: KnifeCommand,
  given: readonly string[],
  literal: number,
  flags: KnifeFlags,
): KnifeInvocation {
  const form = formOf(flags);
  const free = given.slice(0, given.length - literal);
  const firstOther = free.findIndex((word) => !word.includes('://'));
  const split = firstOther < 0 ? free.length : firstOther;
  // The first word is an endpoint, or a poor one that is told what is wrong with it.
  const endpoints = given.slice(0, Math.max(split, 1)).map((word) => parseEndpoint(name, word));
  const words = given.slice(endpoints.length);
  if (!sends && words.length > 0) {
    throw new UsageError(
      `${name} takes endpoints only; got ${JSON.stringify(words[0])}. See "zscale ${name} --help".`,
    );
  }
  const isStdin = words.length === 0 || (words.length === 1 && words[0] === '-' && literal === 0);
  if (!isStdin && flags.file !== undefined) {
    throw new UsageError('messages come from arguments or from --file; it was given both.');
  }
  if (flags.answer !== undefined && flags.exec !== undefined) {
    throw new UsageError('answers come from --answer or from --exec; it was given both.');
  }
  const { bind = false, timeout: time = Number.POSITIVE_INFINITY } = flags;
  return {
    command: name,
    endpoints,
    bind,
    form,
    messages: isStdin
      ? undefined
      : words.map((word) => parseFrames(Buffer.from(word), form, 'a message')),
    file: flags.file === '-' ? undefined : flags.file,
    count: flags.count,
    interval: flags.interval ?? 0,
    timeout: time,
    linger: flags.linger ?? time,
    wait: flags.wait ?? 1,
    topics: (flags.subscribe ?? ['']).map((topic) => parseTopic(topic, form)),
    answer:
      flags.answer === undefined
        ? undefined
        : parseFrames(Buffer.from(flags.answer), form, '--answer'),
    exec: flags.exec,
    highWaterMark: flags.hwm ?? 1_000,
    maxMessageSize: flags.maxMessageSize ?? MAX_MESSAGE_BYTES,
    curve: curveOf(flags),
  };
}

function formOf({ json, hex, raw }: KnifeFlags): FrameForm {
  const forms: FrameForm[] = [];
  if (json) forms.push('json');
  if (hex) forms.push('hex');
  if (raw) forms.push('raw');
  const [form = 'text', other] = forms;
  if (other !== undefined) {
    throw new UsageError(`messages have one form; got --${form} and --${other}.`);
  }
  return form;
}

function curveOf({ bind, curveKey, curveServerKey }: KnifeFlags): CurvePeerOptions | undefined {
  if (bind === true && curveServerKey !== undefined) {
    throw new UsageError(
      '--curve-server-key is for those who connect; who binds has keys of its own: --curve-key <file>.',
    );
  }
  if (bind !== true && curveKey !== undefined && curveServerKey === undefined) {
    throw new UsageError(
      '--curve-key needs the public key of who binds too: --curve-server-key <key>, the text in its file NAME.key.',
    );
  }
  if (curveKey === undefined && curveServerKey === undefined) return undefined;
  return { keyFile: curveKey, serverKey: curveServerKey };
}
