/**
 * The options of `scale()`: what each means, its unit, its default and its range.
 *
 * One table holds the checks, one object the defaults; `resolveScaleOptions` makes a frozen object
 * of fixed shape of what the caller gave, and after that nothing reads raw options. Whether an
 * endpoint makes sense is for the transport to say.
 */
import path from 'node:path';
import type { CurveOptions } from './curve-keys.ts';
import { ZscaleError } from './errors.ts';
import {
  HTTP_CHECKS,
  HTTP_DEFAULTS,
  type HttpOptions,
  type ResolvedHttpOptions,
  resolveHttpOptions,
} from './http-options.ts';
import type { Logger } from './logger.ts';
import { nearestName } from './nearest-name.ts';
import {
  type Check,
  count,
  duration,
  isInteger,
  isListOf,
  isPlainObject,
  isString,
} from './option-checks.ts';
import { MAX_ACCOUNT_ID } from './worker-identity.ts';

/**
 * What a function is that is no known application: a message handler `(request, context)`; a listener `(req, res)`; or, where all clients
 * come by HTTP, a listener if it takes two parameters or more.
 */
export type FunctionRule = 'messages' | 'listeners' | 'by-parameters';

/** Every rule there is. */
export const FUNCTION_RULES: readonly FunctionRule[] = ['messages', 'listeners', 'by-parameters'];

/** How values become bytes: `messages/payload.ts` has one codec for each name. */
export type CodecName = 'msgpack' | 'json' | 'raw';

/** Every codec there is, the default first. */
export const CODEC_NAMES: readonly CodecName[] = ['msgpack', 'json', 'raw'];

/** Who gets a request; see `balance` of {@link ScaleOptions}. */
export type Balance = 'least' | 'round-robin' | 'hash';

/** Workers of their own for some of the requests; see `pools` of {@link ScaleOptions}. */
export interface PoolOptions {
  /** Worker processes, 1 to 1024. */
  readonly workers: number;
  /**
   * Patterns of routes, at least one: `*` stands for any number of characters, `?` for one. A request whose route matches one
   * of them, and none of an earlier pool, is for these workers alone.
   */
  readonly routes: readonly string[];
}

/** A pool with its name; frozen. */
export interface ResolvedPool extends PoolOptions {
  readonly name: string;
}

/** Every way there is, the default first. */
export const BALANCES: readonly Balance[] = ['least', 'round-robin', 'hash'];

/**
 * Options of `scale()`. All may be left out, and an explicit `undefined` means the default.
 * Durations are milliseconds, sizes bytes, and no limit is `Infinity`.
 */
