/**
 * What a supervisor and its worker processes tell each other.
 *
 * How a worker is to start travels as JSON in the environment variable `ZSCALE_WORKER`; the rest
 * goes over Node's IPC channel, as one small object each. The thread that watches over a worker has a
 * pipe of its own, for the channel is in the hands of the very event loop that may stand still:
 * JSON, one line each. Requests never travel here. Everything is checked
 * on arrival, for a user's program shares the channel and may send anything it likes.
 */
import { ZscaleError } from '../errors.ts';
import { CODEC_NAMES, type CodecName, FUNCTION_RULES, type FunctionRule } from '../options.ts';
import { MAX_APPLICATION_CHARACTERS, type Measured, parseFigures } from './process-figures.ts';
import { type ProfileOutcome, parseProfileOutcome } from './profile-message.ts';
import { parseTlsMaterial, type TlsMaterial } from './tls-material.ts';

/** The environment variable that makes a process a worker; {@link parseWorkerStart} reads it. */
export const WORKER_START_VARIABLE = 'ZSCALE_WORKER';

/** All that a new worker must know. JSON as `JSON.stringify` makes it. */
export interface WorkerStart {
  /** Which call of `scale()` in the program this worker belongs to, from 0. */
  readonly service: number;
  /** The service's name, for logs. */
  readonly serviceName: string;
  /** Its place among the workers of the service, from 0; a replacement takes it over. */
  readonly workerId: number;
  /** Which process of the service it is, from 1; no other ever has the same. The queue tells it by that. */
  readonly generation: number;
  /** Endpoints of back ends to connect to. */
  readonly backends: readonly string[];
  readonly codec: CodecName;
  /** Requests it may hold at once. */
  readonly concurrency: number;
  /** Threads in which it runs its module; 0 for none. */
  readonly threads: number;
  /** How long a request may take, in ms; Infinity, for which JSON has no form, travels as null. */
  readonly timeout: number;
  /** The module with the handler, as a file URL; undefined when the program itself is run again. */
  readonly module: string | undefined;
  /** The export that is the handler; undefined for the usual ones. */
  readonly exportName: string | undefined;
  /** What a function is that is no web application. */
  readonly functions: FunctionRule;
  /**
   * Where a program connects its REP socket, and no other worker does. Default none: then only a
   * handler can be hosted.
   */
  readonly door?: string | undefined;
  /** Bytes per message; Infinity, for which JSON has no form, travels as null. */
  readonly maxMessageSize: number;
  /** Whether it shall say every second how busy it is. */
  readonly reportsLoad: boolean;
  /** How long its event loop may stand still, in ms; Infinity travels as null. */
  readonly hangTimeout: number;
  /** The machine that it belongs to, where that has joined a service elsewhere. */
  readonly machine?: string | undefined;
  /** Its file mode creation mask; undefined: what it inherits. */
  readonly umask?: number | undefined;
  /**
   * Front ends of the services before this one in the program, whose `scale()` it passes on its
   * way.
   */
  readonly earlierEndpoints: readonly (readonly string[])[];
}

/** `refused`: somebody was reached there, and did not let us in or is no back end. */
export type BackendState = 'connected' | 'lost' | 'refused';

const BACKEND_STATES: readonly BackendState[] = ['connected', 'lost', 'refused'];

/** What opens the door of a back end that speaks CURVE; 40 characters of Z85 each. */
export interface BackendKeys {
  readonly publicKey: string;
  readonly secretKey: string;
  readonly serverKey: string;
}

