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
const GENERATION_PROPERTY = 'X-Zscale-Generation';
const MACHINE_PROPERTY = 'X-Zscale-Machine';
const PRESENCE_PROPERTY = 'X-Zscale-Presence';
const LIMIT_PROPERTY = 'X-Zscale-Max-Message';
const IDEMPOTENT_PROPERTY = 'X-Zscale-Idempotent';

/** Version of the rules that control frames follow. */
const VERSION = '1';

/** The longest name of a machine, in bytes. */
const MAX_MACHINE_BYTES = 255;

/** What a queue, worker or client may say. */
export interface Announcement {
  /** A worker's number within its service. */
  readonly workerId?: number;
  /** Which process of its service it is: no two have the same, also those that have the same number one after the other. */
  readonly generation?: number;
  /** The largest message taken, in bytes. */
  readonly maxMessageSize?: number;
  /** A worker's: it says of requests whether they may be done again, before it begins them. */
  readonly idempotent?: boolean;
  /** The machine that a worker has joined from, or that a presence stands for. */
  readonly machine?: string | undefined;
  /** This is no worker, but the supervisor that says its machine is there. */
  readonly presence?: boolean;
}

/** For the option `metadata` of a socket. */
export function announce(announcement: Announcement = {}): Record<string, string> {
  const {
    workerId,
    generation,
    maxMessageSize = Infinity,
    idempotent = false,
    machine,
    presence = false,
  } = announcement;
  return {
    [VERSION_PROPERTY]: VERSION,
    ...(workerId === undefined ? {} : { [WORKER_PROPERTY]: String(workerId) }),
    ...(generation === undefined ? {} : { [GENERATION_PROPERTY]: String(generation) }),
    ...(machine === undefined ? {} : { [MACHINE_PROPERTY]: machine }),
    ...(presence ? { [PRESENCE_PROPERTY]: VERSION } : {}),
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

/** Which process of its service the worker is; undefined for a worker of another kind. */
export function generationOf(properties: Properties): number | undefined {
  return numberOf(properties, GENERATION_PROPERTY);
}

/** Whether the worker says of each request if it may be done again. */
export function saysIdempotent(properties: Properties): boolean {
  return properties?.get(IDEMPOTENT_PROPERTY)?.toString('latin1') === '1';
}

/** The machine of a joined worker, or of a presence; undefined for all others. */
export function machineOf(properties: Properties): string | undefined {
  const name = properties?.get(MACHINE_PROPERTY);
  if (name === undefined || name.length === 0 || name.length > MAX_MACHINE_BYTES) return undefined;
  return name.toString('utf8');
}

/** Whether the peer is the supervisor of a joined machine, and takes no requests. */
export function isPresence(properties: Properties): boolean {
  return speaksZscale(properties) && properties?.get(PRESENCE_PROPERTY) !== undefined;
}

/** The largest message the peer takes, in bytes; Infinity where it did not say. */
export function maxMessageSizeOf(properties: Properties): number {
  return numberOf(properties, LIMIT_PROPERTY) ?? Infinity;
}

function numberOf(properties: Properties, name: string): number | undefined {
  const text = properties?.get(name)?.toString('latin1') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
