/** `zscale call` and `zscale inject` on the command line: their flags, their help, and what they mean. */
import { CODEC_NAMES, type CurvePeerOptions } from '@zscale/core';
import {
  type CommandRow,
  type FlagRow,
  type Flags,
  numberOf,
  SERVICE_FLAGS,
  serviceOf,
  textOf,
} from './command-row.ts';
import { UsageError } from './failure.ts';
import { parseChoice, parseDuration, parseNamedEndpoint } from './flag-values.ts';
import type { CallInvocation } from './invocation.ts';

/** How long they wait for the reply unless told otherwise. */
const TIMEOUT_MS = 5_000;

/** The keys of who asks a service. */
export const CLIENT_CURVE_FLAGS: readonly FlagRow[] = [
  { flags: '--curve-server-key <key>', description: "the service's public key, where it has keys" },
  { flags: '--curve-key <file>', description: 'own keys, where the service knows its clients' },
];

const REPLY_FLAGS: readonly FlagRow[] = [
  {
    flags: '-t, --timeout <time>',
    description: 'for the reply to come (default: 5s)',
    parse: (name, text) => parseDuration(name, text),
  },
  {
    flags: '-r, --raw-output',
    description: 'print a text or bytes as they are, not as JSON',
  },
  ...CLIENT_CURVE_FLAGS,
];

const VALUE = {
  name: '[value]',
  description: 'the request as JSON; "-" or none reads stdin',
};

/** Their rows. */
export const CALL_COMMANDS: readonly CommandRow[] = [
  {
    name: 'call',
    summary: 'send one request and print the reply',
    description: 'Send one request to a running service and print its reply on stdout.',
    words: [{ name: '<endpoint>', description: 'where the service listens' }, VALUE],
    missing: 'the endpoint to call is missing',
    flags: [
      {
        flags: '--codec <name>',
        description: 'msgpack, json or raw (default: msgpack)',
        parse: (name, text) => parseChoice(name, text, CODEC_NAMES),
      },
      ...REPLY_FLAGS,
      {
        flags: '--dns-server <address>',
        description: 'for dns: and srv: endpoints',
        parse: (_name, text) => text,
        isRepeatable: true,
      },
    ],
    examples: `The reply is printed as one line of JSON: bytes as base64, integers beyond 2^53
as text. With --codec raw the request is the text itself, and the reply is
written byte for byte.

Examples:
  zscale call tcp://127.0.0.1:5555 '{"name":"you"}'
  zscale call tcp://127.0.0.1:5555 '"a text"'
  echo '{"name":"you"}' | zscale call tcp://127.0.0.1:5555
  zscale call tcp://127.0.0.1:5555 PING --codec raw

Exit codes:
  0 replied   1 answered with an error, or not in time   2 wrong usage`,
    invoke: ([endpoint = '', value], flags) => ({
      command: 'call',
      endpoint: parseNamedEndpoint('call', endpoint),
      codec: CODEC_NAMES.find((name) => name === flags.codec) ?? 'msgpack',
      ...replyOf(value, flags),
      ...(Array.isArray(flags.dnsServer) && { dnsServers: flags.dnsServer.map(String) }),
    }),
  },
  {
    name: 'inject',
    summary: 'send one request through a service on this machine',
    description:
      'Send one request through a service that runs on this machine, by its front end, in its\n' +
      'codec, and print its reply on stdout.',
    words: [VALUE],
    flags: [
      ...SERVICE_FLAGS.map((row) =>
        row.values === 'services'
          ? { ...row, description: 'which service, where several run' }
          : row,
      ),
      ...REPLY_FLAGS,
    ],
    examples: `Examples:
  zscale inject '{"name":"you"}'
  zscale inject '{"name":"you"}' --name api

Exit codes:
  0 replied   1 answered with an error, or not in time   2 wrong usage
  69 no such service runs`,
    invoke: ([value], flags) => ({
      command: 'inject',
      ...serviceOf(flags),
      ...replyOf(value, flags),
    }),
  },
];

function replyOf(
  value: string | undefined,
  flags: Flags,
): Pick<CallInvocation, 'value' | 'timeout' | 'rawOutput' | 'curve'> {
  return {
    value: value === '-' ? undefined : value,
    timeout: numberOf(flags.timeout, TIMEOUT_MS),
    rawOutput: flags.rawOutput === true,
    ...clientCurveOf(flags),
  };
}

/** What {@link CLIENT_CURVE_FLAGS} say. @throws UsageError for own keys without those of the service */
export function clientCurveOf(flags: Flags): { readonly curve?: CurvePeerOptions } {
  const [serverKey, keyFile] = [textOf(flags.curveServerKey), textOf(flags.curveKey)];
  if (serverKey !== undefined) return { curve: { serverKey, keyFile } };
  if (keyFile === undefined) return {};
  throw new UsageError(
    "--curve-key needs the service's public key too: --curve-server-key <key>, the text in its file NAME.key.",
  );
}