/** Worker to supervisor. */
export type FromWorker =
  /** The handler is loaded and the back end reached: requests may come; of HTTP, or values. */
  | { readonly type: 'ready'; readonly speaksHttp?: boolean }
  /**
   * A signal told it to end: it goes on answering until it is drained, and wants to be replaced.
   */
  | { readonly type: 'leaving' }
  /** Everything it held is answered; it takes nothing more. */
  | { readonly type: 'drained' }
  /** For which part of the time its event loop was busy since it said so last, 0 to 1, and how many requests it has begun so far. */
  | { readonly type: 'load'; readonly utilization: number; readonly begun: number }
  /** How it is, since it was asked; and what its application measures. */
  | ({ readonly type: 'measured' } & Measured)
  /**
   * It is a program that bound a REP socket there, which is connected to its door instead; or one that listens there for HTTP, whose
   * listener is the handler; `tls` is what its server speaks TLS with.
   */
  | { readonly type: 'bound'; readonly endpoint: string; readonly tls?: TlsMaterial }
  /** Of a joined machine: how it stands with one of the `backends` it was told. */
  | {
      readonly type: 'backend';
      readonly endpoint: string;
      readonly state: BackendState;
      /** Whether it is a queue of ours, and not a plain DEALER; false unless connected. */
      readonly zscale: boolean;
      /** Why it was refused. */
      readonly reason?: string;
    }
  /** It cannot start, why, and that it is about to exit. */
  | {
      readonly type: 'boot-failed';
      readonly code: string;
      readonly message: string;
      readonly stack?: string;
    };

/** Supervisor to worker. */
export type ToWorker =
  /** It leads from now on, until it is told to drain or to stop: nobody else does. */
  | { readonly type: 'lead' }
  /**
   * Of a joined machine: the back ends to be connected to from now on. Those that are no longer among them are drained; of
   * those in `renew` the connection is dead, and to be made anew.
   */
  | {
      readonly type: 'backends';
      readonly endpoints: readonly string[];
      readonly renew: readonly string[];
      readonly keys: BackendKeys | undefined;
    }
  /** Say `measured`. */
  | { readonly type: 'measure' }
  /** Finish what you hold, take nothing more, say `drained`. */
  | { readonly type: 'drain' }
  /** Exit now. */
  | { readonly type: 'stop' };

/** The file descriptor, in a worker process, of the pipe on which its watchdog speaks. */
export const WATCHDOG_FD = 4;

/** The watchdog of a worker to the supervisor. */
export type FromWatchdog =
  /** The event loop has stood still for `ms`; where it is follows. */
  | { readonly type: 'stalled'; readonly ms: number }
  /** The process is to be ended. The stack is missing where it is in no JavaScript. */
  | { readonly type: 'hung'; readonly ms: number; readonly stack?: string }
  /** It was stopped in a debugger: nothing is to be done. */
  | { readonly type: 'debugged' }
  /** Said again and again, where that is asked for: the process as a whole is not stopped. */
  | { readonly type: 'alive' }
  /** How a profile went that the supervisor wanted. */
  | ProfileOutcome;