export interface ScaleOptions extends HttpOptions {
  /**
   * Worker processes, 1 to 1024, or `'auto'`: as many as there are CPUs, within the CPU and memory
   * limits of the cgroup; the environment's `ZSCALE_WORKERS` or `WEB_CONCURRENCY` comes before
   * that. Default `'auto'`.
   */
  workers?: number | 'auto' | undefined;
  /**
   * Where clients connect: one endpoint or several, `tcp://` or `ipc://`; `tcp://*:0` takes any
   * free port. For HTTP: `http://`, `https://`, `unix:/path`, `fd:3`; a message handler may have both. Default
   * `'tcp://127.0.0.1:5555'`: this machine only; for a handler of HTTP `'http://127.0.0.1:3000'`, or every interface at the
   * environment's `PORT`.
   */
  bind?: string | readonly string[] | undefined;
  /**
   * Further endpoints where REP sockets of any language may connect as workers, beside the private
   * one of our own workers. Default none.
   */
  backend?: string | readonly string[] | undefined;
  /** How values become bytes; clients must use the same. Default `'msgpack'`. */
  codec?: CodecName | undefined;
  /**
   * Requests that one worker may hold at once, 1 to 65535; streamed replies that have begun do not count. Default 64, or
   * `threads` + 2 where there are threads.
   */
  concurrency?: number | undefined;
  /**
   * Threads in which each worker runs the handler, 0 to 256. A worker then stays awake while a handler computes, and ends the
   * thread of a request that goes on for a second after its time was up or its client gave up. The handler must be in a module.
   * 0 runs it in the worker's own thread. Default 0.
   */
  threads?: number | undefined;
  /**
   * Requests that may wait until a worker is free; further ones are answered `ZSCALE_ERR_BUSY`.
   * From 0, `Infinity` for no limit. Default 10 000.
   */
  maxQueue?: number | undefined;
  /**
   * Bytes of requests that may wait until a worker is free; further ones are answered
   * `ZSCALE_ERR_BUSY`. From 0, `Infinity` for no limit. Default 268 435 456 (256 MiB).
   */
  maxQueueBytes?: number | undefined;
  /**
   * How long a request may wait for a worker before it is answered `ZSCALE_ERR_QUEUE_WAIT`, in ms,
   * from 1. Default `Infinity`.
   */
  maxQueueWait?: number | undefined;
  /**
   * How long a request may take from arrival to reply before it is answered `ZSCALE_ERR_TIMEOUT`,
   * in ms, from 1; `Infinity` for no limit. Default 30 000.
   */
  timeout?: number | undefined;
  /**
   * Largest message taken from a client or a worker, in bytes, from 1. Default 67 108 864 (64 MiB).
   */
  maxMessageSize?: number | undefined;
  /**
   * What answers that clients do not read may take up, all together, in bytes; beyond that the client with the most is
   * disconnected. From 1, `Infinity` for no limit. Default 268 435 456 (256 MiB).
   */
  maxUnsentBytes?: number | undefined;
  /**
   * Who gets a request. `'least'`: the least busy worker, as soon as one has room. `'round-robin'`: the next one in turn that
   * has room. `'hash'`: always the same worker for the same key, also when it is busy: the key is what `key` finds, else the
   * `key` that the client says, else the client. Default `'least'`.
   */
  balance?: Balance | undefined;
  /**
   * Named pools of workers beside the `workers` that get everything else, so that slow requests never stand in the way of quick
   * ones: `{ reports: { workers: 2, routes: ['report*'] } }`. The route of a request is what the client says
   * (`request(value, { route })`); else, with codec raw, the text of its first frame; else the value where that is a text,
   * or the first text among its properties `route`, `path` and `method`; frames over 64 KiB are not looked into. `maxQueue` and
   * `maxQueueBytes` hold for each pool. `resize()` changes none. Default none.
   */
  pools?: Readonly<Record<string, PoolOptions>> | undefined;
  /**
   * With `balance: 'hash'`: finds the key in a decoded request. Runs in this process, not in a worker; a request for which it
   * throws is answered `ZSCALE_ERR_KEY`. Default none.
   */
  key?: ((request: never) => string) | undefined;
  /**
   * How many times a request is given to another worker when the one that held it is lost, from 0 to 100: the service's word
   * that its requests may be done twice. Where its handler has `idempotent`, only those it says so of. What does not fit
   * into `maxQueueBytes` is not given again. Default 0.
   */
  retries?: number | undefined;
  /**
   * How long `close()` lets open requests finish before it stops the workers, in ms, from 0.
   * Default 30 000.
   */
  gracefulTimeout?: number | undefined;
  /** How long a worker may take from its start until it is ready, in ms, from 1. Default 60 000. */
  startTimeout?: number | undefined;
  /**
   * How long the event loop of a worker may stand still before the worker is killed and replaced, in
   * ms, from 100; `Infinity` for ever. Loading, a debugger and a stopped process do not count; a gateway
   * process that is stopped as a whole does. Default 30 000.
   */
  hangTimeout?: number | undefined;
  /**
   * Restarts of one worker within `restartWindow`; when it crashes once more the service gives up
   * with `ZSCALE_ERR_CRASH_LOOP`. From 0, which gives up at the first crash; `Infinity` never does.
   * Default 5.
   */
  maxRestarts?: number | undefined;
  /** The time over which `maxRestarts` counts, in ms, from 1. Default 60 000. */
  restartWindow?: number | undefined;
  /**
   * Wait before a crashed worker is started again, in ms, from 0; doubled at each further crash.
   * Default 100.
   */
  restartDelay?: number | undefined;
  /**
   * Longest wait before a crashed worker is started again, in ms, at least `restartDelay`. Default
   * 30 000, or `restartDelay` where that is longer.
   */
  restartMaxDelay?: number | undefined;
  /**
   * Resident memory of a worker beyond which it is replaced, in bytes, from 1. As with the two below, its successor is ready before it
   * goes, and one is replaced at a time. A worker that has more right after its start is replaced twice a minute at most, and the log
   * says so. Default `Infinity`.
   */
  maxMemory?: number | undefined;
  /** Requests after which a worker is replaced, from 1; up to a tenth fewer, so that not all go together. Default `Infinity`. */
  maxRequests?: number | undefined;
  /** Age at which a worker is replaced, in ms, from 1; up to a tenth less. Default `Infinity`. */
  maxLifetime?: number | undefined;
  /**
   * Changes the number of workers between `min` and `max`, 1 to 1024, as requests wait and event loops are busy; `workers` is the number
   * to start with. Default none: it stays.
   */
  autoscale?: { readonly min: number; readonly max: number } | undefined;
  /**
   * The service's name in logs and file names: 1 to 64 of `A-Z a-z 0-9 . _ -`. Default `'zscale'`.
   */
  name?: string | undefined;
  /** Where to log: anything shaped like pino. Default `createLogger()`: to standard error, from `info` on. */
  logger?: Logger | undefined;
  /** Whether SIGINT and SIGTERM close the server, SIGHUP reloads it, SIGTTIN and SIGTTOU resize it. Default true. */
  signals?: boolean | undefined;
  /** Environment variables for the workers, on top of this process's own. Default none. */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * Flags of `node` for the workers (`--max-old-space-size=512`), on top of this process's own.
   * Default none.
   */
  execArgv?: readonly string[] | undefined;
  /** The export of the module that is the handler. Default: `default`, then `handler`. */
  exportName?: string | undefined;
  /** Arguments of the program, as it finds them behind its own name. Default none. */
  args?: readonly string[] | undefined;
  /**
   * The interpreter of a Python program. Default: the environment's `ZSCALE_PYTHON`, the one in
   * `VIRTUAL_ENV`, else `python3`.
   */
  python?: string | undefined;
  /**
   * What happens to what workers print. `'raw'`: their standard output and error are this process's.
   * `'prefix'`: each line comes with its worker in front, `[worker 2] text`. `'json'`: each line is
   * an object, `{"worker":2,"stream":"stdout","text":"text"}`. Default `'raw'`.
   */
  output?: OutputOption | undefined;
  /**
   * CURVE on `bind` and `backend`: encryption, and keys that say who is who. Default: none. Has `keyFile` (or `publicKey` and
   * `secretKey`), `allow` for clients, `allowWorkers` for machines.
   */
  curve?: CurveOptions | undefined;
  /**
   * Whether other machines may reach this one without CURVE: no warning for `bind`, no refusal of `backend`. Default false.
   */
  insecure?: boolean | undefined;
  /**
   * How long a joined machine, or a plain worker on another one, may be silent before its requests are given up, in ms, from 3;
   * `Infinity` never asks. Default 3000.
   */
  heartbeatTimeout?: number | undefined;
  /**
   * Where the `zscale` command reaches this service: the path of an ipc socket that only this user can connect to, or false for
   * none. Default: a socket named after `name`, in a folder of this user.
   */
  control?: string | false | undefined;
  /**
   * Called before each reload, whoever asks for it: what new workers get from then on in place of `env`, `args`, `execArgv` and
   * `python`. When it throws there is no reload. Default none.
   */
  onReload?: (() => Renewal | Promise<Renewal>) | undefined;
  /**
   * As whom workers run: a name of /etc/passwd, or a number. The service itself goes on as who started it, which has to be root.
   * Default: as that one.
   */
  user?: string | number | undefined;
  /**
   * Their group: a name of /etc/group, or a number; they have no other. Default: the primary group of `user`, which has to be given
   * for a number that is not in /etc/passwd.
   */
  group?: string | number | undefined;
  /** What files that workers make may not permit: up to four octal digits, `'027'`. Default: as in this process. */
  umask?: string | undefined;
  /**
   * The folder that workers start in. All paths among these options are meant from this process's own, also that of the module.
   * Default: the same.
   */
  cwd?: string | undefined;
}

