/**
 * What a supervisor and the watchdog of a worker process tell each other about a profile of that process: JSON, one line each, over
 * the pipe of the watchdog, because a worker that computes or hangs hears nothing else. Checked on arrival on both sides.
 */
import { ZscaleError } from '../errors.ts';

/** Where the time goes, or what is in memory. */
export type ProfileKind = 'cpu' | 'heap';

/** A profile that is wanted. */
export interface ProfileOrder {
  readonly kind: ProfileKind;
  /** Where the worker writes it; an absolute path that must not exist yet. */
  readonly file: string;
  /** How long to look, in ms; a heap takes as long as it takes, and this is 0. */
  readonly ms: number;
}

/** Supervisor to watchdog. */
export type ToWatchdog =
  | ({ readonly type: 'profile' } & ProfileOrder)
  /** End the one at work now, and write what there is. Of a heap there is no half: that goes on. */
  | { readonly type: 'end-profile' };

/** Watchdog to supervisor: how it went. */
export type ProfileOutcome =
  /** The file is complete: its size, and how long it took in ms. */
  | { readonly type: 'profiled'; readonly bytes: number; readonly ms: number }
  /** There is no file. */
  | { readonly type: 'profile-failed'; readonly code: string; readonly message: string };

/** @throws ZscaleError `ZSCALE_ERR_DECODE` for a line that no supervisor of this version writes */
export function parseToWatchdog(line: string): ToWatchdog {
  const { type, kind, file, ms } = recordOf(line);
  if (type === 'end-profile') return { type };
  const isKind = kind === 'cpu' || kind === 'heap';
  if (type !== 'profile' || !isKind || typeof file !== 'string' || !isCount(ms)) {
    return refuse('a line from the supervisor', line);
  }
  return { type, kind, file, ms };
}

/**
 * Reads an outcome; undefined when the fields are those of another message.
 *
 * @throws ZscaleError `ZSCALE_ERR_DECODE` for one that no watchdog of this version writes
 */
export function parseProfileOutcome(
  fields: Readonly<Record<string, unknown>>,
): ProfileOutcome | undefined {
  const { type, bytes, ms, code, message } = fields;
  if (type === 'profiled') {
    return isCount(bytes) && isCount(ms) ? { type, bytes, ms } : refuse(type, fields);
  }
  if (type !== 'profile-failed') return undefined;
  if (typeof code !== 'string' || typeof message !== 'string') return refuse(type, fields);
  return { type, code, message };
}

function recordOf(line: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(line) };
  } catch {
    return refuse('a line from the supervisor', line);
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function refuse(name: string, value: unknown): never {
  const got = typeof value === 'string' ? value.slice(0, 60) : Object.keys(Object(value)).join(' ');
  throw new ZscaleError(
    'ZSCALE_ERR_DECODE',
    `${name} must be as zscale writes it; got ${JSON.stringify(got)}.`,
  );
}
