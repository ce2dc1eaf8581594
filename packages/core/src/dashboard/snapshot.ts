/**
 * What the dashboard shows of a service at one moment: what its page is sent each second, as JSON. Types only, for the two programs
 * that must agree: the service's and the page's. Durations are milliseconds, sizes bytes; what is not known is null.
 */

/** One worker. */
export interface WorkerView {
  readonly id: number;
  readonly pid: number | null;
  /** Null for the default one. */
  readonly pool: string | null;
  readonly state: string;
  readonly uptime: number;
  /** Requests given to its process. */
  readonly requests: number | null;
  readonly inFlight: number | null;
  /** For which part of the last second its event loop was busy, 0 to 1. */
  readonly utilization: number | null;
  readonly memory: number | null;
  readonly restarts: number;
}

/** One gateway process. */
export interface GatewayView {
  readonly id: number;
  readonly pid: number | null;
  readonly state: string;
  readonly uptime: number;
  /** Requests that have ended at it or those before it, since the start of the service. */
  readonly requests: number;
  readonly connections: number;
  /** For which part of the last second its event loop was busy, 0 to 1. */
  readonly utilization: number | null;
  readonly memory: number | null;
  readonly restarts: number;
}

/** A machine that has joined, or plain workers from one address; of a machine, a back end that it works for. */
export interface MachineView {
  readonly machine: string | null;
  readonly address: string;
  readonly workers: number;
  readonly inFlight: number | null;
  readonly requests: number | null;
}

/** How a worker or a gateway process died that was not told to end. */
export interface DeathView {
  readonly noun: 'worker' | 'gateway';
  readonly id: number;
  /** ISO 8601. */
  readonly time: string;
  readonly pid: number;
  readonly why: string | null;
  readonly uptime: number;
  /** Requests it held. */
  readonly held: number;
  /** The first of them, by their ids. */
  readonly requests: readonly string[];
  readonly stack: string | null;
}

/** Counters since the start, and what is going on now; of a machine that has joined only the last is known. */
export interface LoadView {
  readonly requests: number | null;
  readonly replies: number | null;
  /** Error replies of all kinds. */
  readonly errors: number | null;
  readonly queued: number | null;
  readonly inFlight: number | null;
  /** Of the request that has waited longest. */
  readonly longestWait: number | null;
  readonly restarts: number;
}

/** Of the requests of the last second; null when there were none. */
export interface PercentilesView {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** See the top of the file. */
export interface Snapshot {
  /** On a clock that nobody sets, of the service's process. */
  readonly at: number;
  readonly name: string;
  /** A service with its queue, or a machine that has joined one elsewhere. */
  readonly kind: 'service' | 'machine';
  readonly pid: number;
  readonly state: string;
  readonly uptime: number;
  /** Where clients connect. */
  readonly endpoints: readonly string[];
  /** Why there are as many workers as there are. */
  readonly reason: string;
  readonly load: LoadView;
  /** From the arrival of a request until a worker had it. */
  readonly waits: PercentilesView;
  /** From then until its reply. */
  readonly services: PercentilesView;
  /** None where the gateway is in the service's process, or there is none. */
  readonly gateways: readonly GatewayView[];
  readonly workers: readonly WorkerView[];
  readonly machines: readonly MachineView[];
  /** The last first. */
  readonly deaths: readonly DeathView[];
}
