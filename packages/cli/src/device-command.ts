/** `zscale device` on the command line: its flags, its help, and what they mean. */
import type { Device, DeviceOptions } from '@zscale/transport';
import type { CommandRow } from './command-row.ts';
import { UsageError } from './failure.ts';
import {
  parseChoice,
  parseCount,
  parseDeviceEndpoint,
  parseDuration,
  parseMark,
} from './flag-values.ts';
import type { DeviceInvocation } from './invocation.ts';

/** Each kind of device as it is typed. */
const KINDS: ReadonlyMap<string, Device['kind']> = new Map([
  ['queue', 'QUEUE'],
  ['forwarder', 'FORWARDER'],
  ['streamer', 'STREAMER'],
]);

/** The flags as commander names them. */
interface DeviceFlags {
  readonly frontend?: readonly string[];
  readonly backend?: readonly string[];
  readonly capture?: readonly string[];
  readonly hwm?: number;
  readonly gracefulTimeout?: number;
  readonly rate?: number;
  readonly recoveryInterval?: number;
  readonly json?: boolean;
}

/** Its row. */
export const DEVICE_COMMAND: CommandRow = {
  name: 'device',
  summary: 'pass ZeroMQ messages on: a queue, forwarder or streamer',
  description:
    'Stand between ZeroMQ programs in any language and pass their messages on, unread.\n' +
    '  queue      requests to workers, replies back        REQ, DEALER -> REP, DEALER\n' +
    '  forwarder  data to subscribers, subscriptions back  PUB -> SUB\n' +
    '  streamer   work to consumers                        PUSH -> PULL\n' +
    'Stays in the foreground; Ctrl-C passes on what is there and ends it.',
  words: [{ name: '<kind>', description: 'queue, forwarder or streamer' }],
  operands: [...KINDS.keys()],
  missing: `the kind of device is missing: ${[...KINDS.keys()].join(', ')}`,
  flags: [
    {
      heading: 'Endpoints:',
      flags: '--frontend <endpoint>',
      description: 'where clients, publishers or producers are',
      parse: parseDeviceEndpoint,
      isRepeatable: true,
    },
    {
      flags: '--backend <endpoint>',
      description: 'where workers, subscribers or consumers are',
      parse: parseDeviceEndpoint,
      isRepeatable: true,
    },
    {
      flags: '--capture <endpoint>',
      description: 'a PUB that shows all that passes (default: none)',
      parse: parseDeviceEndpoint,
      isRepeatable: true,
    },
    {
      heading: 'Messages:',
      flags: '--hwm <n>',
      description: 'how many may wait per peer and direction (default: 1000)',
      parse: parseMark,
    },
    {
      flags: '--graceful-timeout <time>',
      description: 'for what is on its way at the end (default: 30s)',
      parse: (name, text) => parseDuration(name, text, { least: 0 }),
    },
    {
      heading: 'Multicast (epgm endpoints of a forwarder):',
      flags: '--rate <n>',
      description: 'kbit/s to send at most (default: 100)',
      parse: (name, text) => parseCount(name, text),
    },
    {
      flags: '--recovery-interval <time>',
      description: 'to ask for what was lost (default: 10s)',
      parse: (name, text) => parseDuration(name, text),
    },
    {
      heading: 'Output:',
      flags: '--json',
      description: 'one JSON object per line, for programs',
    },
  ],
  helpHeading: 'Help:',
  examples: `Endpoints are bound. With "connect:" in front they are connected to instead.
--frontend, --backend and --capture may be repeated. off means no limit.

Examples:
  zscale device queue --frontend tcp://*:5559 --backend tcp://*:5560
  zscale device queue --frontend tcp://*:5559 --backend connect:tcp://host:5560
  zscale device forwarder --frontend connect:tcp://feed:70 --backend tcp://*:71
  zscale device streamer --frontend ipc:///run/in.sock --backend tcp://*:5558
  zscale device forwarder --frontend tcp://*:70 --backend epgm://239.192.1.1:71

Exit codes:
  0 stopped   1 error   2 wrong usage   128+n signal n`,
  // Each of the flags was read by the parser of its row.
  invoke: ([kind = ''], flags) => invocationOf(kind, flags as DeviceFlags),
};

function invocationOf(text: string, flags: DeviceFlags): DeviceInvocation {
  const { frontend, backend, capture, hwm, gracefulTimeout, json = false } = flags;
  const multicast = multicastOf(flags);
  const kind = KINDS.get(parseChoice('device', text, [...KINDS.keys()]));
  if (kind === undefined || frontend === undefined || backend === undefined) {
    const missing = frontend === undefined ? '--frontend' : '--backend';
    throw new UsageError(
      `a device needs both sides; ${missing} is missing, as in: zscale device ${text} ` +
        '--frontend tcp://*:5559 --backend tcp://*:5560. See "zscale device --help".',
    );
  }
  return {
    command: 'device',
    kind,
    options: {
      frontend,
      backend,
      ...(capture !== undefined && { capture }),
      ...(hwm !== undefined && { highWaterMark: hwm === Number.POSITIVE_INFINITY ? 0 : hwm }),
      ...(gracefulTimeout !== undefined && {
        gracefulTimeout: gracefulTimeout === Number.POSITIVE_INFINITY ? -1 : gracefulTimeout,
      }),
      ...(multicast !== undefined && {
        frontendOptions: multicast,
        backendOptions: multicast,
        captureOptions: multicast,
      }),
    },
    json,
  };
}

/** Options of multicast sockets, where any was given. */
function multicastOf({ rate, recoveryInterval }: DeviceFlags): DeviceOptions['frontendOptions'] {
  if (rate === undefined && recoveryInterval === undefined) return undefined;
  if (recoveryInterval === Number.POSITIVE_INFINITY) {
    throw new UsageError(
      '--recovery-interval takes a time such as 10s; off would keep everything.',
    );
  }
  return {
    ...(rate !== undefined && { rate }),
    ...(recoveryInterval !== undefined && { recoveryInterval }),
  };
}