/** What new workers get in place of the options of the same names; what is left out stays as it was at the start. */
export interface Renewal {
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly args?: readonly string[] | undefined;
  readonly execArgv?: readonly string[] | undefined;
  readonly python?: string | undefined;
}

/** What happens to what workers print: see {@link ScaleOptions.output}. */
export type OutputOption = 'raw' | 'prefix' | 'json';

/** Every value of the option `output`, the default first. */
export const OUTPUTS: readonly OutputOption[] = ['raw', 'prefix', 'json'];

/** The options with every default filled in and every list a list; frozen. */
export interface ResolvedScaleOptions extends ResolvedHttpOptions {
  readonly workers: number | 'auto';
  readonly bind: readonly string[];
  readonly backend: readonly string[];
  readonly codec: CodecName;
  readonly concurrency: number;
  readonly threads: number;
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
  readonly maxQueueWait: number;
  readonly timeout: number;
  readonly maxMessageSize: number;
  readonly maxUnsentBytes: number;
  readonly balance: Balance;
  readonly pools: readonly ResolvedPool[];
  readonly key: ((request: never) => string) | undefined;
  readonly retries: number;
  readonly gracefulTimeout: number;
  readonly startTimeout: number;
  readonly hangTimeout: number;
  readonly maxRestarts: number;
  readonly restartWindow: number;
  readonly restartDelay: number;
  readonly restartMaxDelay: number;
  readonly maxMemory: number;
  readonly maxRequests: number;
  readonly maxLifetime: number;
  readonly autoscale: { readonly min: number; readonly max: number } | undefined;
  readonly name: string;
  readonly logger: Logger | undefined;
  readonly signals: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly execArgv: readonly string[];
  readonly exportName: string | undefined;
  readonly args: readonly string[];
  readonly python: string | undefined;
  readonly output: OutputOption;
  readonly curve: CurveOptions | undefined;
  readonly insecure: boolean;
  readonly heartbeatTimeout: number;
  readonly control: string | false | undefined;
  readonly onReload: (() => Renewal | Promise<Renewal>) | undefined;
  readonly user: string | number | undefined;
  readonly group: string | number | undefined;
  /** 0 to 0o777. */
  readonly umask: number | undefined;
  /** Absolute. */
  readonly cwd: string | undefined;
}

