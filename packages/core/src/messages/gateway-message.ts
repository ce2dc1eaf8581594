/**
 * What a supervisor and its gateway processes tell each other, beside what workers say and are told as well (process-message.ts):
 * `ready`, `leaving`, `drained`; `drain` and `stop`.
 *
 * Structured clones over Node's IPC channel. No code but ours runs in such a process, so nothing else is ever said; what is none of
 * these is left to the reader of the other kind.
 */

import type { HttpFormat } from '../http-options.ts';
import type { CodecName } from '../options.ts';
import type { TlsMaterial } from './tls-material.ts';

/** What a gateway must know. Durations are ms, sizes bytes; no limit is Infinity. */
export interface GatewaySettings {
  /** Of the service. */
  readonly codec: CodecName;
  /** Whether workers take requests of HTTP; else they take values in `codec`, and get a face. */
  readonly speaksHttp: boolean;
  readonly httpFormat: HttpFormat | undefined;
  readonly maxHeaderSize: number;
  readonly maxBodySize: number;
  readonly headerTimeout: number;
  readonly bodyTimeout: number;
  readonly keepAliveTimeout: number;
  readonly maxConnections: number;
  readonly maxMessageSize: number;
  readonly maxUnsentBytes: number;
  readonly trustedProxies: readonly string[] | undefined;
  readonly sticky: string | undefined;
  readonly hasPools: boolean;
  readonly accessLog: string | undefined;
  /** Whether other processes write to the same access log. */
  readonly sharesLog: boolean;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /**
   * What the program speaks TLS with; certificate and key of `tlsCert` and `tlsKey` are before its own. A gateway process has no such
   * files: it is given here what they had.
   */
  readonly programTls: TlsMaterial | undefined;
}

/** What a gateway counts. */
export interface GatewayStats {
  /** Connections that are open. */
  readonly connections: number;
  /** What is held of answers that are not taken, and of bodies that are not whole, in bytes. */
  readonly heldBytes: number;
  /** How many were ended because they had the most of that, and all had more than `maxUnsentBytes`. */
  readonly greedy: number;
  /** Connections that were turned away, since there were `maxConnections`. */
  readonly refused: number;
  /** Requests that were no HTTP, or could be read in two ways. */
  readonly malformed: number;
  /** Requests that have ended, in whatever way. */
  readonly requests: number;
  /** Answers that had begun and could not be ended. */
  readonly cut: number;
}

/** What went through a gateway. */
export interface GatewayTraffic {
  /** Requests that have ended by the class of their status, 1xx to 5xx. */
  readonly byClass: readonly number[];
  /** Bytes of the bodies of those requests that came, and of their answers that were written. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** What they took, in ms, without WebSocket and other tunnels: a snapshot of a histogram (metrics/histogram.ts). */
  readonly durations: {
    readonly counts: readonly number[];
    readonly count: number;
    readonly sum: number;
  };
}

/** Supervisor to gateway process. */
export type ToGateway =
  /** The first one. `endpoints` are descriptors that it inherited: `http://fd:5`. */
  | {
      readonly type: 'gateway-start';
      readonly settings: GatewaySettings;
      /** Where the queue takes requests of gateways. */
      readonly upstream: string;
      /** File URL of the handler's module: the application's OpenTelemetry is looked for from there. */
      readonly module: string | undefined;
      readonly endpoints: readonly string[];
      /** How long its event loop may stand still, in ms. */
      readonly hangTimeout: number;
    }
  /** TLS is spoken with something else from now on. */
  | { readonly type: 'gateway-tls'; readonly tls: TlsMaterial }
  /** Open logs again. */
  | { readonly type: 'gateway-reload' }
  /** End now, whatever is open. */
  | { readonly type: 'gateway-cut' };

/** The levels of a log line. */
export type GatewayLogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Gateway process to supervisor. */
export type FromGateway =
  /** Before `ready`: where it listens. */
  | { readonly type: 'gateway-bound'; readonly endpoints: readonly string[] }
  /** Its counters have changed. */
  | {
      readonly type: 'gateway-stats';
      readonly stats: GatewayStats;
      readonly traffic: GatewayTraffic;
    }
  /** A line for the log of the service. */
  | {
      readonly type: 'gateway-log';
      readonly level: GatewayLogLevel;
      readonly facts: Readonly<Record<string, unknown>>;
      readonly text: string;
    };

/** @returns undefined for what is said to workers, too */
export function parseToGateway(value: unknown): ToGateway | undefined {
  return isOurs(value) ? (value as ToGateway) : undefined; // whoever sends it is of the same version
}

/** @returns undefined for what workers say, too */
export function parseFromGateway(value: unknown): FromGateway | undefined {
  return isOurs(value) ? (value as FromGateway) : undefined; // as above
}

function isOurs(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { type } = value as { type?: unknown };
  return typeof type === 'string' && type.startsWith('gateway-');
}
