/**
 * The table of settings: everything that can be said to `zscale run` and `zscale join`, one row each.
 *
 * A row has the flag, the key in a config file, what it means in one line, its default and its place in the help. The
 * environment variable follows from the flag: `--max-queue` is `ZSCALE_MAX_QUEUE`. args.ts makes flags of the rows,
 * config-schema.ts the check of a config file, setting-variables.ts reads the environment, and docs/reference/configuration.md is
 * checked against them. Data only.
 */
import { BALANCES, CODEC_NAMES, HTTP_FORMATS, type LogLevel, OUTPUTS } from '@zscale/core';
import { parseBind, parseEndpoint, parseNamedEndpoint } from './flag-values.ts';
import {
  ACCOUNT,
  ASSIGNMENTS,
  choice,
  count,
  duration,
  FUNCTION,
  type Kind,
  LIMIT,
  list,
  PATH,
  PATH_OR_OFF,
  POOLS,
  PORT,
  RANGE,
  RESTARTS,
  RETRIES,
  SIZE,
  SWITCH,
  TEXT,
  text,
  WORDS,
  WORKERS,
} from './setting-kinds.ts';

/** The commands that have settings. */
export type Host = 'run' | 'join';

/** How log lines look. */
export type LogFormat = 'json' | 'pretty';

/** One setting. */
export interface Setting {
  /** Its key in a config file: the name of the option of `scale()` or `join()`, with a dot inside an object. */
  readonly key: string;
  /** As commander takes it: `-w, --workers <n|auto>`. Undefined for an argument, and for what is no text. */
  readonly flags?: string;
  /** The flag that says the opposite, and what it means. */
  readonly opposite?: { readonly flags: string; readonly doc: string };
  /** What it is, in a few words; completes a line that starts with the flag. */
  readonly doc: string;
  /** What it is when nobody says anything; undefined where the words of `doc` say so, or where there is nothing to say. */
  readonly default?: string;
  readonly kind: Kind;
  /** Below which heading of the help of `zscale run` it stands; undefined where that does not have it. */
  readonly run?: string;
  /** The same for `zscale join`. */
  readonly join?: string;
  /** Variables of others that say the same, which count where our own is not set. */
  readonly alsoVariables?: readonly string[];
  /** Its variable, where there is no flag to name it after. */
  readonly variable?: string;
  /** Whether it is of the command alone, and no option of `scale()` or `join()`. */
  readonly isOfCommand?: true;
}

const LOG_LEVELS: readonly LogLevel[] = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
  'silent',
];
const LOG_FORMATS: readonly LogFormat[] = ['json', 'pretty'];

const PLACES = 'Where it listens:';
const NAMES = 'Names:';
const KEYS = 'Keys:';
const WORKERS_GROUP = 'Workers:';
const REPLACING = 'Replacing workers, successor first:';
const BACK_ENDS = 'Back ends:';
const REQUESTS = 'Requests:';
const SAME_REQUESTS = 'Requests, as the service has it:';
const HTTP = 'HTTP:';
const PROGRAMS = 'Programs:';
const WATCHING = 'Watching:';
const MACHINES = 'Other machines:';
const LOGS = 'Logs:';

/** The headings of each command's help, in order. */
export const GROUPS: Readonly<Record<Host, readonly string[]>> = {
  run: [PLACES, WORKERS_GROUP, REPLACING, REQUESTS, HTTP, PROGRAMS, MACHINES, LOGS],
  join: [NAMES, KEYS, WORKERS_GROUP, REPLACING, BACK_ENDS, WATCHING, SAME_REQUESTS, LOGS],
};

const WORKERS_OF_BOTH = { run: WORKERS_GROUP, join: WORKERS_GROUP } as const;
const REPLACING_OF_BOTH = { run: REPLACING, join: REPLACING } as const;
const REQUESTS_OF_BOTH = { run: REQUESTS, join: SAME_REQUESTS } as const;
const LOGS_OF_BOTH = { run: LOGS, join: LOGS } as const;

