/**
 * What a service is to the program that runs it, and what is known of it before it begins: `server.ts` makes it, `machine.ts` and
 * `inert-server.ts` are the same where workers are for services elsewhere, or are this process.
 */

import type { ZscaleError } from './errors.ts';
import type { GatewayExit } from './gateway-processes.ts';
import type { GatewayStats } from './messages/gateway-message.ts';
import type { CodecName } from './options.ts';
import type { QueueStats } from './queue/queue-stats.ts';
import type { CommandLaunch } from './supervisor/command-launch.ts';
import type { Launch } from './supervisor/launch.ts';
import type { Relaunch } from './supervisor/renewal.ts';
import type { WorkerInfo } from './supervisor/supervisor.ts';

/** The exit code of a program whose service gave up and that does not listen to `'failed'`. */
const EXIT_CRASH_LOOP = 5;

/** What a server tells, and with which facts. Durations are milliseconds. */
export interface ServerEvents {
  /** A worker process was started: one more by `resize()`, or a replacement. */
  'worker-started': [{ readonly id: number; readonly pid: number }];
  /** It takes requests; `ms` is the time since it was started. */
  'worker-ready': [{ readonly id: number; readonly pid: number; readonly ms: number }];
  /** A worker process ended; unless `expected`, that was a crash. */
  'worker-exited': [
    {
      readonly id: number;
      readonly pid: number;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly expected: boolean;
      /** Why it died, in one sentence; undefined when it was told to end. */
      readonly why: string | undefined;
      /** Milliseconds from its start to its end. */
      readonly uptime: number;
      /** Requests it held at its end. */
      readonly held: number;
      /** Milliseconds since the oldest of those came; 0 when there is none. */
      readonly oldestHeld: number;
      /** The first ten of them, by the `requestId` that their handlers have. */
      readonly requests: readonly string[];
      /** Where its event loop stood still; undefined unless it hung, in JavaScript. */
      readonly stack: string | undefined;
    },
  ];
  /** A worker that is well is replaced for this reason, successor first (`maxMemory`, `maxRequests`, `maxLifetime`). */
  'worker-recycling': [{ readonly id: number; readonly pid: number; readonly reason: string }];
  /** `autoscale` goes to so many workers, for this reason. */
  scaling: [{ readonly workers: number; readonly reason: string }];
  /** A crashed worker will be started again in `delay` ms, for the `attempt`th time in a row. */
  'worker-restarting': [{ readonly id: number; readonly delay: number; readonly attempt: number }];
  /** A gateway process takes connections (`gateways`); `ms` is the time since it was started. */
  'gateway-ready': [{ readonly id: number; readonly pid: number; readonly ms: number }];
  /** A gateway process ended; unless `expected`, that was a crash, and it will be replaced. */
  'gateway-exited': [GatewayExit];
  /**
   * A worker crashed again and again (`ZSCALE_ERR_CRASH_LOOP`), so the server was closed. Without a
   * listener the program's exit code becomes 5.
   */
  failed: [ZscaleError];
  /** Nothing is left of the server: no process, no socket, no file. The last event. */
  closed: [];
}

/** Counters of the whole service, as they are at the moment. */
export interface ServerStats extends QueueStats {
  /** How many times workers were replaced. */
  readonly restarts: number;
  /** How many of these times it was for `maxMemory`, `maxRequests` or `maxLifetime`. */
  readonly recycled: number;
  /** How many workers were killed because their event loop stood still (`hangTimeout`). */
  readonly hangs: number;
  /** Of the gateway; undefined where no HTTP is spoken. */
  readonly http: GatewayStats | undefined;
}

/** One gateway process. */
export type GatewayInfo = Pick<
  WorkerInfo,
  'id' | 'pid' | 'state' | 'restarts' | 'startedAt' | 'age'
>;

