/**
 * What a zscale socket says of itself in its READY, so that two of them can do more than plain ZeroMQ:
 * the properties `X-Zscale...` (docs/reference/messages.md).
 *
 * A peer without them is any REQ, DEALER or REP of any language.
 */

/** READY properties by name, as the transport takes and gives them. */
type Properties = ReadonlyMap<string, Buffer> | undefined;

const VERSION_PROPERTY = 'X-Zscale';
const WORKER_PROPERTY = 'X-Zscale-Worker';
const LIMIT_PROPERTY = 'X-Zscale-Max-Message';
const IDEMPOTENT_PROPERTY = 'X-Zscale-Idempotent';

/** Version of the rules that control frames follow. */
const VERSION = '1';

/** What a queue, worker or client may say. */
export interface Announcement {
  /** A worker's number within its service. */
  readonly workerId?: number;
  /** The largest message taken, in bytes. */
  readonly maxMessageSize?: number;
  /** A worker's: it says of requests whether they may be done again, before it begins them. */
  readonly idempotent?: boolean;
}

/** For the option `metadata` of a socket. */
export function announce(announcement: Announcement = {}): Record<string, string> {
  const { workerId, maxMessageSize = Infinity, idempotent = false } = announcement;
  return {
    [VERSION_PROPERTY]: VERSION,
    ...(workerId === undefined ? {} : { [WORKER_PROPERTY]: String(workerId) }),
    ...(maxMessageSize === Infinity ? {} : { [LIMIT_PROPERTY]: String(maxMessageSize) }),
    ...(idempotent ? { [IDEMPOTENT_PROPERTY]: '1' } : {}),
  };
}

/** Whether the peer understands control frames. */
export function speaksZscale(properties: Properties): boolean {
  return properties?.get(VERSION_PROPERTY)?.toString('latin1') === VERSION;
}

/** The worker's number; undefined for a worker of another kind. */
export function workerIdOf(properties: Properties): number | undefined {
  return numberOf(properties, WORKER_PROPERTY);
}

/** The largest message the peer takes, in bytes; Infinity where it did not say. */
export function maxMessageSizeOf(properties: Properties): number {
  return numberOf(properties, LIMIT_PROPERTY) ?? Infinity;
}

function numberOf(properties: Properties, name: string): number | undefined {
  const text = properties?.get(name)?.toString('latin1') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
