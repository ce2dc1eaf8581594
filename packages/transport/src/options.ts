/**
 * Every option of a socket: what it is, unit, default, range and the libzmq option it stands for (zmq_setsockopt(3)).
 *
 * Names, types and defaults are zeromq.js's. One table holds defaults and checks; `resolveSocketOptions` makes a frozen
 * object of fixed shape of what a caller gave, and after that nothing reads raw options. Options marked "without effect" are
 * about things that a program on Node has no hold of; they are checked, kept and readable.
 */

import { parseAddressRange } from './cidr.ts';
import { fail, failType } from './errors.ts';
import {
  boolean,
  type Check,
  INT32_MAX,
  integer,
  oneOf,
  refuse,
  refuseType,
  text,
} from './option-checks.ts';
import { decodeZ85 } from './z85.ts';

/** Options that every socket takes. */
export interface CommonOptions {
  /**
   * How long `close()` goes on sending what is queued, in ms; 0 drops it at once, -1 has no limit. Default -1; 0 for
   * Subscriber, XSubscriber and Dish, and in a context that is not `blocky`. `ZMQ_LINGER`.
   */
  linger?: number;
  /** Largest frame taken from a peer, in bytes; a larger one ends its connection. -1 for none. Default -1. `ZMQ_MAXMSGSIZE`. */
  maxMessageSize?: number;
  /**
   * Largest whole message taken from a peer, in bytes over all its frames (each counts 64 more, so that empty frames
   * without end are bounded too); a larger one ends its connection. -1 for none. Default -1. Not in libzmq.
   */
  maxMultipartSize?: number;
  /**
   * Whether a second `send()` or `receive()` while one waits, and any call during `bind()` or `unbind()`, fails with EBUSY as in
   * zeromq.js; otherwise they wait in line. Default false. Not in libzmq.
   */
  strictBusy?: boolean;
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
  /** Whether tcp endpoints may be IPv6 addresses; also lets `*` accept both. Default that of the context, false. `ZMQ_IPV6`. */
  ipv6?: boolean;
  /** How long the handshake may take, from connection to ready, in ms; 0 for no limit. Default 30000. `ZMQ_HANDSHAKE_IVL`. */
  handshakeInterval?: number;
  /** How long a tcp connection attempt may take, in ms; 0 leaves it to the system. Default 0. `ZMQ_CONNECT_TIMEOUT`. */
  connectTimeout?: number;
  /** Time between PINGs to a peer, in ms; 0 for none. Default 0. `ZMQ_HEARTBEAT_IVL`. */
  heartbeatInterval?: number;
  /** How long a PING may stay unanswered by any traffic, in ms; 0 for ever, -1 for `heartbeatInterval`. Default -1. `ZMQ_HEARTBEAT_TIMEOUT`. */
  heartbeatTimeout?: number;
  /** How long the peer may hear nothing from us before it gives us up, in ms, in steps of 100; 0 does not ask for it. What is above 65500 is sent as 65500, which is all that libzmq understands. Default 0. `ZMQ_HEARTBEAT_TTL`. */
  heartbeatTimeToLive?: number;
  /** TCP keep-alive: 1 on, 0 off, -1 as the system has it. Default -1. `ZMQ_TCP_KEEPALIVE`. */
  tcpKeepalive?: number;
  /** Probes before a silent tcp connection is given up; -1 as the system has it. Without effect: Node sets 10. Default -1. `ZMQ_TCP_KEEPALIVE_CNT`. */
  tcpKeepaliveCount?: number;
  /** Idle time before TCP keep-alive probes, in seconds; -1 as the system has it. Default -1. `ZMQ_TCP_KEEPALIVE_IDLE`. */
  tcpKeepaliveIdle?: number;
  /** Time between TCP keep-alive probes, in seconds; -1 as the system has it. Without effect: Node sets 1. Default -1. `ZMQ_TCP_KEEPALIVE_INTVL`. */
  tcpKeepaliveInterval?: number;
  /**
   * An IPv4 or IPv6 address with an optional `/bits`: peers of tcp binds must match it, or another that was set; others are
   * closed at once (event `accept:error`). Setting it adds one, null removes all. Default null. `ZMQ_TCP_ACCEPT_FILTER`.
   */
  tcpAcceptFilter?: string | null;
  /** How long sent bytes may wait for the system to take more, in ms, before a tcp connection is given up; 0 leaves it to the system. Default 0. `ZMQ_TCP_MAXRT`. */
  tcpMaxRetransmitTimeout?: number;
  /** `host:port` of a SOCKS5 proxy without authentication, by which tcp connections are made; names are resolved there. Default null. `ZMQ_SOCKS_PROXY`. */
  socksProxy?: string | null;
  /** Name of the network interface whose address tcp binds to `*` and connections from anywhere use. Default null. `ZMQ_BINDTODEVICE`. */
  interface?: string | null;
  /** Without effect: Node cannot set the ToS field. Default 0. `ZMQ_TOS`. */
  typeOfService?: number;
  /** Whether this side is the PLAIN server; it then needs a ZAP handler. Default false. `ZMQ_PLAIN_SERVER`. */
  plainServer?: boolean;
  /** User name as a PLAIN client, 1 to 255 bytes. Setting it chooses PLAIN; null chooses no mechanism. Default null. `ZMQ_PLAIN_USERNAME`. */
  plainUsername?: string | null;
  /** Password as a PLAIN client, 1 to 255 bytes. As `plainUsername`. Default null. `ZMQ_PLAIN_PASSWORD`. */
  plainPassword?: string | null;
  /** Whether this side is the CURVE server. Default false. `ZMQ_CURVE_SERVER`. */
  curveServer?: boolean;
  /** Own public key as a CURVE client: 40 characters of Z85 (or 32 bytes in a Buffer). Setting a key chooses CURVE. Default null. `ZMQ_CURVE_PUBLICKEY`. */
  curvePublicKey?: string | null;
  /** Own secret key, on both sides of CURVE. Default null. `ZMQ_CURVE_SECRETKEY`. */
  curveSecretKey?: string | null;
  /** The server's public key, on a CURVE client. Default null. `ZMQ_CURVE_SERVERKEY`. */
  curveServerKey?: string | null;
  /** The domain told to the ZAP handler, 1 to 255 bytes; with NULL it also says that the handler is asked at all. Default null. `ZMQ_ZAP_DOMAIN`. */
  zapDomain?: string | null;
  /** Whether a missing ZAP handler refuses peers wherever a domain is set. Default false. `ZMQ_ZAP_ENFORCE_DOMAIN`. */
  zapEnforceDomain?: boolean;
  /** Refused unless false: there is no GSSAPI here. `ZMQ_GSSAPI_SERVER`. */
  gssapiServer?: boolean;
  /** Refused unless null: there is no GSSAPI here. `ZMQ_GSSAPI_PRINCIPAL`. */
  gssapiPrincipal?: string | null;
  /** Refused unless null: there is no GSSAPI here. `ZMQ_GSSAPI_SERVICE_PRINCIPAL`. */
  gssapiServicePrincipal?: string | null;
  /** Refused unless false: there is no GSSAPI here. `ZMQ_GSSAPI_PLAINTEXT`. */
  gssapiPlainText?: boolean;
  /** Without effect: there is no GSSAPI here. Default hostBased. `ZMQ_GSSAPI_PRINCIPAL_NAMETYPE`. */
  gssapiPrincipalNameType?: 'hostBased' | 'userName' | 'krb5Principal';
  /** Without effect: there is no GSSAPI here. Default hostBased. `ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE`. */
  gssapiServicePrincipalNameType?: 'hostBased' | 'userName' | 'krb5Principal';
  /** Without effect: there are no I/O threads. Default 0. `ZMQ_AFFINITY`. */
  affinity?: number;
  /**
   * Largest rate at which a multicast endpoint sends, in kbit/s, repairs included. With `recoveryInterval` it also says how much is
   * kept for repairs, on both sides: set it alike on publishers and subscribers. Default 100. `ZMQ_RATE`.
   */
  rate?: number;
  /** How long multicast data can be asked for again, in ms: publishers keep what `rate` brings in that time, and so do subscribers behind what is missing. Default 10000. `ZMQ_RECOVERY_IVL`. */
  recoveryInterval?: number;
  /** Largest multicast packet, in bytes with its IP header; 100 to 65535 where an endpoint is multicast. libzmq's receivers take none that is larger than theirs. Default 1500. `ZMQ_MULTICAST_MAXTPDU`. */
  multicastMaxTransportDataUnit?: number;
  /** Without effect: there is no VMCI here. Default 0. `ZMQ_VMCI_BUFFER_SIZE`. */
  vmciBufferSize?: number;
  /** Without effect: there is no VMCI here. Default 0. `ZMQ_VMCI_BUFFER_MIN_SIZE`. */
  vmciBufferMinSize?: number;
  /** Without effect: there is no VMCI here. Default 0. `ZMQ_VMCI_BUFFER_MAX_SIZE`. */
  vmciBufferMaxSize?: number;
  /** Without effect: there is no VMCI here. Default -1. `ZMQ_VMCI_CONNECT_TIMEOUT`. */
  vmciConnectTimeout?: number;
  /** Without effect: it is about Windows. Default false. `ZMQ_LOOPBACK_FASTPATH`. */
  loopbackFastPath?: boolean;
  /** Further properties of our READY, by names that start with `X-`. Default none. `ZMQ_METADATA`. */
  metadata?: Readonly<Record<string, string>>;
}

