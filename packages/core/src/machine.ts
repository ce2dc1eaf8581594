/**
 * A machine that has joined a service elsewhere: workers without a queue of their own.
 *
 *     starting --> serving --> closing --> closed
 *         |                       ^
 *         +-----------------------+
 *
 * Owns the order of starting and of stopping, and knows how it stands with each back end. Workers are ready once their handler is
 * loaded: that a front end is away is no fault of theirs, and they are neither killed nor started again for it. They connect to
 * every back end, and again whenever a connection is lost; the presence (supervisor/presence.ts) stands for them at each queue.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { hostname } from 'node:os';
import type { AdminRoute } from './admin-route.ts';
import { Discovery, type DiscoverySink } from './discovery/discovery.ts';
import { isSource } from './discovery/records.ts';
import { ZscaleError } from './errors.ts';
import { AdminServer } from './gateway/admin-server.ts';
import type { ResolvedJoinOptions } from './join-options.ts';
import { createLogger, type Logger } from './logger.ts';
import { DEFAULTS } from './options.ts';
import { describeState, type ServerEvents, type Service, tellFailure } from './service.ts';
import { ServiceControl } from './service-control.ts';
import { dashboardRoutes } from './service-dashboard.ts';
import { ServiceMetrics } from './service-metrics.ts';
import { checkAccess } from './supervisor/access-check.ts';
import { forkWorker, type Launch } from './supervisor/launch.ts';
import { Presence } from './supervisor/presence.ts';
import { renewLaunch } from './supervisor/renewal.ts';
import { handleSignals } from './supervisor/signals.ts';
import { Steering } from './supervisor/steering.ts';
import { Supervisor, type SupervisorSink, type WorkerInfo } from './supervisor/supervisor.ts';
import { SystemdNotifier } from './supervisor/systemd-notifier.ts';
import { needsReports, Upkeep } from './supervisor/upkeep.ts';
import type { BackendReport } from './supervisor/worker-process.ts';
import { type Moment, moment } from './waiting.ts';

/** What workers get to end in order, also when no time is given for it. */
const FAREWELL_MS = 1000;
/** How long no front end answers before that is said, in ms. */
const PATIENCE_MS = 1000;
const MACHINE_BYTES = 6;

type MachineState = 'starting' | 'serving' | 'closing' | 'closed';

const TRANSITIONS: Readonly<Record<MachineState, readonly MachineState[]>> = {
  starting: ['serving', 'closing'],
  serving: ['closing'],
  closing: ['closed'],
  closed: [],
};

/** What a machine tells: of its workers what a server tells, and how it stands with the back ends. */
export interface MachineEvents extends ServerEvents {
  /** Workers are connected to a back end, for the first time or again. */
  joined: [{ readonly endpoint: string }];
  /** No worker is any more; they try again. */
  lost: [{ readonly endpoint: string }];
}

/** A back end, as the machine sees it. */
export interface BackendInfo {
  readonly endpoint: string;
  /** How many workers are connected to it. */
  readonly workers: number;
}

/** A machine that works for services elsewhere. `await using` closes it at the end of the block. */
export interface Machine extends AsyncDisposable {
  /** As the queues know it: the host's name and a random part. */
  readonly id: string;
  readonly backends: readonly BackendInfo[];
  /** The worker processes, by id. */
  readonly workers: readonly WorkerInfo[];
  /** Why there are as many workers as there are, for people. */
  readonly workerCountReason: string;
  /** As `resize()` of a server. */
  resize(count: number): Promise<void>;
  /** As `reload()` of a server. */
  reload(): Promise<void>;
  /**
   * Ends in order: workers tell the queues that they go, finish what they hold for up to `gracefulTimeout`, and end. Resolves when
   * nothing is left. Every call gets the same promise.
   */
  close(): Promise<void>;
  on<E extends keyof MachineEvents>(event: E, listener: (...facts: MachineEvents[E]) => void): this;
  once<E extends keyof MachineEvents>(
    event: E,
    listener: (...facts: MachineEvents[E]) => void,
  ): this;
  off<E extends keyof MachineEvents>(
    event: E,
    listener: (...facts: MachineEvents[E]) => void,
  ): this;
}

/** What a machine runs: Node processes, and no programs of other languages. */
export type MachineService = Service & { readonly launch: Launch };

