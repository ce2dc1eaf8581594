/**
 * The gateway processes of a service (`gateways`): n of them that share each address and bring what clients ask to the one queue.
 *
 * Owns the addresses, which are bound here and listened at there (gateway/shared-listener.ts), the processes, kept alive by a
 * supervisor of their own, and the sum of what they count. One that dies costs the connections that it had, and is replaced.
 * Certificates are read here alone: one that starts is given those that are in use, whatever the files have become.
 */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ZscaleError } from './errors.ts';
import {
  type GatewayCounts,
  GatewayPast,
  shareOf,
  sumOf,
  sumOfStats,
  sumOfTraffic,
} from './gateway/gateway-counts.ts';
import { bindShared, type SharedListener } from './gateway/shared-listener.ts';
import { TlsSource } from './gateway/tls-source.ts';
import { GatewayChild } from './gateway-child.ts';
import type { Logger } from './logger.ts';
import type { GatewaySettings, GatewayStats, GatewayTraffic } from './messages/gateway-message.ts';
import type { Measured } from './messages/process-figures.ts';
import { WATCHDOG_FD } from './messages/process-message.ts';
import type { TlsMaterial } from './messages/tls-material.ts';
import type { ResolvedScaleOptions } from './options.ts';
import { Supervisor, type SupervisorSink, type WorkerInfo } from './supervisor/supervisor.ts';
import type { WorkerChild, WorkerExit, WorkerProcess } from './supervisor/worker-process.ts';

/** What was built, also when this file is imported from the sources. */
const PROGRAM = fileURLToPath(new URL('../dist/gateway-main.js', import.meta.url));

/** What a process may take to end when everything is cut, in ms. */
const FAREWELL_MS = 1000;

/** Behind the pipe of the watchdog come the addresses. */
const FIRST_ADDRESS_FD = WATCHDOG_FD + 1;

/** What a gateway process is, for error texts. */
const SUBJECT = 'the gateway of zscale';

/** Whom gateway processes are told of. Never called from the constructor. */
export interface GatewayProcessesSink {
  gatewayReady(id: number, pid: number, ms: number): void;
  gatewayExited(facts: GatewayExit): void;
  /** One has drained and will be told to end: the last chance to ask it something. Never rejects. */
  processDrained(process: WorkerProcess): Promise<void>;
  /** Its process has ended, also one that never could be started. */
  processEnded(process: WorkerProcess, exit: WorkerExit): void;
  /** One crashed too often: whoever is told ends the service, and those that are left go on until then. */
  crashLoop(error: ZscaleError): void;
}

/** How a gateway process ended. */
export interface GatewayExit {
  readonly id: number;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether it was told to end; everything else is a crash. */
  readonly expected: boolean;
  /** Why, in one sentence; undefined when it was told to end. */
  readonly why: string | undefined;
  /** Milliseconds from its start to its end. */
  readonly uptime: number;
  /** Where its event loop stood still; undefined unless it hung, in JavaScript. */
  readonly stack: string | undefined;
}

/** One gateway process, and what those at its place have counted since the start of the service. */
export interface GatewayProcess extends WorkerInfo {
  readonly stats: GatewayStats;
  /** Requests that have ended by the class of their status, 1xx to 5xx. */
  readonly byClass: readonly number[];
}

/** What they are made from. */
export interface GatewayProcessesOptions {
  readonly options: ResolvedScaleOptions;
  /** Of the service as a whole: what is shared is divided among the processes. */
  readonly settings: GatewaySettings;
  /** File URL of the handler's module. */
  readonly module: string | undefined;
  /** Where the queue takes requests of gateways. */
  readonly upstream: string;
  readonly logger: Logger;
  readonly sink: GatewayProcessesSink;
}

