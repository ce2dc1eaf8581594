/**
 * What may be asked of a supervisor over its control socket: one MessagePack map for each request, checked on arrival.
 *
 *     { version: 1, verb: 'kill', worker: 2, signal: 'SIGKILL' }
 *
 * Pure. A request of another version, with an unknown verb, a missing argument or one too many is refused with a code; what it
 * asks for is done elsewhere. docs/reference/control.md shows every request and its reply.
 */

import { constants } from 'node:os';
import { isAbsolute } from 'node:path';
import { ZscaleError } from '../errors.ts';
import type { ProfileKind } from '../messages/profile-message.ts';
import { MAX_WORKERS } from '../options.ts';

/** Of requests and replies. It changes when an old client would misunderstand. */
export const CONTROL_VERSION = 1;

/** A request; what is about a worker names it by its id. */
export type ControlRequest =
  /** The service and each of its workers. */
  | { readonly verb: 'status' }
  /** Counters since the start. */
  | { readonly verb: 'stats' }
  /** Everything that is measured, as `/metrics` has it. */
  | { readonly verb: 'metrics' }
  /** Workers that are other machines', or the back ends that this machine works for. */
  | { readonly verb: 'machines' }
  /** One worker: its configuration, what it holds, how it died last. */
  | { readonly verb: 'inspect'; readonly worker: number }
  /** Replace every worker; the reply comes when that is done. */
  | { readonly verb: 'reload' }
  /** Go to so many workers, or so many more (fewer, when negative), or as many as the machine or the load ask for. */
  | { readonly verb: 'scale'; readonly workers: number | 'auto' }
  | { readonly verb: 'scale'; readonly by: number }
  /** Replace one worker, successor first; the reply comes when it is gone. */
  | { readonly verb: 'drain'; readonly worker: number }
  /** Send a worker's process a signal. */
  | { readonly verb: 'kill'; readonly worker: number; readonly signal: NodeJS.Signals }
  /** End in order; the reply comes before that, the end of the connection after it. */
  | { readonly verb: 'stop' }
  /** What happened, behind entry number `after`; waits for up to `wait` ms when there is nothing yet. */
  | { readonly verb: 'events'; readonly after: number; readonly wait: number }
  /** The same of the log's lines, from `info` on. */
  | { readonly verb: 'logs'; readonly after: number; readonly wait: number }
  /**
   * Take a profile of a worker, which writes it into `file`, an absolute path that must not exist; the reply comes when it is
   * there. A CPU profile takes `for` ms; a heap snapshot takes as long as it takes, and this is 0.
   */
  | {
      readonly verb: 'profile';
      readonly worker: number;
      readonly kind: ProfileKind;
      readonly file: string;
      readonly for: number;
    }
  /** End the CPU profile of a worker now: what there is is written, and whoever asked for it is answered. */
  | { readonly verb: 'end-profile'; readonly worker: number };

/** The name of something that may be asked for. */
export type ControlVerb = ControlRequest['verb'];

/** The longest that a request may wait for news, in ms. */
const MAX_WAIT_MS = 60_000;
/** The longest CPU profile, in ms. */
const MAX_PROFILE_MS = 300_000;

/** The arguments of each verb. */
const ARGUMENTS: Readonly<Record<ControlVerb, readonly string[]>> = {
  status: [],
  stats: [],
  metrics: [],
  machines: [],
  inspect: ['worker'],
  reload: [],
  scale: ['workers', 'by'],
  drain: ['worker'],
  kill: ['worker', 'signal'],
  stop: [],
  events: ['after', 'wait'],
  logs: ['after', 'wait'],
  profile: ['worker', 'kind', 'file', 'for'],
  'end-profile': ['worker'],
};

/**
 * Checks a decoded request.
 *
 * @throws ZscaleError `ZSCALE_ERR_CONTROL_VERSION` for another version, `ZSCALE_ERR_CONTROL` for whatever else is wrong
 */