/** What each option is when nobody says anything. */
export const DEFAULTS: ResolvedScaleOptions = Object.freeze({
  workers: 'auto',
  bind: Object.freeze(['tcp://127.0.0.1:5555']),
  backend: Object.freeze([]),
  codec: 'msgpack',
  concurrency: 64,
  threads: 0,
  maxQueue: 10_000,
  maxQueueBytes: 256 * 1024 * 1024,
  maxQueueWait: Number.POSITIVE_INFINITY,
  timeout: 30_000,
  maxMessageSize: 64 * 1024 * 1024,
  maxUnsentBytes: 256 * 1024 * 1024,
  balance: 'least',
  pools: Object.freeze([]),
  key: undefined,
  retries: 0,
  gracefulTimeout: 30_000,
  startTimeout: 60_000,
  hangTimeout: 30_000,
  maxRestarts: 5,
  restartWindow: 60_000,
  restartDelay: 100,
  restartMaxDelay: 30_000,
  maxMemory: Number.POSITIVE_INFINITY,
  maxRequests: Number.POSITIVE_INFINITY,
  maxLifetime: Number.POSITIVE_INFINITY,
  autoscale: undefined,
  name: 'zscale',
  logger: undefined,
  signals: true,
  env: Object.freeze({}),
  execArgv: Object.freeze([]),
  exportName: undefined,
  args: Object.freeze([]),
  python: undefined,
  output: 'raw',
  curve: undefined,
  insecure: false,
  heartbeatTimeout: 3000,
  ...HTTP_DEFAULTS,
  control: undefined,
  onReload: undefined,
  user: undefined,
  group: undefined,
  umask: undefined,
  cwd: undefined,
});

