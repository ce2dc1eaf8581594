/**
 * The gateway processes of a service (`gateways`): n of them that share each address and bring what clients ask to the one queue.
 *
 * Owns the addresses, which are bound here and listened at there (gateway/shared-listener.ts), the processes, kept alive by a
 * supervisor of their own, and the sum of what they count. One that dies costs the connections that it had, and is replaced.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ZscaleError } from './errors.ts';
import { bindShared, type SharedListener } from './gateway/shared-listener.ts';
import type { Logger } from './logger.ts';
import {
  type FromGateway,
  type GatewaySettings,
  type GatewayStats,
  type GatewayTraffic,
  parseFromGateway,
  type ToGateway,
} from './messages/gateway-message.ts';
import { WATCHDOG_FD } from './messages/process-message.ts';
import type { TlsMaterial } from './messages/tls-material.ts';
import { together } from './metrics/histogram.ts';
import type { ResolvedScaleOptions } from './options.ts';
import { Supervisor, type SupervisorSink, type WorkerInfo } from './supervisor/supervisor.ts';
import type { WorkerChild } from './supervisor/worker-process.ts';

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
  /** One crashed too often; those that are left go on. */
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

const NOTHING: GatewayStats = Object.freeze({
  connections: 0,
  heldBytes: 0,
  greedy: 0,
  refused: 0,
  malformed: 0,
  requests: 0,
  cut: 0,
});

const NO_TRAFFIC: GatewayTraffic = Object.freeze({
  byClass: [0, 0, 0, 0, 0],
  receivedBytes: 0,
  sentBytes: 0,
  durations: together([]),
});