export function parseControlRequest(value: unknown): ControlRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('a request must be a map with version and verb');
  }
  const { version, verb, ...given }: Record<string, unknown> = { ...value };
  if (version !== CONTROL_VERSION) {
    throw new ZscaleError(
      'ZSCALE_ERR_CONTROL_VERSION',
      `this supervisor speaks version ${CONTROL_VERSION} of the control protocol; got ${shown(version)}. ` +
        'Use the zscale that the service runs with.',
    );
  }
  if (!isVerb(verb)) {
    return refuse(`verb must be one of ${Object.keys(ARGUMENTS).join(', ')}; got ${shown(verb)}`);
  }
  for (const name of Object.keys(given)) {
    if (!ARGUMENTS[verb].includes(name)) refuse(`${verb} has no argument ${shown(name)}`);
  }
  switch (verb) {
    case 'inspect':
    case 'drain':
    case 'end-profile':
      return { verb, worker: workerOf(given) };
    case 'kill':
      return { verb, worker: workerOf(given), signal: signalOf(given) };
    case 'scale':
      return scaleOf(given);
    case 'profile':
      return profileOf(given);
    case 'events':
    case 'logs':
      return {
        verb,
        after: wholeOf(given, 'after', 0, Number.MAX_SAFE_INTEGER),
        wait: wholeOf(given, 'wait', 0, MAX_WAIT_MS),
      };
    default:
      return { verb };
  }
}

function scaleOf({ workers, by }: Readonly<Record<string, unknown>>): ControlRequest {
  if ((workers === undefined) === (by === undefined)) {
    return refuse('scale takes either workers or by');
  }
  if (by !== undefined) {
    if (isWhole(by, -MAX_WORKERS, MAX_WORKERS)) return { verb: 'scale', by };
    return refuse(
      `by must be a whole number from -${MAX_WORKERS} to ${MAX_WORKERS}; got ${shown(by)}`,
    );
  }
  if (workers === 'auto' || isWhole(workers, 1, MAX_WORKERS)) return { verb: 'scale', workers };
  return refuse(
    `workers must be a whole number from 1 to ${MAX_WORKERS}, or auto; got ${shown(workers)}`,
  );
}

function profileOf(given: Readonly<Record<string, unknown>>): ControlRequest {
  const { kind, file } = given;
  if (kind !== 'cpu' && kind !== 'heap') {
    return refuse(`kind must be cpu or heap; got ${shown(kind)}`);
  }
  if (typeof file !== 'string' || !isAbsolute(file) || file.includes('\0')) {
    return refuse(`file must be an absolute path; got ${shown(file)}`);
  }
  const time =
    kind === 'cpu' ? wholeOf(given, 'for', 1, MAX_PROFILE_MS) : wholeOf(given, 'for', 0, 0);
  return { verb: 'profile', worker: workerOf(given), kind, file, for: time };
}

function workerOf(given: Readonly<Record<string, unknown>>): number {
  return wholeOf(given, 'worker', 0, Number.MAX_SAFE_INTEGER);
}

function wholeOf(
  given: Readonly<Record<string, unknown>>,
  name: string,
  least: number,
  most: number,
): number {
  const value = given[name];
  if (isWhole(value, least, most)) return value;
  return refuse(`${name} must be a whole number from ${least} to ${most}; got ${shown(value)}`);
}

function signalOf({ signal }: Readonly<Record<string, unknown>>): NodeJS.Signals {
  return isSignal(signal)
    ? signal
    : refuse(`signal must be the name of a signal, such as SIGTERM; got ${shown(signal)}`);
}

function isSignal(value: unknown): value is NodeJS.Signals {
  return typeof value === 'string' && Object.hasOwn(constants.signals, value);
}

function isVerb(value: unknown): value is ControlVerb {
  return typeof value === 'string' && Object.hasOwn(ARGUMENTS, value);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** What came, short enough for a line. */
function shown(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function refuse(text: string): never {
  throw new ZscaleError('ZSCALE_ERR_CONTROL', `${text}. See docs/reference/control.md.`);
}
