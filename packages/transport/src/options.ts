/**
 * Every option of a socket: what it is, unit, default, range and the libzmq option it stands for (zmq_setsockopt(3)).
 *
 * Names, types and defaults are zeromq.js's. One table holds defaults and checks; `resolveSocketOptions` makes a frozen
 * object of fixed shape of what a caller gave, and after that nothing reads raw options.
 */

import { fail } from './errors.ts';

/** Options that every socket takes. */
export interface SocketOptions {
  /**
   * How long `close()` goes on sending what is queued, in ms; 0 drops it at once, -1 has no limit. Default -1.
   * `ZMQ_LINGER`.
   */
  linger?: number;
  /** Messages that may wait to be sent to one peer; 0 for no limit. Default 1000. `ZMQ_SNDHWM`. */
  sendHighWaterMark?: number;
  /** Messages of one peer that may wait to be received before its connection is paused; 0 for none. Default 1000. `ZMQ_RCVHWM`. */
  receiveHighWaterMark?: number;
  /** How long `send()` waits for room before it fails with EAGAIN, in ms; 0 never waits, -1 has no limit. Default -1. `ZMQ_SNDTIMEO`. */
  sendTimeout?: number;
  /** How long `receive()` waits for a message before it fails with EAGAIN, in ms; 0 never waits, -1 has no limit. Default -1. `ZMQ_RCVTIMEO`. */
  receiveTimeout?: number;
  /** Largest frame taken from a peer, in bytes; a larger one ends its connection. -1 for none. Default -1. `ZMQ_MAXMSGSIZE`. */
  maxMessageSize?: number;
  /**
   * Largest whole message taken from a peer, in bytes over all its frames (each counts 64 more, so that empty frames
   * without end are bounded too); a larger one ends its connection. -1 for none. Default -1. Not in libzmq.
   */
  maxMultipartSize?: number;
  /** First wait before a lost or refused connection is tried again, in ms; 0 or -1 never tries again. Default 100. `ZMQ_RECONNECT_IVL`. */
  reconnectInterval?: number;
  /**
   * Longest wait between tries, in ms: the wait doubles up to it, with a random part on top. 0: always
   * `reconnectInterval` and a random part. Default 0. `ZMQ_RECONNECT_IVL_MAX`.
   */
  reconnectMaxInterval?: number;
  /** Connections the system may hold before they are accepted. Default 100. `ZMQ_BACKLOG`. */
  backlog?: number;
  /** Whether messages are only queued to connections whose handshake is done. Default false. `ZMQ_IMMEDIATE`. */
  immediate?: boolean;
  /** Whether tcp endpoints may be IPv6 addresses; also lets `*` accept both. Default false. `ZMQ_IPV6`. */
  ipv6?: boolean;
  /** How long the handshake may take, from connection to ready, in ms; 0 for no limit. Default 30000. `ZMQ_HANDSHAKE_IVL`. */
  handshakeInterval?: number;
  /** How long a tcp connection attempt may take, in ms; 0 leaves it to the system. Default 0. `ZMQ_CONNECT_TIMEOUT`. */
  connectTimeout?: number;
  /** Time between PINGs to a peer, in ms; 0 for none. Default 0. `ZMQ_HEARTBEAT_IVL`. */
  heartbeatInterval?: number;
  /** How long a PING may stay unanswered by any traffic, in ms; 0 for ever, -1 for `heartbeatInterval`. Default -1. `ZMQ_HEARTBEAT_TIMEOUT`. */
  heartbeatTimeout?: number;
  /** How long the peer may hear nothing from us before it gives us up, in ms, in steps of 100; 0 does not ask for it. At most 65500. Default 0. `ZMQ_HEARTBEAT_TTL`. */
  heartbeatTimeToLive?: number;
  /** TCP keep-alive: 1 on, 0 off, -1 as the system has it. Default -1. `ZMQ_TCP_KEEPALIVE`. */
  tcpKeepalive?: number;
  /** Idle time before TCP keep-alive probes, in seconds; -1 as the system has it. Default -1. `ZMQ_TCP_KEEPALIVE_IDLE`. */
  tcpKeepaliveIdle?: number;
  /** Further properties of our READY, by names that start with `X-`. Default none. `ZMQ_METADATA`. */
  metadata?: Readonly<Record<string, string>>;
}

/** Options of single socket types; each type takes only its own. */
export interface PatternOptions {
  /** The name a ROUTER knows this socket by, 1 to 255 bytes (UTF-8); null for one that it makes up. Default null. `ZMQ_ROUTING_ID`. */
  routingId?: string | null;
  /** Sends an empty message on every new connection, so that a ROUTER learns of us at once. Default false. `ZMQ_PROBE_ROUTER`. */
  probeRouter?: boolean;
  /** REQ: puts a request id in front and takes only the reply that carries it. Default false. `ZMQ_REQ_CORRELATE`. */
  correlate?: boolean;
  /** REQ: a new request may be sent before the reply to the last, which is then given up. Default false. `ZMQ_REQ_RELAXED`. */
  relaxed?: boolean;
  /** ROUTER: an unknown routing id fails with EHOSTUNREACH and a full peer makes `send()` wait, in place of dropping. Default false. `ZMQ_ROUTER_MANDATORY`. */
  mandatory?: boolean;
  /** ROUTER: a new peer takes over a routing id that is in use; the old peer is disconnected. Default false. `ZMQ_ROUTER_HANDOVER`. */
  handover?: boolean;
}

/** Names of options of single socket types. */
export type PatternOptionName = keyof PatternOptions;

/** Options with every default filled in; frozen. */
export type ResolvedSocketOptions = Readonly<Required<SocketOptions> & Required<PatternOptions>>;

/** Name of any option. */
export type OptionName = keyof ResolvedSocketOptions;