/** Beyond any machine; a slip of the keyboard must not fork until memory ends. */
export const MAX_WORKERS = 1024;
const MAX_CONCURRENCY = 65_535;
const MAX_RETRIES = 100;
const MAX_PATTERN_CHARACTERS = 256;
const MAX_THREADS = 256;
/** So many requests beside those in its threads wait in a worker, to be there when a thread is free. */
const THREADS_STOCK = 2;

const CHECKS: { readonly [Name in keyof ResolvedScaleOptions]: Check } = {
  workers: {
    expected: `a whole number from 1 to ${MAX_WORKERS}, or 'auto'`,
    accepts: (value) => value === 'auto' || isInteger(value, 1, MAX_WORKERS),
    advice: "Leave it out, or say 'auto', for one worker per CPU.",
  },
  bind: {
    expected: 'an endpoint, or a list of at least one',
    accepts: (value) => isBind(value) || (isListOf(isBind, value) && value.length > 0),
    advice: 'Write tcp://127.0.0.1:5555, ipc:///path/to/socket or http://*:3000.',
  },
  backend: {
    expected: 'an endpoint, or a list of them',
    accepts: (value) => isEndpoint(value) || isListOf(isEndpoint, value),
    advice: 'Write tcp://127.0.0.1:5556 or ipc:///path/to/socket.',
  },
  codec: {
    expected: `one of ${CODEC_NAMES.map((name) => `'${name}'`).join(', ')}`,
    accepts: (value) => CODEC_NAMES.some((name) => name === value),
  },
  concurrency: {
    expected: `a whole number from 1 to ${MAX_CONCURRENCY}`,
    accepts: (value) => isInteger(value, 1, MAX_CONCURRENCY),
  },
  threads: {
    expected: `a whole number from 0 to ${MAX_THREADS}`,
    accepts: (value) => isInteger(value, 0, MAX_THREADS),
  },
  maxQueue: count(0),
  maxQueueBytes: count(0),
  maxQueueWait: duration(1),
  timeout: duration(1),
  maxMessageSize: {
    expected: 'a whole number of bytes from 1, or Infinity',
    accepts: (value) => value === Infinity || isInteger(value, 1, Number.MAX_SAFE_INTEGER),
  },
  maxUnsentBytes: count(1),
  balance: {
    expected: `one of ${BALANCES.map((name) => `'${name}'`).join(', ')}`,
    accepts: (value) => BALANCES.some((name) => name === value),
  },
  pools: {
    expected: `an object of pools, { name: { workers: 1 to ${MAX_WORKERS}, routes: ['pattern'] } }`,
    accepts: (value) => isPlainObject(value) && Object.entries(value).every(isPool),
    advice:
      'Names are 1 to 64 of the characters A-Z a-z 0-9 . _ -; patterns have 1 to 256 characters.',
  },
  key: {
    expected: 'a function that finds the key of a request',
    accepts: (value) => typeof value === 'function',
    advice: 'Write (request) => request.user.',
  },
  retries: {
    expected: `a whole number from 0 to ${MAX_RETRIES}`,
    accepts: (value) => isInteger(value, 0, MAX_RETRIES),
  },
  gracefulTimeout: duration(0),
  startTimeout: duration(1),
  hangTimeout: duration(100),
  maxRestarts: count(0),
  restartWindow: duration(1),
  restartDelay: duration(0),
  restartMaxDelay: duration(0),
  maxMemory: count(1),
  maxRequests: count(1),
  maxLifetime: duration(1),
  autoscale: {
    expected: `{ min, max }, whole numbers from 1 to ${MAX_WORKERS} of which min is not the larger`,
    accepts: isAutoscale,
    advice: 'Write { min: 2, max: 8 }.',
  },
  name: {
    expected: '1 to 64 of the characters A-Z a-z 0-9 . _ -',
    accepts: isName,
  },
  logger: {
    expected: 'a logger with the methods debug, info, warn, error and child, as pino has them',
    accepts: isLogger,
  },
  signals: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  env: {
    expected: 'an object whose values are strings',
    accepts: (value) => isPlainObject(value) && Object.values(value).every(isString),
    advice: 'Convert numbers and booleans with String().',
  },
  execArgv: {
    expected: 'a list of strings',
    accepts: (value) => isListOf(isString, value),
    advice: "Give each flag as one item: ['--max-old-space-size=512'].",
  },
  exportName: {
    expected: 'the name of an export',
    accepts: (value) => isString(value) && value !== '',
  },
  args: {
    expected: 'a list of strings',
    accepts: (value) => isListOf(isString, value),
    advice: "Give each argument as one item: ['--verbose', 'file'].",
  },
  python: {
    expected: 'the path or the name of an interpreter',
    accepts: (value) => isString(value) && value !== '',
  },
  output: {
    expected: `one of ${OUTPUTS.map((name) => `'${name}'`).join(', ')}`,
    accepts: (value) => OUTPUTS.some((name) => name === value),
  },
  curve: {
    expected: 'an object with keyFile, or publicKey and secretKey; allow; allowWorkers',
    accepts: (value) => isPlainObject(value) && Object.entries(value).every(isCurveEntry),
    advice: 'Make a pair of keys with zscale keygen.',
  },
  insecure: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  heartbeatTimeout: duration(3),
  ...HTTP_CHECKS,
  control: {
    expected: 'the path of a socket, or false',
    accepts: (value) => value === false || (isString(value) && value !== ''),
  },
  onReload: {
    expected: 'a function that gives env, args, execArgv or python of new workers',
    accepts: (value) => typeof value === 'function',
  },
  user: {
    expected: `the name of a user, or a number from 0 to ${MAX_ACCOUNT_ID}`,
    accepts: isAccount,
  },
  group: {
    expected: `the name of a group, or a number from 0 to ${MAX_ACCOUNT_ID}`,
    accepts: isAccount,
  },
  umask: {
    expected: 'one to four octal digits, from 0 to 777',
    accepts: (value) => isString(value) && /^0?[0-7]{1,3}$/.test(value),
    advice: "Write '027'.",
  },
  cwd: {
    expected: 'the path of a folder',
    accepts: (value) => isString(value) && value !== '' && !value.includes('\0'),
  },
};