/** See the top of the file. */
export class GatewayProcesses {
  readonly #options: GatewayProcessesOptions;
  readonly #supervisor: Supervisor;
  readonly #children: Set<GatewayChild>;
  readonly #listeners: SharedListener[];
  #endpoints: readonly string[];
  readonly #tlsSource: TlsSource;
  /** What is in use; undefined where nobody speaks TLS. */
  #tls: TlsMaterial | undefined;
  /** What those counted that are gone. */
  readonly #past: GatewayPast;
  /** Runs while what is left is being cut. */
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GatewayProcessesOptions) {
    const { options: service, settings, logger } = options;
    const { tlsCert, tlsKey, programTls: program } = settings;
    const files = tlsCert !== undefined && tlsKey !== undefined ? { tlsCert, tlsKey } : undefined;
    this.#options = options;
    this.#supervisor = new Supervisor({
      fork: (id) => this.#fork(id),
      subject: SUBJECT,
      noun: 'gateway',
      policy: service,
      startTimeout: service.startTimeout,
      maxSilence: service.hangTimeout,
      gracefulTimeout: service.gracefulTimeout,
      logger,
      sink: this.#supervisorSink(),
    });
    this.#children = new Set();
    this.#listeners = [];
    this.#endpoints = [];
    this.#tlsSource = new TlsSource({ files, program });
    this.#tls = undefined;
    this.#past = new GatewayPast();
    this.#timer = undefined;
  }

  /** Where clients connect. */
  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** The processes, by id. */
  get processes(): readonly GatewayProcess[] {
    return this.#supervisor.workers.map((info) => {
      const mine = [...this.#children].filter(({ id }) => id === info.id);
      const { stats, traffic } = sumOf([
        this.#past.of(info.id),
        ...mine.map(({ counts }) => counts),
      ]);
      return { ...info, stats, byClass: traffic.byClass };
    });
  }

  /** Asks each how it is; see {@link Supervisor.measure}. */
  measure(
    ms: number,
    took: (process: WorkerProcess, measured: Measured | undefined) => void,
  ): Promise<void> {
    return this.#supervisor.measure(ms, took);
  }

  /** The sum of what they said last, at most a quarter of a second ago, and of what those counted that are gone. */
  stats(): GatewayStats {
    return sumOfStats(this.#counts().map(({ stats }) => stats));
  }

  /** What went through them, as exact as {@link stats}. */
  traffic(): GatewayTraffic {
    return sumOfTraffic(this.#counts().map(({ traffic }) => traffic));
  }

  /**
   * Speaks HTTP at these endpoints; resolves when all processes do.
   *
   * @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS`, also for certificates, the system's code where an address cannot be had, or
   * with what a process could not start for
   */
  async start(endpoints: readonly string[]): Promise<void> {
    for (const endpoint of endpoints) this.#listeners.push(await bindShared(endpoint));
    if (this.#speaksTls) this.#tls = this.#tlsSource.readMaterial();
    await this.#supervisor.start(this.#options.options.gateways);
    const [first] = this.#children;
    this.#endpoints = this.#listeners.map(
      ({ endpoint }, i) => endpoint ?? boundAs(first?.endpoints[i], endpoints[i] ?? ''),
    );
  }

  /** The program speaks TLS with this from now on. */
  useTls(tls: TlsMaterial): void {
    if (this.#tlsSource.use(tls)) this.#reloadTls();
  }

  /** Has them open logs again, and reads certificates again; files that are no good are told, and the old ones stay. */
  reload(): void {
    this.#reloadTls();
    for (const child of this.#children) child.tell({ type: 'gateway-reload' });
  }

  /** No connection is accepted any more, and each process ends when its own have; resolves when all are gone. */
  drain(): Promise<void> {
    this.#letGo();
    return this.#supervisor.stop(Infinity); // whoever stops the service has the clock, and calls close()
  }

  /** Cuts what is open. Idempotent. */
  close(): Promise<void> {
    this.#letGo();
    for (const child of this.#children) child.tell({ type: 'gateway-cut' });
    this.#timer ??= setTimeout(() => void this.#supervisor.kill(), FAREWELL_MS);
    return this.#supervisor.stop(FAREWELL_MS).finally(() => clearTimeout(this.#timer));
  }

  /** Ends all at once. */
  kill(): Promise<void> {
    this.#letGo();
    return this.#supervisor.kill();
  }

  #counts(): readonly GatewayCounts[] {
    return [...this.#past.all(), ...[...this.#children].map(({ counts }) => counts)];
  }

  #letGo(): void {
    for (const listener of this.#listeners) listener.close();
  }

  get #speaksTls(): boolean {
    return this.#listeners.some(({ encrypted }) => encrypted);
  }

  #reloadTls(): void {
    if (!this.#speaksTls) return;
    try {
      const tls = this.#tlsSource.readMaterial();
      if (tls === undefined) return;
      this.#tls = tls;
      for (const child of this.#children) child.tell({ type: 'gateway-tls', tls });
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the certificate stays as it was');
    }
  }

  #fork(id: number): WorkerChild {
    const { options, settings, module, upstream, logger } = this.#options;
    const fds = this.#listeners.map(({ fd }) => fd);
    const { LISTEN_FDS: _count, LISTEN_PID: _pid, ...env } = process.env;
    const child = fork(PROGRAM, [], {
      execArgv: [],
      env: { ...env, ZSCALE: '1', ZSCALE_SERVICE: options.name },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe', ...fds],
    });
    const gateway = new GatewayChild(id, child, logger.child({ gateway: id }));
    this.#children.add(gateway);
    // What it said last may come behind its exit.
    child.once('close', () => {
      this.#children.delete(gateway);
      this.#past.add(id, gateway.counts);
    });
    gateway.tell({
      type: 'gateway-start',
      settings: settingsFor(id, settings, options.gateways, this.#tls),
      upstream,
      module,
      endpoints: this.#listeners.map(
        ({ encrypted }, i) => `${encrypted ? 'https' : 'http'}://fd:${FIRST_ADDRESS_FD + i}`,
      ),
      hangTimeout: options.hangTimeout,
    });
    return gateway;
  }

  #supervisorSink(): SupervisorSink {
    const { sink } = this.#options;
    return {
      drainWorker: () => Promise.resolve(), // it drains itself
      heldBy: () => ({ count: 0, oldest: 0, names: [], again: 0 }),
      workerStarted: () => {},
      workerReady: (id, pid, ms) => sink.gatewayReady(id, pid, ms),
      workerBound: () => {},
      workerDrained: (process) => sink.processDrained(process),
      workerExited: (process, exit, { why, uptime }) => {
        const { id, pid } = process;
        const { code, signal, expected, hang } = exit;
        sink.processEnded(process, exit);
        if (pid === undefined) return;
        sink.gatewayExited({ id, pid, code, signal, expected, why, uptime, stack: hang?.stack });
      },
      workerRestarting: () => {},
      crashLoop: (error) => sink.crashLoop(error),
    };
  }
}

/** What all processes together may have is divided; and they read no certificates. */
function settingsFor(
  id: number,
  settings: GatewaySettings,
  count: number,
  tls: TlsMaterial | undefined,
): GatewaySettings {
  return {
    ...settings,
    maxConnections: shareOf(settings.maxConnections, count, id),
    maxUnsentBytes: shareOf(settings.maxUnsentBytes, count, id),
    sharesLog: true,
    tlsCert: undefined,
    tlsKey: undefined,
    programTls: tls,
  };
}

/** A socket that was handed over has an address, or it is one of a Unix socket. */
function boundAs(said: string | undefined, text: string): string {
  return said === undefined || /^https?:\/\/fd:/.test(said) ? text : said;
}