/** Options of sockets that send. */
export interface WritableOptions {
  /** Messages that may wait to be sent to one peer; 0 for no limit. Default 1000. `ZMQ_SNDHWM`. */
  sendHighWaterMark?: number;
  /** How long `send()` waits for room before it fails with EAGAIN, in ms; 0 never waits, -1 has no limit. Default -1. `ZMQ_SNDTIMEO`. */
  sendTimeout?: number;
  /** The system's send buffer of multicast endpoints, in bytes; -1 as the system has it. Without effect on others: Node cannot set that of a stream. Default -1. `ZMQ_SNDBUF`. */
  sendBufferSize?: number;
  /** Time to live of multicast packets, 1 to 255: with 1 they stay in the local network. Default 1. `ZMQ_MULTICAST_HOPS`. */
  multicastHops?: number;
  /** Whether multicast that is sent by a network interface is also heard on this machine. Default true. `ZMQ_MULTICAST_LOOP`, which libzmq's multicast takes no notice of. */
  multicastLoop?: boolean;
}

/** Options of sockets that receive. */
export interface ReadableOptions {
  /** Messages of one peer that may wait to be received before its connection is paused; 0 for none. Default 1000. `ZMQ_RCVHWM`. */
  receiveHighWaterMark?: number;
  /** How long `receive()` waits for a message before it fails with EAGAIN, in ms; 0 never waits, -1 has no limit. Default -1. `ZMQ_RCVTIMEO`. */
  receiveTimeout?: number;
  /** The system's receive buffer of multicast endpoints, in bytes; -1 as the system has it. Without effect on others: Node cannot set that of a stream. Default -1. `ZMQ_RCVBUF`. */
  receiveBufferSize?: number;
}