/** A running service. `await using` closes it at the end of the block. */
export interface Server extends AsyncDisposable {
  /** Where clients connect: the real addresses, with the port the system chose for `*` or 0. */
  readonly endpoints: readonly string[];
  /** Where REP sockets of any language may connect as further workers (option `backend`). */
  readonly backendEndpoints: readonly string[];
  /** How values become bytes; `'raw'` for a program, whose bytes are its own. */
  readonly codec: CodecName;
  /** Whether the workers are a web application; else they take values. */
  readonly speaksHttp: boolean;
  /** Where a program asked for its clients, wherever they are let in; undefined for all that asks for no address. */
  readonly programEndpoint: string | undefined;
  /** The worker processes, by id. */
  readonly workers: readonly WorkerInfo[];
  /** The gateway processes, by id; none where the gateway is in the process of the queue (`gateways: 1`). */
  readonly gateways: readonly GatewayInfo[];
  /** Why there are as many workers as there are, for people. */
  readonly workerCountReason: string;
  stats(): ServerStats;
  /**
   * Goes to `count` workers, without those of pools. More: resolves when the new ones are ready. Fewer: the highest ids
   * finish what they hold, and it resolves when they are gone. Calls are done one after the other.
   *
   * @throws ZscaleError `ZSCALE_ERR_OPTIONS` unless `count` is a whole number from 1 to 1024,
   * `ZSCALE_ERR_CLOSED` when the server is closed before it is done; WorkerBootError when a new
   * worker does not become ready: the number is as before then.
   */
  resize(count: number): Promise<void>;
  /**
   * Replaces every worker, one after the other, so that a new version of the code is served: each
   * new one is ready before the old one is drained and stopped, and no request notices. Resolves
   * when all are replaced. A call while another reload is at work is a reload of its own, behind it.
   *
   * @throws ZscaleError `ZSCALE_ERR_RELOAD` when a new worker does not become ready, with the
   * WorkerBootError as its `cause`: the workers not yet replaced go on serving.
   * `ZSCALE_ERR_CLOSED` when the server is closed before it is done.
   */
  reload(): Promise<void>;
  /**
   * Ends in order: takes no new requests, answers the open ones for up to `gracefulTimeout`, stops
   * the workers, lets go of every address. Resolves when nothing is left. Every call gets the same
   * promise.
   */
  close(): Promise<void>;
  on<E extends keyof ServerEvents>(event: E, listener: (...facts: ServerEvents[E]) => void): this;
  once<E extends keyof ServerEvents>(event: E, listener: (...facts: ServerEvents[E]) => void): this;
  off<E extends keyof ServerEvents>(event: E, listener: (...facts: ServerEvents[E]) => void): this;
}

/** What `scale()` found out before a server is made. */
export interface Service {
  /** Which `scale()` call of the program it is, from 0. */
  readonly number: number;
  /** File URL of the handler's module; undefined when workers run the program again. */
  readonly module: string | undefined;
  /** How workers are started: as Node processes, or as programs of another language. */
  readonly launch: Launch | CommandLaunch;
  /** The same with other options. */
  readonly relaunch: Relaunch;
  /** Whether clients connect where the program asks for it, and not where `bind` says. */
  readonly bindsLater: boolean;
  /** Whether errors are answered in raw bytes should it turn out to be a program. */
  readonly choosesCodec: boolean;
  /** What workers run, for error texts; completes the sentence "It ran ...". */
  readonly subject: string;
  readonly workerCount: number;
  readonly workerCountReason: string;
  /** The endpoints of the calls before this one, for workers that pass them; they come soon. */
  readonly earlierEndpoints: Promise<readonly (readonly string[])[]>;
}

/** A service or a machine in one line, for `systemctl status`. */
export function describeState(
  state: string,
  workers: readonly WorkerInfo[],
  places: readonly string[],
): string {
  const ready = workers.filter((worker) => worker.state === 'ready').length;
  const where = places.length === 0 ? '' : ` ${places.join(' ')}`;
  return `${state}${where}, ${ready} of ${workers.length} workers ready`;
}

/** Tells whoever listens that a service gave up; without a listener the program's exit code does. */
export function tellFailure(
  service: { emit(event: 'failed', failure: ZscaleError): boolean },
  failure: ZscaleError,
): void {
  if (!service.emit('failed', failure)) process.exitCode ??= EXIT_CRASH_LOOP;
}
