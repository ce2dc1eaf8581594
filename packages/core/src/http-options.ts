/**
 * The options of `scale()` that are about HTTP: what each means, its unit, its default and its range. They are part of ScaleOptions,
 * which is checked in options.ts.
 */
import { type Check, count, duration, isListOf, isString } from './option-checks.ts';

/** Ways to write requests of HTTP as messages. */
export const HTTP_FORMATS = ['zhttp', 'msgpack', 'json'] as const;
/** One of them. */
export type HttpFormat = (typeof HTTP_FORMATS)[number];

/** Options of the gateway. They mean nothing to clients of ZeroMQ. */
export interface HttpOptions {
  /** For `https://`: the file of the certificate, PEM, with the chain behind it. Read again at each reload. Default none. */
  tlsCert?: string | undefined;
  /** For `https://`: the file of the certificate's key, PEM, without a passphrase. Default none. */
  tlsKey?: string | undefined;
  /** Largest head of a request, in bytes, from 1024; beyond it the answer is 431. Default 16 384 (16 KiB). */
  maxHeaderSize?: number | undefined;
  /**
   * Largest body of a request, in bytes, from 0; beyond it the answer is 413. Bodies stream, so they need no limit to be held in
   * memory. A message handler's are whole messages: `maxMessageSize` bounds them too. Default `Infinity`.
   */
  maxBodySize?: number | undefined;
  /** How long a client may take to send the head of a request, in ms, from 1; then the answer is 408. Default 30 000. */
  headerTimeout?: number | undefined;
  /**
   * How long a client may be silent where something is expected of it, in ms, from 1: the rest of a body, then the answer is 408,
   * or that it takes an answer, then the connection is ended. Default 60 000.
   */
  bodyTimeout?: number | undefined;
  /** How long a connection is kept for a next request, in ms, from 1. Default 75 000. */
  keepAliveTimeout?: number | undefined;
  /**
   * Connections at once, from 1 and not below `gateways`, which divide it: one that has its share ends further ones, others may have
   * room. Default 10 000.
   */
  maxConnections?: number | undefined;
  /**
   * Proxies that are believed: addresses, ranges (`10.0.0.0/8`), `loopback`, `private`, `*`. What they say in `X-Forwarded-For`,
   * `X-Forwarded-Proto` or `Forwarded` is the client, and others lose such headers. Whoever comes by a Unix socket is trusted then.
   * Default none: the application gets the address of whoever connected and all headers as they came.
   */
  trustedProxies?: string | readonly string[] | undefined;
  /**
   * How requests are written for workers that are REP sockets in any language: each is one message with the fields of ZHTTP, in
   * tnetstrings (`'zhttp'`), MessagePack or JSON, and so are their answers. Default none: such workers get the bodies of POST.
   */
  httpFormat?: HttpFormat | undefined;
  /**
   * What requests belong together by, so that they go to the same worker: `cookie:NAME`, which is set where it is absent,
   * `header:NAME`, `query:NAME` or `address`. Means `balance: 'hash'`. Default none.
   */
  sticky?: string | undefined;
  /** Where a line for each request is written, as JSON: a file, or `'-'` for standard output. Default none. */
  accessLog?: string | undefined;
  /**
   * Where `/healthz` and `/readyz` are answered, and where the dashboard is, an endpoint of HTTP: `http://127.0.0.1:9090`. Not for the
   * public. Default none.
   */
  admin?: string | undefined;
  /**
   * The path of a file with the token that the dashboard asks for: 16 to 256 characters without spaces. Read once, at the start. Without
   * one, the dashboard is open to this machine, and closed where other machines can reach `admin`. Default none.
   */
  adminTokenFile?: string | undefined;
  /**
   * How long a stopping service goes on as before, but for `/readyz`, so that balancers hear of it first, in ms, from 0. Default 0.
   */
  drainDelay?: number | undefined;
  /**
   * What a function is that is no known web application: `true` for a listener `(req, res)`, `false` for a handler of values
   * `(request, context)`. Default: a listener where it takes two parameters or more and `bind` names endpoints of HTTP only.
   */
  http?: boolean | undefined;
  /**
   * How many processes are the gateway, from 1 to 64. One is in the process of the queue; several are processes of their own, which
   * share each address; they are refused where no HTTP is spoken. Default 1.
   */
  gateways?: number | undefined;
}

/** With every default filled in and every list a list. */
export interface ResolvedHttpOptions {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly maxHeaderSize: number;
  readonly maxBodySize: number;
  readonly headerTimeout: number;
  readonly bodyTimeout: number;
  readonly keepAliveTimeout: number;
  readonly maxConnections: number;
  readonly trustedProxies: readonly string[] | undefined;
  readonly httpFormat: HttpFormat | undefined;
  readonly sticky: string | undefined;
  readonly accessLog: string | undefined;
  readonly admin: string | undefined;
  readonly adminTokenFile: string | undefined;
  readonly drainDelay: number;
  readonly http: boolean | undefined;
  readonly gateways: number;
}