/** @throws ZscaleError `ZSCALE_ERR_DECODE` for a line that no watchdog of this version writes */
export function parseFromWatchdog(line: string): FromWatchdog {
  const fields = recordOf(parseJson(line, 'a line of the watchdog'), 'the watchdog');
  const outcome = parseProfileOutcome(fields);
  if (outcome !== undefined) return outcome;
  const { type, ms, stack } = fields;
  switch (type) {
    case 'debugged':
    case 'alive':
      return { type };
    case 'stalled':
      return { type, ms: integer('ms of stalled', ms, 0) };
    case 'hung':
      if (!isOptionalString(stack)) refuse('stack of hung', 'a string or absent', stack);
      return { type, ms: integer('ms of hung', ms, 0), ...(stack !== undefined && { stack }) };
    default:
      refuse(
        'the type of a line of the watchdog',
        "'stalled', 'hung', 'debugged', 'alive', 'profiled' or 'profile-failed'",
        type,
      );
  }
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE` for anything that no worker of this version says */
export function parseFromWorker(value: unknown): FromWorker {
  const fields = recordOf(value, 'a message from a worker');
  switch (fields.type) {
    case 'ready':
      return fields.speaksHttp === true ? { type: 'ready', speaksHttp: true } : { type: 'ready' };
    case 'leaving':
    case 'drained':
      return { type: fields.type };
    case 'load': {
      const { utilization, begun } = fields;
      if (typeof utilization !== 'number' || !(utilization >= 0 && utilization <= 1)) {
        refuse('utilization of load', 'a number from 0 to 1', utilization);
      }
      if (!Number.isSafeInteger(begun) || Number(begun) < 0) {
        refuse('begun of load', 'a whole number from 0', begun);
      }
      return { type: 'load', utilization, begun: Number(begun) };
    }
    case 'measured': {
      const { application, refused } = fields;
      const figures = parseFigures(fields.figures);
      if (figures === undefined) refuse('figures of measured', 'figures', fields.figures);
      if (!isOptionalString(application)) {
        refuse('application of measured', 'a string or absent', application);
      }
      if ((application?.length ?? 0) > MAX_APPLICATION_CHARACTERS) {
        refuse('application of measured', `up to ${MAX_APPLICATION_CHARACTERS} characters`, '');
      }
      if (!isOptionalString(refused)) refuse('refused of measured', 'a string or absent', refused);
      return { type: 'measured', figures, application, refused };
    }
    case 'bound': {
      const { endpoint, tls } = fields;
      if (!isString(endpoint)) refuse('endpoint of bound', 'a string', endpoint);
      if (tls === undefined) return { type: 'bound', endpoint };
      return { type: 'bound', endpoint, tls: parseTlsMaterial(tls) };
    }
    case 'backend': {
      const { endpoint, state, zscale, reason } = fields;
      if (!isString(endpoint)) refuse('endpoint of backend', 'a string', endpoint);
      if (!isBackendState(state)) {
        refuse('state of backend', `one of ${BACKEND_STATES.join(', ')}`, state);
      }
      if (!isOptionalString(reason)) refuse('reason of backend', 'a string or absent', reason);
      const said = { type: 'backend', endpoint, state, zscale: zscale === true } as const;
      return reason === undefined ? said : { ...said, reason };
    }
    case 'boot-failed': {
      const { code, message, stack } = fields;
      if (!isString(code)) refuse('code of boot-failed', 'a string', code);
      if (!isString(message)) refuse('message of boot-failed', 'a string', message);
      if (stack === undefined) return { type: 'boot-failed', code, message };
      if (!isString(stack)) refuse('stack of boot-failed', 'a string', stack);
      return { type: 'boot-failed', code, message, stack };
    }
    default:
      refuse(
        'the type of a message from a worker',
        "'ready', 'leaving', 'drained', 'load', 'measured', 'bound', 'backend' or 'boot-failed'",
        fields.type,
      );
  }
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE` for anything that no supervisor of this version says */
export function parseToWorker(value: unknown): ToWorker {
  const fields = recordOf(value, 'a message from the supervisor');
  const { type, endpoints, renew, keys } = fields;
  if (type === 'lead' || type === 'measure' || type === 'drain' || type === 'stop') {
    return { type };
  }
  if (type !== 'backends') {
    refuse(
      'the type of a message from the supervisor',
      "'lead', 'backends', 'measure', 'drain' or 'stop'",
      type,
    );
  }
  if (!isListOf(isString, endpoints))
    refuse('endpoints of backends', 'a list of strings', endpoints);
  if (!isListOf(isString, renew)) refuse('renew of backends', 'a list of strings', renew);
  return { type, endpoints, renew, keys: keys === undefined ? undefined : backendKeys(keys) };
}

/**
 * Reads what the supervisor put into `ZSCALE_WORKER`.
 *
 * @throws ZscaleError `ZSCALE_ERR_DECODE` when it is not that; the variable is zscale's own and
 *   should not be set by hand
 */
export function parseWorkerStart(text: string): WorkerStart {
  const fields = recordOf(parseJson(text, WORKER_START_VARIABLE), WORKER_START_VARIABLE);
  const { serviceName, backends, codec, module, exportName, maxMessageSize } = fields;
  const { earlierEndpoints } = fields;
  const { door, machine, umask } = fields;
  if (!isString(serviceName)) refuse('serviceName', 'a string', serviceName);
  if (!isListOf(isString, backends)) refuse('backends', 'a list of strings', backends);
  if (!isCodecName(codec)) refuse('codec', `one of ${CODEC_NAMES.join(', ')}`, codec);
  if (!isOptionalString(module)) refuse('module', 'a string or absent', module);
  if (!isOptionalString(machine)) refuse('machine', 'a string or absent', machine);
  if (!isOptionalString(exportName)) refuse('exportName', 'a string or absent', exportName);
  if (!isFunctionRule(fields.functions)) {
    refuse('functions', `one of ${FUNCTION_RULES.join(', ')}`, fields.functions);
  }
  if (typeof fields.reportsLoad !== 'boolean') {
    refuse('reportsLoad', 'true or false', fields.reportsLoad);
  }
  if (!isOptionalString(door)) refuse('door', 'a string or absent', door);
  if (!isListOf(isStringList, earlierEndpoints)) {
    refuse('earlierEndpoints', 'a list of lists of strings', earlierEndpoints);
  }
  return {
    service: integer('service', fields.service, 0),
    serviceName,
    workerId: integer('workerId', fields.workerId, 0),
    generation: integer('generation', fields.generation, 1),
    backends,
    codec,
    concurrency: integer('concurrency', fields.concurrency, 1),
    threads: integer('threads', fields.threads, 0),
    timeout: duration('timeout', fields.timeout, 0),
    module,
    exportName,
    functions: fields.functions,
    door,
    maxMessageSize:
      maxMessageSize === null ? Infinity : integer('maxMessageSize', maxMessageSize, 1),
    reportsLoad: fields.reportsLoad,
    hangTimeout: duration('hangTimeout', fields.hangTimeout, 1),
    machine,
    umask: umask === undefined ? undefined : integer('umask', umask, 0),
    earlierEndpoints,
  };
}

/** Never shows what came: it is secret. */
function backendKeys(value: unknown): BackendKeys {
  const { publicKey, secretKey, serverKey } = recordOf(value, 'keys of backends');
  if (!isString(publicKey) || !isString(secretKey) || !isString(serverKey)) {
    refuse('keys of backends', 'three strings', undefined);
  }
  return { publicKey, secretKey, serverKey };
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ZscaleError(
      'ZSCALE_ERR_DECODE',
      `${name} must be JSON, as zscale writes it. Unset what was set by hand.`,
      { cause: error },
    );
  }
}

