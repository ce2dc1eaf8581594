/**
 * The options of `scale()`: what each means, its unit, its default and its range.
 *
 * One table holds the checks, one object the defaults; `resolveScaleOptions` makes a frozen object
 * of fixed shape of what the caller gave, and after that nothing reads raw options. Whether an
 * endpoint makes sense is for the transport to say.
 */
import type { CurveOptions } from './curve-keys.ts';
import { ZscaleError } from './errors.ts';
import type { Logger } from './logger.ts';

/** How values become bytes: `messages/payload.ts` has one codec for each name. */
export type CodecName = 'msgpack' | 'json' | 'raw';

/** Every codec there is, the default first. */
export const CODEC_NAMES: readonly CodecName[] = ['msgpack', 'json', 'raw'];

/**
 * Options of `scale()`. All may be left out, and an explicit `undefined` means the default.
 * Durations are milliseconds, sizes bytes, and no limit is `Infinity`.
 */
export interface ScaleOptions {
  /**
   * Worker processes, 1 to 1024, or `'auto'`: as many as there are CPUs, within the CPU and memory
   * limits of the cgroup; the environment's `ZSCALE_WORKERS` or `WEB_CONCURRENCY` comes before
   * that. Default `'auto'`.
   */
  workers?: number | 'auto' | undefined;
  /**
   * Where clients connect: one endpoint or several, `tcp://` or `ipc://`; `tcp://*:0` takes any
   * free port. Default `'tcp://127.0.0.1:5555'`: this machine only.
   */
  bind?: string | readonly string[] | undefined;
  /**
   * Further endpoints where REP sockets of any language may connect as workers, beside the private
   * one of our own workers. Default none.
   */
  backend?: string | readonly string[] | undefined;
  /** How values become bytes; clients must use the same. Default `'msgpack'`. */
  codec?: CodecName | undefined;
  /** Requests that one worker may hold at once, 1 to 65535. Default 64. */
  concurrency?: number | undefined;
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
   * How long `close()` lets open requests finish before it stops the workers, in ms, from 0.
   * Default 30 000.
   */
  gracefulTimeout?: number | undefined;
  /** How long a worker may take from its start until it is ready, in ms, from 1. Default 60 000. */
  startTimeout?: number | undefined;
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
   * The service's name in logs and file names: 1 to 64 of `A-Z a-z 0-9 . _ -`. Default `'zscale'`.
   */
  name?: string | undefined;
  /** Where to log: anything shaped like pino. Default `createLogger()`: to standard error, from `info` on. */
  logger?: Logger | undefined;
  /** Whether SIGINT and SIGTERM close the server. Default true. */
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
}

/** The options with every default filled in and every list a list; frozen. */
export interface ResolvedScaleOptions {
  readonly workers: number | 'auto';
  readonly bind: readonly string[];
  readonly backend: readonly string[];
  readonly codec: CodecName;
  readonly concurrency: number;
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
  readonly maxQueueWait: number;
  readonly timeout: number;
  readonly maxMessageSize: number;
  readonly gracefulTimeout: number;
  readonly startTimeout: number;
  readonly maxRestarts: number;
  readonly restartWindow: number;
  readonly restartDelay: number;
  readonly restartMaxDelay: number;
  readonly name: string;
  readonly logger: Logger | undefined;
  readonly signals: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly execArgv: readonly string[];
  readonly exportName: string | undefined;
  readonly curve: CurveOptions | undefined;
  readonly insecure: boolean;
  readonly heartbeatTimeout: number;
}

/** What each option is when nobody says anything. */
export const DEFAULTS: ResolvedScaleOptions = Object.freeze({
  workers: 'auto',
  bind: Object.freeze(['tcp://127.0.0.1:5555']),
  backend: Object.freeze([]),
  codec: 'msgpack',
  concurrency: 64,
  maxQueue: 10_000,
  maxQueueBytes: 256 * 1024 * 1024,
  maxQueueWait: Number.POSITIVE_INFINITY,
  timeout: 30_000,
  maxMessageSize: 64 * 1024 * 1024,
  gracefulTimeout: 30_000,
  startTimeout: 60_000,
  maxRestarts: 5,
  restartWindow: 60_000,
  restartDelay: 100,
  restartMaxDelay: 30_000,
  name: 'zscale',
  logger: undefined,
  signals: true,
  env: Object.freeze({}),
  execArgv: Object.freeze([]),
  exportName: undefined,
  curve: undefined,
  insecure: false,
  heartbeatTimeout: 3000,
});

/** Beyond any machine; a slip of the keyboard must not fork until memory ends. */
export const MAX_WORKERS = 1024;
const MAX_CONCURRENCY = 65_535;
/** The longest a timer of Node can wait; above that it fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

interface Check {
  /** Completes "must be ...". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** A sentence for those who got it wrong, where there is something to say. */
  readonly advice?: string;
}