type Check = (name: string, value: unknown) => void;

interface Row<T> {
  readonly default: T;
  readonly check: Check;
}

type Table = { readonly [K in OptionName]: Row<ResolvedSocketOptions[K]> };

const INT32_MAX = 0x7fff_ffff;
/** The wire counts tenths of a second in a field of which libzmq understands 655 (see `wire/command.ts`). */
const HEARTBEAT_TTL_MAX_MS = 65_500;
const ROUTING_ID_MAX_BYTES = 255;
const METADATA_NAME = /^X-[\x21-\x7e]{1,253}$/;

const TABLE: Table = {
  linger: { default: -1, check: integer(-1, INT32_MAX) },
  sendHighWaterMark: { default: 1000, check: integer(0, INT32_MAX) },
  receiveHighWaterMark: { default: 1000, check: integer(0, INT32_MAX) },
  sendTimeout: { default: -1, check: integer(-1, INT32_MAX) },
  receiveTimeout: { default: -1, check: integer(-1, INT32_MAX) },
  maxMessageSize: { default: -1, check: integer(-1, Number.MAX_SAFE_INTEGER) },
  maxMultipartSize: { default: -1, check: integer(-1, Number.MAX_SAFE_INTEGER) },
  reconnectInterval: { default: 100, check: integer(-1, INT32_MAX) },
  reconnectMaxInterval: { default: 0, check: integer(0, INT32_MAX) },
  backlog: { default: 100, check: integer(0, INT32_MAX) },
  immediate: { default: false, check: boolean },
  ipv6: { default: false, check: boolean },
  handshakeInterval: { default: 30_000, check: integer(0, INT32_MAX) },
  connectTimeout: { default: 0, check: integer(0, INT32_MAX) },
  heartbeatInterval: { default: 0, check: integer(0, INT32_MAX) },
  heartbeatTimeout: { default: -1, check: integer(-1, INT32_MAX) },
  heartbeatTimeToLive: { default: 0, check: integer(0, HEARTBEAT_TTL_MAX_MS) },
  tcpKeepalive: { default: -1, check: integer(-1, 1) },
  tcpKeepaliveIdle: { default: -1, check: integer(-1, INT32_MAX) },
  metadata: { default: Object.freeze({}), check: metadata },
  routingId: { default: null, check: routingId },
  probeRouter: { default: false, check: boolean },
  correlate: { default: false, check: boolean },
  relaxed: { default: false, check: boolean },
  mandatory: { default: false, check: boolean },
  handover: { default: false, check: boolean },
};

const DEFAULTS: ResolvedSocketOptions = Object.freeze(
  Object.fromEntries(Object.entries(TABLE).map(([name, row]) => [name, row.default])),
) as ResolvedSocketOptions; // TABLE has a row of the right type for every name

const PATTERN_OPTION_NAMES: ReadonlySet<string> = new Set<PatternOptionName>([
  'routingId',
  'probeRouter',
  'correlate',
  'relaxed',
  'mandatory',
  'handover',
]);

/** Names of the options that every socket takes. */
export const SOCKET_OPTION_NAMES: readonly (keyof SocketOptions)[] = Object.keys(TABLE).filter(
  (name) => !PATTERN_OPTION_NAMES.has(name),
) as (keyof SocketOptions)[]; // what is left of OptionName without PatternOptionName

/**
 * Fills in defaults and checks every value; an explicit undefined means the default.
 *
 * @param patternOptions names this socket type takes beside those of every socket.
 * @throws TransportError `EINVAL` for an unknown name, a wrong type or a value out of range.
 */
export function resolveSocketOptions(
  options: SocketOptions & PatternOptions,
  patternOptions: readonly PatternOptionName[],
): ResolvedSocketOptions {
  const resolved: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(TABLE, name) || isForeign(name, patternOptions)) {
      fail(
        'EINVAL',
        `This socket has no option ${JSON.stringify(name)}. See docs/reference/options.md for those it has.`,
      );
    }
    TABLE[name as OptionName].check(name, value); // own key of the table
    resolved[name] = value;
  }
  return Object.freeze(resolved) as unknown as ResolvedSocketOptions; // DEFAULTS gave every name
}

/**
 * The same options with one changed.
 *
 * @throws TransportError `EINVAL` as {@link resolveSocketOptions} does.
 */
export function withOption(
  options: ResolvedSocketOptions,
  name: OptionName,
  value: unknown,
): ResolvedSocketOptions {
  TABLE[name].check(name, value);
  return Object.freeze({ ...options, [name]: value });
}

function isForeign(name: string, patternOptions: readonly PatternOptionName[]): boolean {
  return PATTERN_OPTION_NAMES.has(name) && !(patternOptions as readonly string[]).includes(name);
}

function integer(min: number, max: number): Check {
  return (name, value) => {
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      refuse(name, `a whole number from ${min} to ${max}`, value);
    }
  };
}

function boolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') refuse(name, 'true or false', value);
}

function routingId(name: string, value: unknown): void {
  if (value === null) return;
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  if (bytes < 1 || bytes > ROUTING_ID_MAX_BYTES)
    refuse(name, 'null or a string of 1 to 255 bytes', value);
}

function metadata(name: string, value: unknown): void {
  const expected = 'an object of strings under names that start with "X-"';
  if (typeof value !== 'object' || value === null) refuse(name, expected, value);
  for (const [key, text] of Object.entries(value)) {
    if (!METADATA_NAME.test(key) || typeof text !== 'string') refuse(name, expected, key);
  }
}

function refuse(name: string, expected: string, value: unknown): never {
  const got = typeof value === 'string' ? JSON.stringify(value) : String(value);
  fail('EINVAL', `The option ${name} is ${expected}; got ${got}.`);
}