/**
 * Fills in defaults and checks every value.
 *
 * @param options - as the caller of `scale()` gave them; not kept, not changed
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for an unknown name, a wrong type, a value out of range
 */
export function resolveScaleOptions(options: ScaleOptions = {}): ResolvedScaleOptions {
  if (!isPlainObject(options)) refuse('the options of scale()', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (!isOptionName(name)) refuseName(name);
    const { accepts, expected, advice } = CHECKS[name];
    if (value !== undefined && !accepts(value)) refuse(name, expected, value, advice);
  }
  const restartDelay = options.restartDelay ?? DEFAULTS.restartDelay;
  const restartMaxDelay =
    options.restartMaxDelay ?? Math.max(DEFAULTS.restartMaxDelay, restartDelay);
  if (restartMaxDelay < restartDelay) {
    refuse('restartMaxDelay', `at least restartDelay (${restartDelay})`, restartMaxDelay);
  }
  if (options.key !== undefined && options.balance !== 'hash') {
    refuse('balance', "'hash' where there is a function `key`", options.balance);
  }
  if (options.sticky !== undefined && (options.balance ?? 'hash') !== 'hash') {
    refuse('balance', "'hash' where there is `sticky`", options.balance);
  }
  for (const [one, other] of [
    ['tlsCert', 'tlsKey'],
    ['tlsKey', 'tlsCert'],
  ] as const) {
    if (options[one] !== undefined && options[other] === undefined) {
      refuse(other, `given where there is ${one}`, undefined);
    }
  }
  const { gateways = DEFAULTS.gateways, maxConnections = DEFAULTS.maxConnections } = options;
  if (maxConnections < gateways) {
    refuse('maxConnections', `at least gateways (${gateways}), which divide it`, maxConnections);
  }
  const threads = options.threads ?? DEFAULTS.threads;
  const concurrency = threads > 0 ? threads + THREADS_STOCK : DEFAULTS.concurrency;
  return Object.freeze({
    workers: options.workers ?? DEFAULTS.workers,
    bind: listOf(options.bind ?? DEFAULTS.bind),
    backend: listOf(options.backend ?? DEFAULTS.backend),
    codec: options.codec ?? DEFAULTS.codec,
    concurrency: options.concurrency ?? concurrency,
    threads,
    maxQueue: options.maxQueue ?? DEFAULTS.maxQueue,
    maxQueueBytes: options.maxQueueBytes ?? DEFAULTS.maxQueueBytes,
    maxQueueWait: options.maxQueueWait ?? DEFAULTS.maxQueueWait,
    timeout: options.timeout ?? DEFAULTS.timeout,
    maxMessageSize: options.maxMessageSize ?? DEFAULTS.maxMessageSize,
    maxUnsentBytes: options.maxUnsentBytes ?? DEFAULTS.maxUnsentBytes,
    balance: options.balance ?? (options.sticky === undefined ? DEFAULTS.balance : 'hash'),
    pools: poolsOf(options.pools),
    key: options.key ?? DEFAULTS.key,
    retries: options.retries ?? DEFAULTS.retries,
    gracefulTimeout: options.gracefulTimeout ?? DEFAULTS.gracefulTimeout,
    startTimeout: options.startTimeout ?? DEFAULTS.startTimeout,
    hangTimeout: options.hangTimeout ?? DEFAULTS.hangTimeout,
    maxRestarts: options.maxRestarts ?? DEFAULTS.maxRestarts,
    restartWindow: options.restartWindow ?? DEFAULTS.restartWindow,
    restartDelay,
    restartMaxDelay,
    maxMemory: options.maxMemory ?? DEFAULTS.maxMemory,
    maxRequests: options.maxRequests ?? DEFAULTS.maxRequests,
    maxLifetime: options.maxLifetime ?? DEFAULTS.maxLifetime,
    autoscale: options.autoscale && Object.freeze({ ...options.autoscale }),
    name: options.name ?? DEFAULTS.name,
    logger: options.logger ?? DEFAULTS.logger,
    signals: options.signals ?? DEFAULTS.signals,
    env: Object.freeze({ ...(options.env ?? DEFAULTS.env) }),
    execArgv: Object.freeze([...(options.execArgv ?? DEFAULTS.execArgv)]),
    exportName: options.exportName ?? DEFAULTS.exportName,
    args: Object.freeze([...(options.args ?? DEFAULTS.args)]),
    python: options.python ?? DEFAULTS.python,
    output: options.output ?? DEFAULTS.output,
    curve: options.curve ?? DEFAULTS.curve,
    insecure: options.insecure ?? DEFAULTS.insecure,
    heartbeatTimeout: options.heartbeatTimeout ?? DEFAULTS.heartbeatTimeout,
    ...resolveHttpOptions(options),
    control: options.control ?? DEFAULTS.control,
    onReload: options.onReload ?? DEFAULTS.onReload,
    user: options.user ?? DEFAULTS.user,
    group: options.group ?? DEFAULTS.group,
    umask: options.umask === undefined ? DEFAULTS.umask : Number.parseInt(options.umask, 8),
    cwd: options.cwd === undefined ? DEFAULTS.cwd : path.resolve(options.cwd),
  });
}