/** Which subscriptions of its peers an XPublisher gives its user to read. */
export type Verbosity = null | 'allSubs' | 'allSubsUnsubs';

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
  /** ROUTER: a new peer takes over a routing id that is in use; the old peer stays connected, unheard and unspoken to. Default false. `ZMQ_ROUTER_HANDOVER`. */
  handover?: boolean;
  /** PUSH, PULL, PUB, SUB, DEALER, SCATTER, GATHER: only the newest message waits, to be sent or to be received. Set it before bind and connect. Default false. `ZMQ_CONFLATE`. */
  conflate?: boolean;
  /** PUB, XPUB: a full subscriber makes `send()` wait, in place of missing the message. Default false. `ZMQ_XPUB_NODROP`. */
  noDrop?: boolean;
  /** PUB, SUB, XPUB: messages go to those whose subscriptions do not match. Default false. `ZMQ_INVERT_MATCHING`. */
  invertMatching?: boolean;
  /** XPUB: subscriptions have no effect until the program calls `subscribe` or `unsubscribe` for the peer it last read from. Default false. `ZMQ_XPUB_MANUAL`. */
  manual?: boolean;
  /** XPUB: the first message to every new peer; null for none. Default null. `ZMQ_XPUB_WELCOME_MSG`. */
  welcomeMessage?: string | null;
  /** XPUB: whether repeated subscriptions, or also repeated unsubscriptions, are given to be read. Default null. `ZMQ_XPUB_VERBOSE`, `ZMQ_XPUB_VERBOSER`. */
  verbosity?: Verbosity;
  /** STREAM: connects and disconnects are told as empty messages. Default true. `ZMQ_STREAM_NOTIFY`. */
  notify?: boolean;
}