/** How it stands with one back end. */
interface Backend {
  /** The workers that are connected to it, by generation. */
  readonly workers: Set<number>;
  /** Why it refused us, as it was last logged. */
  refusal: string | undefined;
  /** A name does not stand for it any more: workers finish what they have of it. */
  isLeaving: boolean;
}

/** The machine of one `join()` call. */
export class JoinedMachine extends EventEmitter<MachineEvents> implements Machine {
  readonly id: string;
  readonly #options: ResolvedJoinOptions;
  readonly #service: MachineService;
  readonly #logger: Logger;
  readonly #supervisor: Supervisor;
  readonly #steering: Steering;
  readonly #upkeep: Upkeep;
  readonly #presence: Presence;
  readonly #control: ServiceControl;
  readonly #metrics: ServiceMetrics;
  readonly #admin: AdminServer | undefined;
  readonly #discovery: Discovery;
  readonly #notifier: SystemdNotifier | undefined;
  readonly #backends = new Map<string, Backend>();
  /** When a first back end is reached, or the machine is closed. */
  readonly #joined: Moment;
  #launch: Launch;
  #state: MachineState;
  #releaseSignals: () => void;
  #earlierEndpoints: readonly (readonly string[])[];
  #patience: NodeJS.Timeout | undefined;
  #failure: ZscaleError | undefined;
  #closed: Promise<void> | undefined;