/**
 * What is wrong with the value of one option, in a sentence; undefined when nothing is, and for a name that is no option of `scale()`.
 */
export function faultOfOption(name: string, value: unknown): string | undefined {
  if (!isOptionName(name) || CHECKS[name].accepts(value)) return undefined;
  return describeFault(name, CHECKS[name], value);
}

function listOf(endpoints: string | readonly string[]): readonly string[] {
  return Object.freeze(typeof endpoints === 'string' ? [endpoints] : [...endpoints]);
}

function poolsOf(pools: Readonly<Record<string, PoolOptions>> = {}): readonly ResolvedPool[] {
  const all = Object.entries(pools).map(([name, { workers, routes }]) =>
    Object.freeze({ name, workers, routes: Object.freeze([...routes]) }),
  );
  const workers = all.reduce((sum, pool) => sum + pool.workers, 0);
  if (workers > MAX_WORKERS) refuse('pools', `pools of at most ${MAX_WORKERS} workers`, workers);
  return Object.freeze(all);
}

function isAutoscale(value: unknown): boolean {
  if (!isPlainObject(value)) return false;
  const { min, max, ...others }: { min?: unknown; max?: unknown } = value;
  const isRange = isInteger(min, 1, MAX_WORKERS) && isInteger(max, Number(min), MAX_WORKERS);
  return isRange && Object.keys(others).length === 0;
}