/** Every option there is; each socket type takes the common ones and its own. */
export type AnySocketOptions = CommonOptions & WritableOptions & ReadableOptions & PatternOptions;

/** Name of any option. */
export type OptionName = keyof AnySocketOptions;

/** What a mechanism is called by `securityMechanism`. */
export type SecurityMechanism = null | 'plain' | 'curve';

type Stored = Omit<
  Required<AnySocketOptions>,
  | 'routingId'
  | 'welcomeMessage'
  | 'tcpAcceptFilter'
  | 'curvePublicKey'
  | 'curveSecretKey'
  | 'curveServerKey'
> & {
  readonly routingId: string | Buffer | null;
  readonly welcomeMessage: string | Buffer | null;
  /** Every filter that was set, in order. */
  readonly tcpAcceptFilter: readonly string[];
  readonly curvePublicKey: string | Buffer | null;
  readonly curveSecretKey: string | Buffer | null;
  readonly curveServerKey: string | Buffer | null;
};

/** Options with every default filled in; frozen. */
export type ResolvedSocketOptions = Readonly<Stored> & {
  /** Chosen by the last security option that was set (`ZMQ_MECHANISM`). */
  readonly securityMechanism: SecurityMechanism;
};

interface Row<T> {
  readonly default: T;
  readonly check: Check;
  /** Works on what is bound and connected already; others only on later binds and connects. */
  readonly immediate?: true;
}

type Table = { readonly [K in OptionName]: Row<ResolvedSocketOptions[K]> };

/** What libzmq's field of tenths of a second holds. */
const HEARTBEAT_TTL_MAX_MS = 6_553_599;
const METADATA_NAME = /^X-[\x21-\x7e]{1,253}$/;
const CURVE_KEY_BYTES = 32;
const CURVE_KEY_CHARACTERS = 40;
const NAME_TYPES = ['hostBased', 'userName', 'krb5Principal'] as const;