/** What each option is when nobody says anything. */
export const HTTP_DEFAULTS: ResolvedHttpOptions = Object.freeze({
  tlsCert: undefined,
  tlsKey: undefined,
  maxHeaderSize: 16 * 1024,
  maxBodySize: Number.POSITIVE_INFINITY,
  headerTimeout: 30_000,
  bodyTimeout: 60_000,
  keepAliveTimeout: 75_000,
  maxConnections: 10_000,
  trustedProxies: undefined,
  httpFormat: undefined,
  sticky: undefined,
  accessLog: undefined,
  admin: undefined,
  adminTokenFile: undefined,
  drainDelay: 0,
  http: undefined,
  gateways: 1,
});

const MAX_GATEWAYS = 64;
const MIN_HEADER_BYTES = 1024;
const MAX_HEADER_BYTES = 1024 * 1024;

/** A check for each. */
export const HTTP_CHECKS: { readonly [Name in keyof ResolvedHttpOptions]: Check } = {
  tlsCert: { expected: 'the path of a file', accepts: isText },
  tlsKey: { expected: 'the path of a file', accepts: isText },
  maxHeaderSize: {
    expected: `a whole number of bytes from ${MIN_HEADER_BYTES} to ${MAX_HEADER_BYTES}`,
    accepts: (value) =>
      Number.isInteger(value) &&
      Number(value) >= MIN_HEADER_BYTES &&
      Number(value) <= MAX_HEADER_BYTES,
    advice: 'Each connection may hold as much.',
  },
  maxBodySize: count(0),
  headerTimeout: duration(1),
  bodyTimeout: duration(1),
  keepAliveTimeout: duration(1),
  maxConnections: count(1),
  trustedProxies: {
    expected: 'an address, a range of addresses, loopback, private or *, or a list of them',
    accepts: (value) => isText(value) || isListOf(isString, value),
  },
  httpFormat: {
    expected: 'zhttp, msgpack or json',
    accepts: (value) => HTTP_FORMATS.some((format) => format === value),
  },
  sticky: {
    expected: 'cookie:NAME, header:NAME, query:NAME or address',
    accepts: (value) => isString(value) && /^(address|(cookie|header|query):.+)$/.test(value),
  },
  accessLog: { expected: "the path of a file, or '-' for standard output", accepts: isText },
  admin: {
    expected: 'an endpoint of HTTP',
    accepts: (value) => isString(value) && /^(http:\/\/|unix:|fd:)/.test(value),
    advice: 'Write http://127.0.0.1:9090 or unix:/run/app-admin.sock.',
  },
  adminTokenFile: { expected: 'the path of a file', accepts: isText },
  drainDelay: duration(0),
  http: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  gateways: {
    expected: `a whole number from 1 to ${MAX_GATEWAYS}`,
    accepts: (value) =>
      Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_GATEWAYS,
  },
};

/** Fills in defaults. The values are checked already. */
export function resolveHttpOptions(options: HttpOptions): ResolvedHttpOptions {
  const { trustedProxies } = options;
  return {
    tlsCert: options.tlsCert ?? HTTP_DEFAULTS.tlsCert,
    tlsKey: options.tlsKey ?? HTTP_DEFAULTS.tlsKey,
    maxHeaderSize: options.maxHeaderSize ?? HTTP_DEFAULTS.maxHeaderSize,
    maxBodySize: options.maxBodySize ?? HTTP_DEFAULTS.maxBodySize,
    headerTimeout: options.headerTimeout ?? HTTP_DEFAULTS.headerTimeout,
    bodyTimeout: options.bodyTimeout ?? HTTP_DEFAULTS.bodyTimeout,
    keepAliveTimeout: options.keepAliveTimeout ?? HTTP_DEFAULTS.keepAliveTimeout,
    maxConnections: options.maxConnections ?? HTTP_DEFAULTS.maxConnections,
    trustedProxies: typeof trustedProxies === 'string' ? trustedProxies.split(',') : trustedProxies,
    httpFormat: options.httpFormat ?? HTTP_DEFAULTS.httpFormat,
    sticky: options.sticky ?? HTTP_DEFAULTS.sticky,
    accessLog: options.accessLog ?? HTTP_DEFAULTS.accessLog,
    admin: options.admin ?? HTTP_DEFAULTS.admin,
    adminTokenFile: options.adminTokenFile ?? HTTP_DEFAULTS.adminTokenFile,
    drainDelay: options.drainDelay ?? HTTP_DEFAULTS.drainDelay,
    http: options.http ?? HTTP_DEFAULTS.http,
    gateways: options.gateways ?? HTTP_DEFAULTS.gateways,
  };
}

function isText(value: unknown): value is string {
  return isString(value) && value !== '';
}