/** Only the look of an endpoint; the transport parses it and knows which schemes there are. */
function isEndpoint(value: unknown): value is string {
  return isString(value) && value.includes('://');
}

/** Those of HTTP may be a Unix socket or a file descriptor, too. */
function isBind(value: unknown): value is string {
  return isEndpoint(value) || (isString(value) && /^(unix|fd):/.test(value));
}

function isCurveEntry([name, value]: [string, unknown]): boolean {
  if (value === undefined) return true;
  if (name === 'allow' || name === 'allowWorkers')
    return isString(value) || isListOf(isString, value);
  return ['keyFile', 'publicKey', 'secretKey'].includes(name) && isString(value);
}

function isPool([name, pool]: readonly [string, unknown]): boolean {
  if (!isName(name) || !isPlainObject(pool)) return false;
  const { workers, routes, ...others } = pool as Partial<Record<string, unknown>>; // each is checked here
  return (
    Object.keys(others).length === 0 &&
    isInteger(workers, 1, MAX_WORKERS) &&
    isListOf(isPattern, routes) &&
    routes.length > 0
  );
}

function isPattern(value: unknown): value is string {
  return isString(value) && value.length > 0 && value.length <= MAX_PATTERN_CHARACTERS;
}

/** A name has no colon, for that ends it in the files of the system. */
function isAccount(value: unknown): boolean {
  if (isString(value) && !/^\d+$/.test(value)) return /^[^\s:]+$/.test(value);
  return isInteger(typeof value === 'string' ? Number(value) : value, 0, MAX_ACCOUNT_ID);
}

function isName(value: unknown): value is string {
  return isString(value) && /^[\w.-]{1,64}$/.test(value);
}

function isLogger(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['debug', 'info', 'warn', 'error', 'child'].every(
      (method) => typeof Reflect.get(value, method) === 'function',
    )
  );
}

function isOptionName(name: string): name is keyof ResolvedScaleOptions {
  return Object.hasOwn(CHECKS, name);
}

function refuse(name: string, expected: string, value: unknown, advice = ''): never {
  throw new ZscaleError('ZSCALE_ERR_OPTIONS', describeFault(name, { expected, advice }, value));
}

function describeFault(
  name: string,
  { expected, advice = '' }: Pick<Check, 'expected' | 'advice'>,
  value: unknown,
): string {
  return `${name} must be ${expected}; got ${describe(value)}.${advice && ` ${advice}`}`;
}

function refuseName(name: string): never {
  const known = Object.keys(CHECKS);
  const nearest = nearestName(name, known);
  const advice =
    nearest === undefined
      ? `The options are ${known.join(', ')}.`
      : `Did you mean ${JSON.stringify(nearest)}?`;
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `scale() has no option ${JSON.stringify(name)}. ${advice}`,
  );
}

/**
 * The value as its writer would recognise it. Of an object not its contents: they may be secret.
 */
function describe(value: unknown): string {
  if (isString(value)) return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value);
  if (Array.isArray(value)) {
    return `[${value.slice(0, 4).map(describe).join(', ')}${value.length > 4 ? ', …' : ''}]`;
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