const TABLE: Table = {
  linger: { default: -1, check: integer(-1), immediate: true },
  maxMessageSize: { default: -1, check: integer(-1, Number.MAX_SAFE_INTEGER) },
  maxMultipartSize: { default: -1, check: integer(-1, Number.MAX_SAFE_INTEGER) },
  strictBusy: { default: false, check: boolean, immediate: true },
  reconnectInterval: { default: 100, check: integer(-1) },
  reconnectMaxInterval: { default: 0, check: integer(0) },
  backlog: { default: 100, check: integer(0) },
  immediate: { default: false, check: boolean },
  ipv6: { default: false, check: boolean },
  handshakeInterval: { default: 30_000, check: integer(0) },
  connectTimeout: { default: 0, check: integer(0) },
  heartbeatInterval: { default: 0, check: integer(0) },
  heartbeatTimeout: { default: -1, check: integer(-1) },
  heartbeatTimeToLive: { default: 0, check: integer(0, HEARTBEAT_TTL_MAX_MS) },
  tcpKeepalive: { default: -1, check: integer(-1, 1) },
  tcpKeepaliveCount: { default: -1, check: integer(-1) },
  tcpKeepaliveIdle: { default: -1, check: integer(-1) },
  tcpKeepaliveInterval: { default: -1, check: integer(-1) },
  tcpAcceptFilter: { default: Object.freeze([]), check: addressRange },
  tcpMaxRetransmitTimeout: { default: 0, check: integer(0) },
  socksProxy: { default: null, check: text(255) },
  interface: { default: null, check: text(16) },
  typeOfService: { default: 0, check: integer(0) },
  plainServer: { default: false, check: boolean },
  plainUsername: { default: null, check: text(255) },
  plainPassword: { default: null, check: secretText },
  curveServer: { default: false, check: boolean },
  curvePublicKey: { default: null, check: curveKey },
  curveSecretKey: { default: null, check: curveKey },
  curveServerKey: { default: null, check: curveKey },
  zapDomain: { default: null, check: text(255) },
  zapEnforceDomain: { default: false, check: boolean },
  gssapiServer: { default: false, check: noGssapi },
  gssapiPrincipal: { default: null, check: noGssapi },
  gssapiServicePrincipal: { default: null, check: noGssapi },
  gssapiPlainText: { default: false, check: noGssapi },
  gssapiPrincipalNameType: { default: 'hostBased', check: oneOf(NAME_TYPES) },
  gssapiServicePrincipalNameType: { default: 'hostBased', check: oneOf(NAME_TYPES) },
  affinity: { default: 0, check: integer(0, Number.MAX_SAFE_INTEGER) },
  rate: { default: 100, check: integer(1) },
  recoveryInterval: { default: 10_000, check: integer(0) },
  multicastMaxTransportDataUnit: { default: 1500, check: integer(1) },
  vmciBufferSize: { default: 0, check: integer(0, Number.MAX_SAFE_INTEGER) },
  vmciBufferMinSize: { default: 0, check: integer(0, Number.MAX_SAFE_INTEGER) },
  vmciBufferMaxSize: { default: 0, check: integer(0, Number.MAX_SAFE_INTEGER) },
  vmciConnectTimeout: { default: -1, check: integer(-1) },
  loopbackFastPath: { default: false, check: boolean },
  metadata: { default: Object.freeze({}), check: metadata },
  sendHighWaterMark: { default: 1000, check: integer(0), immediate: true },
  sendTimeout: { default: -1, check: integer(-1), immediate: true },
  sendBufferSize: { default: -1, check: integer(-1) },
  multicastHops: { default: 1, check: integer(1, 255) },
  multicastLoop: { default: true, check: boolean },
  receiveHighWaterMark: { default: 1000, check: integer(0), immediate: true },
  receiveTimeout: { default: -1, check: integer(-1), immediate: true },
  receiveBufferSize: { default: -1, check: integer(-1) },
  routingId: { default: null, check: text(255) },
  probeRouter: { default: false, check: boolean, immediate: true },
  correlate: { default: false, check: boolean, immediate: true },
  relaxed: { default: false, check: boolean, immediate: true },
  mandatory: { default: false, check: boolean, immediate: true },
  handover: { default: false, check: boolean, immediate: true },
  conflate: { default: false, check: boolean },
  noDrop: { default: false, check: boolean, immediate: true },
  invertMatching: { default: false, check: boolean, immediate: true },
  manual: { default: false, check: boolean, immediate: true },
  welcomeMessage: { default: null, check: welcome, immediate: true },
  verbosity: { default: null, check: oneOf([null, 'allSubs', 'allSubsUnsubs']), immediate: true },
  notify: { default: true, check: boolean },
};