/** See the top of the file. */
export class GatewayProcesses {
  readonly #options: GatewayProcessesOptions;
  readonly #supervisor: Supervisor;
  readonly #children: Set<GatewayChild>;
  readonly #listeners: SharedListener[];
  #endpoints: readonly string[];
  #programTls: TlsMaterial | undefined;
  /** What those counted that are gone. */
  #past: GatewayStats;
  #pastTraffic: GatewayTraffic;
  /** Runs while what is left is being cut. */
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GatewayProcessesOptions) {
    const { options: service, logger } = options;
    this.#options = options;
    this.#supervisor = new Supervisor({
      fork: (id) => this.#fork(id),
      subject: SUBJECT,
      noun: 'gateway',
      policy: service,
      startTimeout: service.startTimeout,
      gracefulTimeout: service.gracefulTimeout,
      logger,
      sink: this.#supervisorSink(),
    });
    this.#children = new Set();
    this.#listeners = [];
    this.#endpoints = [];
    this.#programTls = options.settings.programTls;
    this.#past = NOTHING;
    this.#pastTraffic = NO_TRAFFIC;
    this.#timer = undefined;
  }

  /** Where clients connect. */
  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** The processes, by id. */
  get processes(): readonly WorkerInfo[] {
    return this.#supervisor.workers;
  }

  /** The sum of what they said last, at most a quarter of a second ago, and of what those counted that are gone. */
  stats(): GatewayStats {
    let sum = this.#past;
    for (const child of this.#children) sum = sumOf(sum, child.stats);
    return sum;
  }

  /** What went through them, as exact as {@link stats}. */
  traffic(): GatewayTraffic {
    let sum = this.#pastTraffic;
    for (const child of this.#children) sum = trafficOf(sum, child.traffic);
    return sum;
  }

  /**
   * Speaks HTTP at these endpoints; resolves when all processes do.
   *
   * @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS`, the system's code where an address cannot be had, or with what a process
   * could not start for
   */
  async start(endpoints: readonly string[]): Promise<void> {
    for (const endpoint of endpoints) this.#listeners.push(await bindShared(endpoint));
    await this.#supervisor.start(this.#options.options.gateways);
    const [first] = this.#children;
    this.#endpoints = this.#listeners.map(
      ({ endpoint }, i) => endpoint ?? boundAs(first?.endpoints[i], endpoints[i] ?? ''),
    );
  }

  /** The program speaks TLS with this from now on. */
  useTls(tls: TlsMaterial): void {
    this.#programTls = tls;
    for (const child of this.#children) child.tell({ type: 'gateway-tls', tls });
  }

  /** Has them open logs again and read certificates again. */
  reload(): void {
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

  #letGo(): void {
    for (const listener of this.#listeners) listener.close();
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
    const gateway = new GatewayChild(child, logger.child({ gateway: id }));
    this.#children.add(gateway);
    // What it said last may come behind its exit.
    child.once('close', () => {
      this.#children.delete(gateway);
      this.#past = sumOf(this.#past, gateway.stats);
      this.#pastTraffic = trafficOf(this.#pastTraffic, gateway.traffic);
    });
    gateway.tell({
      type: 'gateway-start',
      settings: { ...shareOf(settings, options.gateways), programTls: this.#programTls },
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
      workerExited: ({ id, pid }, { code, signal, expected }, { why }) => {
        if (pid !== undefined) sink.gatewayExited({ id, pid, code, signal, expected, why });
      },
      workerRestarting: () => {},
      crashLoop: (error) => sink.crashLoop(error),
    };
  }
}

/** A gateway process as its supervisor sees it; what only gateways say is kept here. */
class GatewayChild implements WorkerChild {
  readonly #child: ChildProcess;
  readonly #logger: Logger;
  endpoints: readonly string[];
  #stats: GatewayStats;
  /** What went through it, as it said last. */
  traffic: GatewayTraffic;

  constructor(child: ChildProcess, logger: Logger) {
    this.#child = child;
    this.#logger = logger;
    this.endpoints = [];
    this.#stats = NOTHING;
    this.traffic = NO_TRAFFIC;
  }

  /** What it said last; one that is gone has no connections. */
  get stats(): GatewayStats {
    const isGone = this.#child.exitCode !== null || this.#child.signalCode !== null;
    return isGone ? { ...this.#stats, connections: 0, heldBytes: 0 } : this.#stats;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get stdio(): readonly unknown[] {
    return this.#child.stdio;
  }

  get connected(): boolean {
    return this.#child.connected;
  }

  tell(message: ToGateway): void {
    if (this.#child.connected) this.#child.send(message, () => {}); // one that is gone is told of by its exit
  }

  send(...[message, sent]: Parameters<WorkerChild['send']>): boolean {
    return this.#child.send(message, sent);
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }

  on(event: string, listener: (...facts: never[]) => void): this {
    // The four kinds of listeners are those of WorkerChild, and of the child.
    const told = listener as (...facts: unknown[]) => void;
    if (event === 'message') this.#child.on('message', (value) => this.#onMessage(value, told));
    else this.#child.on(event, told);
    return this;
  }

  #onMessage(value: unknown, pass: (value: unknown) => void): void {
    const message = parseFromGateway(value);
    if (message === undefined) pass(value);
    else this.#take(message);
  }

  #take(message: FromGateway): void {
    switch (message.type) {
      case 'gateway-bound':
        this.endpoints = message.endpoints;
        return;
      case 'gateway-stats':
        this.#stats = message.stats;
        this.traffic = message.traffic;
        return;
      case 'gateway-log':
        this.#logger[message.level](message.facts, message.text);
        return;
    }
  }
}

/** What all processes together may have is divided. */
function shareOf(settings: GatewaySettings, count: number): GatewaySettings {
  return {
    ...settings,
    maxConnections: Math.ceil(settings.maxConnections / count),
    maxUnsentBytes: Math.ceil(settings.maxUnsentBytes / count),
    sharesLog: true,
  };
}

function sumOf(a: GatewayStats, b: GatewayStats): GatewayStats {
  return {
    connections: a.connections + b.connections,
    heldBytes: a.heldBytes + b.heldBytes,
    greedy: a.greedy + b.greedy,
    refused: a.refused + b.refused,
    malformed: a.malformed + b.malformed,
    requests: a.requests + b.requests,
    cut: a.cut + b.cut,
  };
}

function trafficOf(a: GatewayTraffic, b: GatewayTraffic): GatewayTraffic {
  return {
    byClass: a.byClass.map((n, i) => n + (b.byClass[i] ?? 0)),
    receivedBytes: a.receivedBytes + b.receivedBytes,
    sentBytes: a.sentBytes + b.sentBytes,
    durations: together([a.durations, b.durations]),
  };
}

/** A socket that was handed over has an address, or it is one of a Unix socket. */
function boundAs(said: string | undefined, text: string): string {
  return said === undefined || /^https?:\/\/fd:/.test(said) ? text : said;
}
