/**
 * What a supervisor answers over its control socket: the shape of each reply's data. Types only; docs/reference/control.md has them
 * as JSON Schema. Durations are milliseconds, sizes bytes, times ISO 8601; what is not known or does not apply is null.
 */

import type { ProfileKind } from '../messages/profile-message.ts';
import type { CodecName } from '../options.ts';

/** What the supervisor is: of a service with its queue, or of a machine that has joined one elsewhere. */
export type SupervisorKind = 'service' | 'machine';

/** One worker in {@link StatusReport}. */
export interface WorkerReport {
  readonly id: number;
  /** Null when no process could be started. */
  readonly pid: number | null;
  /** The pool it is in; null for the default one. */
  readonly pool: string | null;
  readonly state: 'starting' | 'ready' | 'draining' | 'stopping' | 'exited';
  /** Since its process was started. */
  readonly uptime: number;
  /** Requests given to the process; null on a joined machine, whose queues are elsewhere. */
  readonly requests: number | null;
  /** Requests it holds. */
  readonly inFlight: number | null;
  /** Resident memory. */
  readonly memory: number | null;
  /** How many times the worker with this id was replaced. */
  readonly restarts: number;
}

/** One gateway process in {@link StatusReport}. */
export interface GatewayReport {
  readonly id: number;
  readonly pid: number | null;
  readonly state: WorkerReport['state'];
  /** Since its process was started. */
  readonly uptime: number;
  /** Requests that have ended at the gateway with this id, since the start of the service. */
  readonly requests: number;
  /** Of clients, that are open. */
  readonly connections: number;
  /** For which part of the last second its event loop was busy, 0 to 1. */
  readonly utilization: number | null;
  /** Resident memory. */
  readonly memory: number | null;
  /** How many times the gateway with this id was replaced. */
  readonly restarts: number;
}

/** The reply to `status`. */
export interface StatusReport {
  readonly name: string;
  readonly kind: SupervisorKind;
  /** Process id of the supervisor. */
  readonly pid: number;
  readonly state: 'starting' | 'serving' | 'closing' | 'closed';
  readonly uptime: number;
  /** Where clients connect. */
  readonly endpoints: readonly string[];
  /** Where further workers connect; of a machine: where it is connected. */
  readonly backends: readonly string[];
  /** How values become bytes. */
  readonly codec: CodecName;
  /** Why there are as many workers as there are. */
  readonly reason: string;
  /** Requests that wait for a worker. */
  readonly queued: number | null;
  /** Empty where the gateway is in the supervisor's process, or there is none. */
  readonly gateways: readonly GatewayReport[];
  readonly workers: readonly WorkerReport[];
}

/** The reply to `stats`: `stats()` of the server without its workers. All but the last two are null on a joined machine. */
export interface StatsReport {
  readonly requests: number | null;
  readonly replies: number | null;
  readonly errors: Readonly<Record<string, number>> | null;
  readonly queued: number | null;
  readonly queuedBytes: number | null;
  readonly longestWait: number | null;
  readonly inFlight: number | null;
  readonly cancelled: number | null;
  readonly retried: number | null;
  readonly lateReplies: number | null;
  readonly undelivered: number | null;
  readonly slowClients: number | null;
  readonly recycled: number | null;
  readonly restarts: number;
  readonly hangs: number;
}

/** The reply to `metrics`. */
export interface MetricsReport {
  /** In Prometheus' text format. */
  readonly text: string;
}

/** One other machine in {@link MachinesReport}, or a back end. */
export interface MachineReport {
  /** The machine that joined, by name; null for a plain worker, and for a back end. */
  readonly machine: string | null;
  /** Where from, or the back end. */
  readonly address: string;
  readonly workers: number;
  readonly inFlight: number | null;
  readonly requests: number | null;
}

/** The reply to `machines`. */
export interface MachinesReport {
  readonly machines: readonly MachineReport[];
}

/** How a worker died. */
export interface DeathEntry {
  readonly time: string;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly why: string | null;
  readonly uptime: number;
  /** Requests it held. */
  readonly held: number;
  readonly requests: readonly string[];
  readonly stack: string | null;
}

/** The reply to `inspect`. */
export interface InspectReport {
  readonly worker: WorkerReport;
  /** The effective options: no limit is null, secrets are left out. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** The first of the requests that it holds, oldest first; null on a joined machine. */
  readonly requests: readonly { readonly id: string; readonly age: number }[] | null;
  /** How the worker with this id died last; null when it never did. */
  readonly lastDeath: DeathEntry | null;
}

/** The reply to what changes the workers. */
export interface ChangeReport {
  /** How many workers there are now. */
  readonly workers: number;
  /** Why. */
  readonly reason: string;
}

/** The reply to `kill`. */
export interface KillReport {
  readonly worker: number;
  readonly pid: number;
  readonly signal: string;
}

/** The reply to `profile`: the file is complete. */
export interface ProfileReport {
  readonly worker: number;
  readonly pid: number | null;
  readonly kind: ProfileKind;
  readonly file: string;
  /** Its size. */
  readonly bytes: number;
  /** How long it took. */
  readonly duration: number;
}

/** The reply to `end-profile`. */
export interface EndProfileReport {
  readonly worker: number;
  /** Whether a profile was being taken. */
  readonly ended: boolean;
}

/** An entry of a journal: what happened, or a line of the log. Further facts stand beside these. */
export interface JournalEntry {
  /** Its number, from 1. */
  readonly number: number;
  readonly time: string;
  readonly [fact: string]: unknown;
}

/** The reply to `events` and `logs`. */
export interface JournalReport {
  readonly entries: readonly JournalEntry[];
  /** The number to ask behind next time. */
  readonly last: number;
  /** How many entries were forgotten before they were asked for. */
  readonly missed: number;
}