const CHECKS: { readonly [Name in keyof ResolvedScaleOptions]: Check } = {
  workers: {
    expected: `a whole number from 1 to ${MAX_WORKERS}, or 'auto'`,
    accepts: (value) => value === 'auto' || isInteger(value, 1, MAX_WORKERS),
    advice: "Leave it out, or say 'auto', for one worker per CPU.",
  },
  bind: {
    expected: 'an endpoint, or a list of at least one',
    accepts: (value) => isEndpoint(value) || (isListOf(isEndpoint, value) && value.length > 0),
    advice: 'Write tcp://127.0.0.1:5555, tcp://*:5555 or ipc:///path/to/socket.',
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
  maxQueue: count(0),
  maxQueueBytes: count(0),
  maxQueueWait: duration(1),
  timeout: duration(1),
  maxMessageSize: {
    expected: 'a whole number of bytes from 1, or Infinity',
    accepts: (value) => value === Infinity || isInteger(value, 1, Number.MAX_SAFE_INTEGER),
  },
  gracefulTimeout: duration(0),
  startTimeout: duration(1),
  maxRestarts: count(0),
  restartWindow: duration(1),
  restartDelay: duration(0),
  restartMaxDelay: duration(0),
  name: {
    expected: '1 to 64 of the characters A-Z a-z 0-9 . _ -',
    accepts: (value) => typeof value === 'string' && /^[\w.-]{1,64}$/.test(value),
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
  curve: {
    expected: 'an object with keyFile, or publicKey and secretKey; allow; allowWorkers',
    accepts: (value) => isPlainObject(value) && Object.entries(value).every(isCurveEntry),
    advice: 'Make a pair of keys with zscale keygen.',
  },
  insecure: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  heartbeatTimeout: duration(3),
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
  return Object.freeze({
    workers: options.workers ?? DEFAULTS.workers,
    bind: listOf(options.bind ?? DEFAULTS.bind),
    backend: listOf(options.backend ?? DEFAULTS.backend),
    codec: options.codec ?? DEFAULTS.codec,
    concurrency: options.concurrency ?? DEFAULTS.concurrency,
    maxQueue: options.maxQueue ?? DEFAULTS.maxQueue,
    maxQueueBytes: options.maxQueueBytes ?? DEFAULTS.maxQueueBytes,
    maxQueueWait: options.maxQueueWait ?? DEFAULTS.maxQueueWait,
    timeout: options.timeout ?? DEFAULTS.timeout,
    maxMessageSize: options.maxMessageSize ?? DEFAULTS.maxMessageSize,
    gracefulTimeout: options.gracefulTimeout ?? DEFAULTS.gracefulTimeout,
    startTimeout: options.startTimeout ?? DEFAULTS.startTimeout,
    maxRestarts: options.maxRestarts ?? DEFAULTS.maxRestarts,
    restartWindow: options.restartWindow ?? DEFAULTS.restartWindow,
    restartDelay,
    restartMaxDelay,
    name: options.name ?? DEFAULTS.name,
    logger: options.logger ?? DEFAULTS.logger,
    signals: options.signals ?? DEFAULTS.signals,
    env: Object.freeze({ ...(options.env ?? DEFAULTS.env) }),
    execArgv: Object.freeze([...(options.execArgv ?? DEFAULTS.execArgv)]),
    exportName: options.exportName ?? DEFAULTS.exportName,
    curve: options.curve ?? DEFAULTS.curve,
    insecure: options.insecure ?? DEFAULTS.insecure,
    heartbeatTimeout: options.heartbeatTimeout ?? DEFAULTS.heartbeatTimeout,
  });
}

function listOf(endpoints: string | readonly string[]): readonly string[] {
  return Object.freeze(typeof endpoints === 'string' ? [endpoints] : [...endpoints]);
}

function count(least: number): Check {
  return {
    expected: `a whole number from ${least}, or Infinity`,
    accepts: (value) => value === Infinity || isInteger(value, least, Number.MAX_SAFE_INTEGER),
  };
}

function duration(least: number): Check {
  return {
    expected: `milliseconds from ${least} to ${MAX_TIMER_MS}, or Infinity`,
    accepts: (value) =>
      typeof value === 'number' &&
      (value === Infinity || (value >= least && value <= MAX_TIMER_MS)),
  };
}

function isInteger(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** Only the look of an endpoint; the transport parses it and knows which schemes there are. */
function isEndpoint(value: unknown): value is string {
  return isString(value) && value.includes('://');
}

function isCurveEntry([name, value]: [string, unknown]): boolean {
  if (value === undefined) return true;
  if (name === 'allow' || name === 'allowWorkers')
    return isString(value) || isListOf(isString, value);
  return ['keyFile', 'publicKey', 'secretKey'].includes(name) && isString(value);
}

function isListOf<T>(isItem: (item: unknown) => item is T, value: unknown): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `${name} must be ${expected}; got ${describe(value)}.${advice && ` ${advice}`}`,
  );
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

/**
 * The name that was probably meant: at most a third of its letters differ, capitals do not count.
 */
function nearestName(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least && distance <= Math.ceil(candidate.length / 3)) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

/** Letters to insert, delete or replace to make one word of the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [n, other] of [...to].entries()) {
      const replaced = (row[n] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[n + 1] ?? 0) + 1, (next[n] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