const DEFAULTS: ResolvedSocketOptions = Object.freeze({
  ...Object.fromEntries(Object.entries(TABLE).map(([name, row]) => [name, row.default])),
  securityMechanism: null,
}) as ResolvedSocketOptions; // TABLE has a row of the right type for every name

/** Names of the options of sockets that send. */
export const WRITABLE_OPTION_NAMES: readonly (keyof WritableOptions)[] = [
  'sendHighWaterMark',
  'sendTimeout',
  'sendBufferSize',
  'multicastHops',
  'multicastLoop',
];

/** Names of the options of sockets that receive. */
export const READABLE_OPTION_NAMES: readonly (keyof ReadableOptions)[] = [
  'receiveHighWaterMark',
  'receiveTimeout',
  'receiveBufferSize',
];

/** Names of the options that every socket takes: the first rows of the table. */
export const COMMON_OPTION_NAMES: readonly (keyof CommonOptions)[] = Object.keys(TABLE).slice(
  0,
  Object.keys(TABLE).indexOf('metadata') + 1,
) as (keyof CommonOptions)[]; // in the order of the table

/** What a socket type changes about the options of all. */
export interface OptionRules {
  /** Names it takes beside the common ones. */
  readonly options: readonly OptionName[];
  /** Defaults of its own, and of its context. */
  readonly defaults?: Partial<ResolvedSocketOptions>;
}

/**
 * Fills in defaults and checks every value, in the order given; an explicit undefined means the default.
 *
 * @throws TransportError `EINVAL` for a value out of range.
 * @throws TypeError for an unknown name or a wrong type.
 */
export function resolveSocketOptions(
  options: AnySocketOptions,
  rules: OptionRules,
): ResolvedSocketOptions {
  let resolved: ResolvedSocketOptions = Object.freeze({ ...DEFAULTS, ...rules.defaults });
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!isTaken(name, rules)) {
      failType(
        `This socket has no option ${JSON.stringify(name)}. See docs/reference/sockets.md for those it has.`,
      );
    }
    resolved = withOption(resolved, name, value);
  }
  return resolved;
}

/**
 * The same options with one changed, and with the mechanism that a security option chooses.
 *
 * @throws as {@link resolveSocketOptions} does.
 */
export function withOption(
  options: ResolvedSocketOptions,
  name: OptionName,
  value: unknown,
): ResolvedSocketOptions {
  TABLE[name].check(name, value);
  const stored = storedForm(options, name, value);
  return Object.freeze({ ...options, [name]: stored, ...chosenSecurity(options, name, value) });
}

/** What is kept of a value: never something that its owner can still change. */
function storedForm(options: ResolvedSocketOptions, name: OptionName, value: unknown): unknown {
  switch (name) {
    case 'tcpAcceptFilter':
      return value === null ? [] : [...options.tcpAcceptFilter, String(value)];
    case 'heartbeatTimeToLive':
      return Math.floor((value as number) / 100) * 100; // a number: it was checked
    case 'metadata':
      return Object.freeze({ ...(value as object) }); // an object of strings: it was checked
    default:
      if (name === 'welcomeMessage' && value === '') return null;
      return Buffer.isBuffer(value) ? Buffer.from(value) : value;
  }
}

/** Whether a change works only on later binds and connects. */
export function worksLater(name: OptionName): boolean {
  return TABLE[name].immediate !== true;
}

/** What an option's property shows: what was set, where we keep it in another form. */
export function shownOption(options: ResolvedSocketOptions, name: OptionName): unknown {
  const value = options[name];
  if (name === 'tcpAcceptFilter') return options.tcpAcceptFilter.at(-1) ?? null;
  return Buffer.isBuffer(value) && !name.startsWith('curve') ? value.toString() : value;
}