  /** Takes nothing yet from the system: `start()` does. */
  constructor(options: ResolvedJoinOptions, service: MachineService) {
    super();
    const { shared, keys } = options;
    this.id = `${hostname()}/${randomBytes(MACHINE_BYTES).toString('hex')}`;
    this.#options = options;
    this.#service = service;
    const logger = shared.logger ?? createLogger();
    this.#control = new ServiceControl(shared);
    this.#logger = this.#control.keepLines(
      shared.name === DEFAULTS.name ? logger : logger.child({ service: shared.name }),
    );
    this.#supervisor = new Supervisor({
      fork: (id, generation) => this.#fork(id, generation),
      subject: service.subject,
      folder: shared.cwd,
      policy: shared,
      startTimeout: shared.startTimeout,
      gracefulTimeout: shared.gracefulTimeout,
      logger: this.#logger.child({ component: 'supervisor' }),
      sink: this.#supervisorSink(),
    });
    this.#notifier = this.#createNotifier();
    this.#steering = new Steering({
      supervisor: this.#supervisor,
      reason: service.workerCountReason,
      isServing: () => this.#state === 'serving',
      renew: () => this.#renew(),
      notifier: this.#notifier,
      logger: this.#logger,
    });
    this.#upkeep = this.#createUpkeep();
    this.#metrics = this.#createMetrics();
    this.#admin = this.#createAdmin([
      this.#metrics.route,
      ...dashboardRoutes(shared, this.#control, this.#logger),
    ]);
    this.#presence = new Presence({
      machine: this.id,
      keys,
      heartbeatTimeout: shared.heartbeatTimeout,
      onLost: (endpoint) => this.#presenceLost(endpoint),
    });
    this.#joined = moment();
    this.#launch = service.launch;
    this.#state = 'starting';
    this.#releaseSignals = () => {};
    this.#earlierEndpoints = [];
    this.#patience = undefined;
    this.#failure = undefined;
    this.#closed = undefined;
    this.#discovery = new Discovery(options.connect.filter(isSource), this.#discoverySink(), {
      servers: options.dnsServers,
    });
    for (const endpoint of options.connect) if (!isSource(endpoint)) this.#addBackend(endpoint);
    this.#attachControl();
  }

  get backends(): readonly BackendInfo[] {
    return [...this.#backends].map(([endpoint, { workers }]) => ({
      endpoint,
      workers: workers.size,
    }));
  }

  get workers(): readonly WorkerInfo[] {
    return this.#supervisor.workers;
  }

  get workerCountReason(): string {
    return this.#steering.reason;
  }

  /**
   * Starts the workers, and resolves when all have loaded their handler and a first back end is reached. When it rejects,
   * nothing is left.
   *
   * @throws TransportError for an endpoint that cannot be; WorkerBootError when a worker does not become ready; ZscaleError
   * `ZSCALE_ERR_CRASH_LOOP` when one crashes too often before a back end is reached, `ZSCALE_ERR_CLOSED` when it is closed
   * meanwhile.
   */
  async start(): Promise<void> {
    if (this.#options.shared.signals) {
      this.#releaseSignals = handleSignals({
        close: (signal) => this.#end(signal),
        kill: () => this.#kill(),
        reload: (signal) => this.#steering.reloadAt(signal),
        grow: (by, signal) => this.#steering.growAt(by, signal),
      });
    }
    this.#notifier?.start();
    try {
      for (const endpoint of this.#backends.keys()) this.#presence.check(endpoint);
      this.#earlierEndpoints = await this.#service.earlierEndpoints;
      await checkAccess(this.#launch, {
        module: this.#service.module,
        socketFolder: undefined, // they come from elsewhere
      });
      await this.#admin?.start();
      await this.#control.start();
      this.#discovery.start();
      await this.#supervisor.start(this.#service.workerCount);
      this.#patience = setTimeout(() => this.#tellWaiting(), PATIENCE_MS);
      await this.#joined.promise;
      if (this.#state !== 'starting') {
        throw (
          this.#failure ??
          new ZscaleError('ZSCALE_ERR_CLOSED', 'the machine was closed before it had joined')
        );
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#enter('serving');
    this.#upkeep.start();
    this.#metrics.serving();
    this.#notifier?.ready();
    this.#logger.info(
      { machine: this.id, workers: this.workers.length, reason: this.#steering.reason },
      'joined: workers take requests',
    );
  }

  resize(count: number): Promise<void> {
    return this.#steering.resize(count);
  }

  reload(): Promise<void> {
    return this.#steering.reload();
  }

  close(): Promise<void> {
    return this.#end('close()');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #renew(): Promise<void> {
    const { onReload } = this.#options.shared;
    const launch = await renewLaunch(onReload, this.#service.relaunch);
    if (launch !== undefined && !('words' in launch)) this.#launch = launch;
  }

  /** The first service of a program speaks for all of it. */
  #createNotifier(): SystemdNotifier | undefined {
    if (this.#service.number > 0) return undefined;
    return SystemdNotifier.of({
      environment: process.env,
      pid: process.pid,
      status: () => {
        const joined = this.backends.filter(({ workers }) => workers > 0);
        const places = joined.map(({ endpoint }) => endpoint);
        return describeState(this.#state, this.workers, places);
      },
      isWell: () =>
        this.#state !== 'serving' || this.workers.some(({ state }) => state === 'ready'),
      logger: this.#logger.child({ component: 'supervisor' }),
    });
  }

  #attachControl(): void {
    const controlled = {
      kind: 'machine',
      supervisor: this.#supervisor,
      steering: this.#steering,
      queue: undefined,
      events: this,
      state: () => this.#state,
      endpoints: () => [],
      backends: () => this.backends.map(({ endpoint }) => endpoint),
      codec: () => this.#options.shared.codec,
      gateways: () => [],
      joined: () =>
        this.backends.map(({ endpoint, workers }) => ({
          machine: null,
          address: endpoint,
          workers,
          inFlight: null,
          requests: null,
        })),
      metrics: () => this.#metrics.text(),
      poolOf: () => null,
      recycled: () => this.#upkeep.recycled,
      followLoad: (follow: boolean) => this.#upkeep.followLoad(follow),
      stop: (reason: string) => void this.#end(reason),
    } as const;
    this.#control.attach(controlled, this.#logger.child({ component: 'control' }));
  }

  #createMetrics(): ServiceMetrics {
    const measured = {
      name: this.#options.shared.name,
      kind: 'machine',
      supervisor: this.#supervisor,
      queue: undefined,
      http: () => undefined,
      poolOf: () => null,
      logger: this.#logger.child({ component: 'metrics' }),
    } as const;
    return new ServiceMetrics(measured, this.#options.shared.admin !== undefined);
  }

  /** It is ready while its workers are connected to some back end. */
  #createAdmin(routes: readonly AdminRoute[]): AdminServer | undefined {
    const { admin: endpoint } = this.#options.shared;
    if (endpoint === undefined) return undefined;
    const isReady = (): boolean =>
      this.#state === 'serving' && this.backends.some(({ workers }) => workers > 0);
    const logger = this.#logger.child({ component: 'admin' });
    return new AdminServer({ endpoint, isReady, routes, logger });
  }

  /** The one way to the end; `reason` is for the log. */
  #end(reason: string): Promise<void> {
    this.#closed ??= this.#shutDown(reason);
    return this.#closed;
  }

  async #shutDown(reason: string): Promise<void> {
    const wasServing = this.#state === 'serving';
    this.#enter('closing');
    this.#notifier?.stopping();
    clearTimeout(this.#patience);
    this.#upkeep.stop();
    this.#discovery.close();
    this.#joined.resolve();
    if (wasServing) this.#logger.info({ reason }, 'leaving: answering what is open');
    this.#supervisor.end();
    await this.#supervisor.stop(Math.max(this.#options.shared.gracefulTimeout, FAREWELL_MS));
    // Last: to the queues the machine is gone with its presence.
    this.#presence.close();
    await this.#presence.ended;
    this.#releaseSignals();
    await this.#admin?.close();
    await this.#control.close();
    await this.#notifier?.close();
    this.#enter('closed');
    if (wasServing) this.#logger.info('left');
    // Before it had joined, whoever called start() is told.
    if (this.#failure !== undefined && wasServing) tellFailure(this, this.#failure);
    this.emit('closed');
  }

  /** Ends at once: for people who pressed Ctrl-C twice. */
  #kill(): void {
    this.#logger.warn('killing the workers');
    void this.#supervisor.kill();
    void this.#control.close();
    void this.#end('kill');
  }

  #fork(id: number, generation: number): ReturnType<typeof forkWorker> {
    const { codec, concurrency, exportName, hangTimeout, maxMessageSize, name, threads, timeout } =
      this.#options.shared;
    const { module, number } = this.#service;
    return forkWorker(this.#launch, {
      service: number,
      serviceName: name,
      workerId: id,
      generation,
      backends: [], // they are told when it is ready: with them go keys, which are nothing for an environment
      door: undefined,
      codec,
      concurrency,
      threads,
      timeout,
      module,
      exportName,
      functions: 'messages',
      maxMessageSize,
      reportsLoad:
        this.#options.shared.admin !== undefined ||
        needsReports({
          limits: this.#options.shared,
          autoscale: this.#options.shared.autoscale,
        }),
      hangTimeout,
      machine: this.id,
      earlierEndpoints: this.#earlierEndpoints,
    });
  }

  /** What requests wait at the queues is known there; a worker that computes is silent, and taken for busy. */
  #createUpkeep(): Upkeep {
    const { shared } = this.#options;
    return new Upkeep({
      limits: shared,
      autoscale: shared.autoscale,
      supervisor: this.#supervisor,
      steering: this.#steering,
      facts: () => {
        const begun = new Map(this.workers.map((worker) => [worker.generation, worker.begun]));
        return {
          wait: 0,
          requestsOf: (generation) => begun.get(generation) ?? 0,
          holds: () => true,
        };
      },
      recycling: ({ id, pid }, reason) => this.emit('worker-recycling', { id, pid, reason }),
      scaling: (workers, reason) => this.emit('scaling', { workers, reason }),
      logger: this.#logger.child({ component: 'supervisor' }),
    });
  }

  #supervisorSink(): SupervisorSink {
    return {
      drainWorker: async () => {}, // a worker tells the queues itself
      heldBy: () => ({ count: 0, oldest: 0, names: [], again: 0 }), // the queues know, and they are elsewhere
      workerStarted: (id, pid) => this.emit('worker-started', { id, pid }),
      workerReady: (id, pid, ms, generation) => {
        this.#tellBackends({ generation });
        this.emit('worker-ready', { id, pid, ms });
      },
      workerBound: () => {}, // programs are no workers here
      workerBackend: (generation, report) => this.#workerBackend(generation, report),
      workerDrained: (worker) => this.#metrics.workerDrained(worker),
      workerExited: (worker, exit, report) => {
        const { id, generation, pid } = worker;
        const { code, signal, expected, hang } = exit;
        this.#metrics.workerExited(worker, exit);
        for (const endpoint of this.#backends.keys()) this.#workerLost(generation, endpoint);
        if (pid === undefined) return;
        const { why, uptime, held } = report;
        const facts = {
          why,
          uptime,
          held: held.count,
          oldestHeld: held.oldest,
          requests: held.names,
        };
        const stack = hang?.stack;
        this.emit('worker-exited', { id, pid, code, signal, expected, ...facts, stack });
      },
      workerRestarting: (id, delay, attempt) =>
        this.emit('worker-restarting', { id, delay, attempt }),
      crashLoop: (error) => {
        this.#failure ??= error;
        void this.#end('crash loop');
      },
    };
  }

  // Back ends.

  #addBackend(endpoint: string): void {
    this.#backends.set(endpoint, { workers: new Set(), refusal: undefined, isLeaving: false });
  }

  #discoverySink(): DiscoverySink {
    return {
      endpointsChanged: (added, removed) => {
        this.#logger.info({ added, removed }, 'other back ends are named from now on');
        for (const endpoint of added) this.#addOrKeep(endpoint);
        for (const endpoint of removed) this.#leave(endpoint);
        this.#tellBackends();
      },
      lookUpFailed: (name, reason) => {
        this.#logger.warn(
          { name, reason },
          'a name cannot be looked up: what is known of it is kept',
        );
      },
    };
  }

  #addOrKeep(endpoint: string): void {
    const known = this.#backends.get(endpoint);
    if (known === undefined) this.#addBackend(endpoint);
    else known.isLeaving = false;
  }

  #leave(endpoint: string): void {
    const backend = this.#backends.get(endpoint);
    if (backend === undefined || this.#options.connect.includes(endpoint)) return;
    backend.isLeaving = true;
    this.#endIfLeft(endpoint, backend);
  }

  /** The queue there takes our workers for lost when it loses our presence, so that goes last. */
  #endIfLeft(endpoint: string, { isLeaving, workers }: Backend): void {
    if (!isLeaving || workers.size > 0) return;
    this.#backends.delete(endpoint);
    this.#presence.hide(endpoint);
  }

  #tellBackends({
    generation,
    renew = [],
  }: {
    generation?: number;
    renew?: readonly string[];
  } = {}): void {
    const endpoints = [...this.#backends].filter(isStaying).map(([endpoint]) => endpoint);
    this.#supervisor.tellBackends(
      { type: 'backends', endpoints, renew, keys: this.#options.keys },
      generation,
    );
  }

  #workerBackend(generation: number, { endpoint, state, zscale, reason }: BackendReport): void {
    const backend = this.#backends.get(endpoint);
    if (backend === undefined) return;
    switch (state) {
      case 'connected':
        if (zscale) this.#presence.show(endpoint);
        backend.refusal = undefined;
        backend.workers.add(generation);
        if (backend.workers.size === 1) this.#backendJoined(endpoint);
        return;
      case 'lost':
        this.#workerLost(generation, endpoint);
        return;
      case 'refused':
        if (backend.workers.size > 0 || backend.refusal === reason) return;
        backend.refusal = reason;
        this.#logger.warn({ endpoint, reason }, 'refused by a back end, trying again');
        return;
    }
  }

  #backendJoined(endpoint: string): void {
    this.#logger.info({ endpoint }, 'connected to a back end');
    this.#joined.resolve();
    this.emit('joined', { endpoint });
  }

  #workerLost(generation: number, endpoint: string): void {
    const backend = this.#backends.get(endpoint);
    if (!backend?.workers.delete(generation) || backend.workers.size > 0) return;
    this.#endIfLeft(endpoint, backend);
    if (this.#state === 'serving' && !backend.isLeaving) {
      this.#logger.warn({ endpoint }, 'lost a back end, trying again until it is back');
    }
    this.emit('lost', { endpoint });
  }

  /** The queue is gone, or cannot be reached: what workers have of it is of no use to anybody. */
  #presenceLost(endpoint: string): void {
    this.#tellBackends({ renew: [endpoint] });
  }

  #tellWaiting(): void {
    const endpoints = this.#options.connect;
    this.#logger.info(
      { endpoints },
      'waiting for a back end: none answers yet, trying again until one does',
    );
  }

  #enter(next: MachineState): void {
    assert(TRANSITIONS[this.#state].includes(next), `machine: ${this.#state} -> ${next}`);
    this.#state = next;
  }
}

function isStaying([, { isLeaving }]: readonly [string, Backend]): boolean {
  return !isLeaving;
}

/** What an earlier `join()` call resolves to in the worker of a later call: it does nothing, and succeeds. */
export class InertMachine extends EventEmitter<MachineEvents> implements Machine {
  readonly id = '';
  readonly backends: readonly BackendInfo[] = [];
  readonly workers: readonly WorkerInfo[] = [];
  readonly workerCountReason = 'its workers are other processes';

  async resize(): Promise<void> {}

  async reload(): Promise<void> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