/** Every setting; within a heading in the order of the help. */
export const SETTINGS: readonly Setting[] = [
  {
    key: 'entry',
    doc: 'the file that exports your handler, or is your server',
    kind: PATH,
    ...WORKERS_OF_BOTH,
    variable: 'ZSCALE_ENTRY',
    isOfCommand: true,
  },
  {
    key: 'args',
    doc: 'arguments of the program, after --',
    kind: list(),
    run: PROGRAMS,
  },
  {
    key: 'connect',
    doc: 'the back end of each service',
    kind: list(text(parseNamedEndpoint)),
    join: BACK_ENDS,
    variable: 'ZSCALE_CONNECT',
  },
  {
    key: 'bind',
    flags: '-b, --bind <endpoint>',
    doc: 'for clients',
    default: 'tcp://127.0.0.1:5555',
    kind: list(text(parseBind)),
    run: PLACES,
  },
  {
    key: 'port',
    flags: '-p, --port <n>',
    doc: 'for HTTP on every interface: --bind http://*:n',
    kind: PORT,
    run: PLACES,
    isOfCommand: true,
  },
  {
    key: 'backend',
    flags: '--backend <endpoint>',
    doc: 'for further REP workers, in any language',
    kind: list(text(parseEndpoint)),
    run: PLACES,
  },
  {
    key: 'dnsServers',
    flags: '--dns-server <address>',
    doc: 'for dns: and srv: endpoints',
    kind: list(),
    join: NAMES,
  },
  {
    key: 'curve.keyFile',
    flags: '--curve-key <file>',
    doc: "this machine's keys, or the service's own pair",
    kind: PATH,
    join: KEYS,
  },
  {
    key: 'curve.serverKey',
    flags: '--curve-server-key <key>',
    doc: "the service's public key",
    default: 'that of --curve-key',
    kind: TEXT,
    join: KEYS,
  },
  {
    key: 'workers',
    flags: '-w, --workers <n|auto>',
    doc: 'how many processes',
    default: 'auto',
    kind: WORKERS,
    ...WORKERS_OF_BOTH,
    alsoVariables: ['WEB_CONCURRENCY'],
  },
  {
    key: 'concurrency',
    flags: '--concurrency <n>',
    doc: 'requests a worker may hold at once',
    default: '64',
    kind: count(),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'threads',
    flags: '--threads <n>',
    doc: 'threads per process that run it',
    default: '0',
    kind: count(0),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'exportName',
    flags: '--export <name>',
    doc: 'the export to use',
    default: 'default, handler',
    kind: TEXT,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'env',
    flags: '-e, --env <KEY=value>',
    doc: 'an environment variable for the workers',
    kind: ASSIGNMENTS,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'envFrom',
    flags: '--env-from <file>',
    doc: 'a file of such variables, read at each reload',
    kind: list(PATH),
    ...WORKERS_OF_BOTH,
    isOfCommand: true,
  },
  {
    key: 'startTimeout',
    flags: '--start-timeout <time>',
    doc: 'for a worker to load',
    default: '60s',
    kind: duration(),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'hangTimeout',
    flags: '--hang-timeout <time>',
    doc: 'for a worker that stands still',
    default: '30s',
    kind: duration(100),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'gracefulTimeout',
    flags: '--graceful-timeout <time>',
    doc: 'for open requests at the end',
    default: '30s',
    kind: duration(0),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'maxRestarts',
    flags: '--max-restarts <n/time>',
    doc: 'crashes before giving up',
    default: '5/60s',
    kind: RESTARTS,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'restartWindow',
    flags: '--restart-window <time>',
    doc: 'over which they count',
    default: '60s',
    kind: duration(),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'restartDelay',
    flags: '--restart-delay <time>',
    doc: 'before one that crashed is restarted',
    default: '100ms',
    kind: duration(0),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'restartMaxDelay',
    flags: '--restart-max-delay <time>',
    doc: 'the longest, as it doubles',
    default: '30s',
    kind: duration(0),
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'autoscale',
    flags: '--autoscale <min-max>',
    doc: 'change how many by load',
    kind: RANGE,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'execArgv',
    flags: '--node-args <flags>',
    doc: 'flags of node for the workers',
    kind: WORDS,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'user',
    flags: '--user <name|id>',
    doc: 'as whom they run, where root starts them',
    kind: ACCOUNT,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'group',
    flags: '--group <name|id>',
    doc: "their group, else the user's",
    kind: ACCOUNT,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'umask',
    flags: '--umask <octal>',
    doc: 'what their files may not permit, as in 027',
    kind: TEXT,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'cwd',
    flags: '--cwd <folder>',
    doc: 'the folder they start in, else this one',
    kind: PATH,
    ...WORKERS_OF_BOTH,
  },
  {
    key: 'maxMemory',
    flags: '--max-memory <size>',
    doc: 'when one has more memory',
    default: 'off',
    kind: SIZE,
    ...REPLACING_OF_BOTH,
  },
  {
    key: 'maxRequests',
    flags: '--max-requests <n>',
    doc: 'after so many requests',
    default: 'off',
    kind: LIMIT,
    ...REPLACING_OF_BOTH,
  },
  {
    key: 'maxLifetime',
    flags: '--max-lifetime <time>',
    doc: 'when it is so old',
    default: 'off',
    kind: duration(),
    ...REPLACING_OF_BOTH,
  },
  {
    key: 'watch',
    flags: '--watch',
    doc: 'all, when code in this folder changes',
    kind: SWITCH,
    ...REPLACING_OF_BOTH,
    isOfCommand: true,
  },
  {
    key: 'watchPaths',
    flags: '--watch-path <path>',
    doc: 'all, when this file or folder changes',
    kind: list(PATH),
    ...REPLACING_OF_BOTH,
    isOfCommand: true,
  },
  {
    key: 'codec',
    flags: '--codec <name>',
    doc: 'msgpack, json or raw',
    default: 'msgpack',
    kind: choice(CODEC_NAMES),
    ...REQUESTS_OF_BOTH,
  },
  {
    key: 'timeout',
    flags: '-t, --timeout <time>',
    doc: 'from arrival to reply',
    default: '30s',
    kind: duration(),
    ...REQUESTS_OF_BOTH,
  },
  {
    key: 'maxQueue',
    flags: '--max-queue <n>',
    doc: 'how many may wait',
    default: '10000',
    kind: LIMIT,
    run: REQUESTS,
  },
  {
    key: 'maxQueueBytes',
    flags: '--max-queue-bytes <size>',
    doc: 'how large together',
    default: '256mb',
    kind: SIZE,
    run: REQUESTS,
  },
  {
    key: 'maxQueueWait',
    flags: '--max-queue-wait <time>',
    doc: 'how long one may wait',
    default: 'off',
    kind: duration(),
    run: REQUESTS,
  },
  {
    key: 'maxMessageSize',
    flags: '--max-message-size <size>',
    doc: 'the largest accepted',
    default: '64mb',
    kind: SIZE,
    ...REQUESTS_OF_BOTH,
  },
  {
    key: 'maxUnsentBytes',
    flags: '--max-unsent-bytes <size>',
    doc: 'answers left unread, in all',
    default: '256mb',
    kind: SIZE,
    run: REQUESTS,
  },
  {
    key: 'balance',
    flags: '--balance <how>',
    doc: BALANCES.join(', '),
    default: 'least',
    kind: choice(BALANCES),
    run: REQUESTS,
  },
  {
    key: 'key',
    doc: 'the function that finds the key of a request, for --balance hash',
    kind: FUNCTION,
    run: REQUESTS,
  },
  {
    key: 'pools',
    flags: '--pool <name=n:pattern>',
    doc: 'n workers of their own for some routes',
    kind: POOLS,
    run: REQUESTS,
  },
  {
    key: 'retries',
    flags: '--retries <n>',
    doc: 'times one whose worker is lost is redone',
    default: '0',
    kind: RETRIES,
    run: REQUESTS,
  },
  {
    key: 'http',
    flags: '--http',
    doc: 'exported functions are listeners: (req, res)',
    opposite: { flags: '--no-http', doc: 'exported functions take values: (request, context)' },
    kind: SWITCH,
    run: HTTP,
  },
  {
    key: 'tlsCert',
    flags: '--tls-cert <file>',
    doc: 'of https://: the certificate and its chain',
    kind: PATH,
    run: HTTP,
  },
  { key: 'tlsKey', flags: '--tls-key <file>', doc: 'of https://: its key', kind: PATH, run: HTTP },
  {
    key: 'maxHeaderSize',
    flags: '--max-header-size <size>',
    doc: 'of one request',
    default: '16kb',
    kind: SIZE,
    run: HTTP,
  },
  {
    key: 'maxBodySize',
    flags: '--max-body-size <size>',
    doc: 'of one request',
    default: 'off',
    kind: SIZE,
    run: HTTP,
  },
  {
    key: 'maxConnections',
    flags: '--max-connections <n>',
    doc: 'at once',
    default: '10000',
    kind: LIMIT,
    run: HTTP,
  },
  {
    key: 'headerTimeout',
    flags: '--header-timeout <time>',
    doc: 'for it to come',
    default: '30s',
    kind: duration(),
    run: HTTP,
  },
  {
    key: 'bodyTimeout',
    flags: '--body-timeout <time>',
    doc: 'of silence within one',
    default: '60s',
    kind: duration(),
    run: HTTP,
  },
  {
    key: 'keepAliveTimeout',
    flags: '--keep-alive-timeout <time>',
    doc: 'for a next request',
    default: '75s',
    kind: duration(),
    run: HTTP,
  },
  {
    key: 'trustedProxies',
    flags: '--trusted-proxies <range>',
    doc: 'who is believed X-Forwarded-For',
    kind: list(),
    run: HTTP,
  },
  {
    key: 'httpFormat',
    flags: '--http-format <format>',
    doc: 'for REP sockets: zhttp, msgpack or json',
    kind: choice(HTTP_FORMATS),
    run: HTTP,
  },
  {
    key: 'sticky',
    flags: '--sticky <by>',
    doc: 'cookie:, header:, query:NAME or address',
    kind: TEXT,
    run: HTTP,
  },
  {
    key: 'accessLog',
    flags: '--access-log <file>',
    doc: 'of requests: a file, or - for stdout',
    kind: PATH,
    run: HTTP,
  },
  {
    key: 'admin',
    flags: '--admin <endpoint>',
    doc: 'of /healthz, /readyz, /metrics, a dashboard',
    kind: TEXT,
    run: HTTP,
    join: WATCHING,
  },
  {
    key: 'adminTokenFile',
    flags: '--admin-token-file <file>',
    doc: 'with the token that the dashboard asks for',
    kind: PATH,
    run: HTTP,
    join: WATCHING,
  },
  {
    key: 'drainDelay',
    flags: '--drain-delay <time>',
    doc: 'from not ready to stopping',
    default: '0s',
    kind: duration(0),
    run: HTTP,
  },
  {
    key: 'gateways',
    flags: '--gateways <n>',
    doc: 'processes that share the port',
    default: '1',
    kind: count(),
    run: HTTP,
  },
  {
    key: 'exec',
    flags: '--exec <command>',
    doc: 'a command that connects a REP socket to $ZSCALE_BACKEND',
    kind: TEXT,
    run: PROGRAMS,
    isOfCommand: true,
  },
  {
    key: 'python',
    flags: '--python <interpreter>',
    doc: 'for a .py file; else that of $VIRTUAL_ENV, else python3',
    kind: TEXT,
    run: PROGRAMS,
  },
  {
    key: 'output',
    flags: '--output <form>',
    doc: 'of what they print: prefix, json or raw',
    default: 'prefix',
    kind: choice(OUTPUTS),
    run: PROGRAMS,
  },
  {
    key: 'curve.keyFile',
    flags: '--curve-key <file>',
    doc: "the service's keys: NAME.key_secret",
    kind: PATH,
    run: MACHINES,
  },
  {
    key: 'curve.allow',
    flags: '--curve-allow <file>',
    doc: 'public keys of clients; without it, any',
    kind: list(PATH),
    run: MACHINES,
  },
  {
    key: 'curve.allowWorkers',
    flags: '--curve-allow-workers <file>',
    doc: 'public keys of further machines',
    kind: list(PATH),
    run: MACHINES,
  },
  {
    key: 'insecure',
    flags: '--insecure',
    doc: 'others may reach this machine without keys',
    kind: SWITCH,
    run: MACHINES,
  },
  {
    key: 'heartbeatTimeout',
    flags: '--heartbeat-timeout <time>',
    doc: 'silence of another machine',
    default: '3s',
    kind: duration(3),
    run: MACHINES,
    join: BACK_ENDS,
  },
  {
    key: 'name',
    flags: '-n, --name <name>',
    doc: 'in logs, and to other commands',
    default: 'zscale',
    kind: TEXT,
    ...LOGS_OF_BOTH,
  },
  {
    key: 'control',
    flags: '--control <path|off>',
    doc: 'socket for other commands, or none',
    kind: PATH_OR_OFF,
    ...LOGS_OF_BOTH,
  },
  {
    key: 'logLevel',
    flags: '--log-level <level>',
    doc: LOG_LEVELS.join(', '),
    default: 'info',
    kind: choice(LOG_LEVELS),
    ...LOGS_OF_BOTH,
    isOfCommand: true,
  },
  {
    key: 'logFormat',
    flags: '--log-format <format>',
    doc: 'json or pretty',
    default: 'pretty on a terminal',
    kind: choice(LOG_FORMATS),
    ...LOGS_OF_BOTH,
    isOfCommand: true,
  },
];

/** The settings of one command, in the order of the table. */
export function settingsOf(host: Host): readonly Setting[] {
  return SETTINGS.filter((setting) => setting[host] !== undefined);
}

/** `--max-queue`; undefined where there is no flag. */
export function flagOf({ flags }: Setting): string | undefined {
  return flags === undefined ? undefined : /--[a-z-]+/.exec(flags)?.[0];
}

/** As commander names it among the flags that were given: `maxQueue` for `--max-queue`. */
export function attributeOf(setting: Setting): string | undefined {
  return flagOf(setting)
    ?.slice(2)
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `ZSCALE_MAX_QUEUE`; undefined where no text could say it. */
export function variableOf(setting: Setting): string | undefined {
  const flag = flagOf(setting);
  if (flag === undefined) return setting.variable;
  return `ZSCALE_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;
}

/** What a config has under a key, with or without a dot; undefined where it has nothing there. */
export function valueAt(config: unknown, key: string): unknown {
  let value = config;
  for (const name of key.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  }
  return value;
}