function recordOf(value: unknown, name: string): Record<string, unknown> {
  if (isRecord(value)) return value;
  refuse(name, 'an object', value);
}

function integer(name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  refuse(name, `a whole number from ${least}`, value);
}

function duration(name: string, value: unknown, least: number): number {
  if (value === null) return Infinity;
  if (typeof value === 'number' && value >= least) return value;
  refuse(name, `milliseconds from ${least}`, value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isOptionalString(value: unknown): value is string | undefined {
  return value === undefined || isString(value);
}

function isStringList(value: unknown): value is string[] {
  return isListOf(isString, value);
}

function isListOf<T>(isItem: (item: unknown) => item is T, value: unknown): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}

function isBackendState(value: unknown): value is BackendState {
  return BACKEND_STATES.some((state) => state === value);
}

function isFunctionRule(value: unknown): value is FunctionRule {
  return FUNCTION_RULES.some((rule) => rule === value);
}

function isCodecName(value: unknown): value is CodecName {
  return CODEC_NAMES.some((name) => name === value);
}

function refuse(name: string, expected: string, value: unknown): never {
  const got = isString(value) ? JSON.stringify(value.slice(0, 60)) : typeof value;
  throw new ZscaleError('ZSCALE_ERR_DECODE', `${name} must be ${expected}; got ${got}.`);
}