/**
 * The last option that was set chooses the mechanism and the role. Unlike in libzmq, "not the server" does not take back a
 * mechanism that another option chose: it would leave the socket open without anybody having said so.
 */
function chosenSecurity(
  options: ResolvedSocketOptions,
  name: OptionName,
  value: unknown,
): Partial<ResolvedSocketOptions> {
  const { securityMechanism: chosen } = options;
  const hasPassword = options.plainUsername !== null || options.plainPassword !== null;
  const hasKey = options.curveSecretKey !== null || options.curveServerKey !== null;
  switch (name) {
    case 'plainServer':
      if (value === true) return { securityMechanism: 'plain', curveServer: false };
      return chosen === 'plain' && !hasPassword ? { securityMechanism: null } : {};
    case 'plainUsername':
    case 'plainPassword':
      if (value !== null)
        return { securityMechanism: 'plain', plainServer: false, curveServer: false };
      return chosen === 'plain' ? { securityMechanism: null } : {};
    case 'curveServer':
      if (value === true) return { securityMechanism: 'curve', plainServer: false };
      return chosen === 'curve' && !hasKey ? { securityMechanism: null } : {};
    case 'curvePublicKey':
    case 'curveSecretKey':
      return value === null ? {} : { securityMechanism: 'curve', plainServer: false };
    case 'curveServerKey':
      return value === null
        ? {}
        : { securityMechanism: 'curve', plainServer: false, curveServer: false };
    default:
      return {};
  }
}

function isTaken(name: string, rules: OptionRules): name is OptionName {
  return (
    (COMMON_OPTION_NAMES as readonly string[]).includes(name) ||
    (rules.options as readonly string[]).includes(name)
  );
}

/** An empty one is none. */
function welcome(name: string, value: unknown): void {
  if (value !== '') text(INT32_MAX)(name, value);
}

function addressRange(name: string, value: unknown): void {
  text(255)(name, value);
  if (value !== null && parseAddressRange(String(value)) === undefined)
    refuse(name, 'an IPv4 or IPv6 address with an optional /bits', value);
}

/** As `text(255)`, but never shows what came. */
function secretText(name: string, value: unknown): void {
  if (value === null) return;
  if (typeof value !== 'string' && !Buffer.isBuffer(value))
    refuseType(name, 'a string, a Buffer or null', typeof value);
  const bytes = Buffer.byteLength(value);
  if (bytes < 1 || bytes > 255)
    refuse(name, 'null or a string of 1 to 255 bytes', `${bytes} bytes`);
}

/** Never shows what came: it may be a secret key. */
function curveKey(name: string, value: unknown): void {
  if (value === null) return;
  if (typeof value !== 'string' && !Buffer.isBuffer(value))
    refuseType(name, 'a string, a Buffer or null', typeof value);
  const isKey = Buffer.isBuffer(value)
    ? value.length === CURVE_KEY_BYTES
    : value.length === CURVE_KEY_CHARACTERS && decodeZ85(value) !== undefined;
  if (!isKey) {
    refuse(
      name,
      'a key of 40 characters of Z85, or of 32 bytes in a Buffer',
      `${value.length} of something else`,
    );
  }
}

function noGssapi(name: string, value: unknown): void {
  if (value === null || value === false) return;
  fail('EINVAL', `Invalid argument: ${name} needs GSSAPI, which is not here. Use CURVE.`);
}

function metadata(name: string, value: unknown): void {
  const expected = 'an object of strings under names that start with "X-"';
  if (typeof value !== 'object' || value === null) refuseType(name, expected, value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuseType(name, expected, value);
  for (const [key, entry] of Object.entries(value)) {
    if (!METADATA_NAME.test(key) || typeof entry !== 'string') refuse(name, expected, key);
  }
}
