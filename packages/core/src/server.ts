/**
 * A running service: the queue in front, the supervisor with its workers behind, and the folder of
 * the socket between them. It is what `scale()` resolves to.
 *
 *     starting --> serving --> closing --> closed
 *         |                       ^
 *         +-----------------------+
 *
 * Owns the order of starting and of stopping, and tells the program what happens. What happens to
 * workers and to requests is decided by the supervisor and the queue, which meet only here.
 */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import {
  admitToBackendFolder,
  backendFolderOf,
  chooseBackendEndpoint,
  gatewayDoor,
  makeBackendFolder,
  removeBackendFolder,
} from './backend-folder.ts';
import { readServiceKeys } from './curve-keys.ts';
import { ZscaleError } from './errors.ts';
import { checkExposure } from './exposure.ts';
import { isHttpEndpoint } from './gateway/http-endpoint.ts';
import { HttpFront } from './http-front.ts';
import { createLogger, type Logger } from './logger.ts';
import { createCodec } from './messages/payload.ts';
import type { WorkerStart } from './messages/process-message.ts';
import {
  type CodecName,
  DEFAULTS,
  type FunctionRule,
  MAX_WORKERS,
  type ResolvedPool,
  type ResolvedScaleOptions,
} from './options.ts';
import { ProgramFront } from './program-front.ts';
import type { PoolPlan } from './queue/pools.ts';
import { QueueTrace } from './queue/queue-trace.ts';
import { WorkerQueue } from './queue/worker-queue.ts';
import {
  describeState,
  type GatewayInfo,
  type Server,
  type ServerEvents,
  type ServerStats,
  type Service,
  tellFailure,
} from './service.ts';
import { ServiceControl } from './service-control.ts';
import { dashboardRoutes } from './service-dashboard.ts';
import { ServiceMetrics } from './service-metrics.ts';
import { checkAccess } from './supervisor/access-check.ts';
import type { CommandLaunch } from './supervisor/command-launch.ts';
import { CommandProcess } from './supervisor/command-process.ts';
import { forkWorker, type Launch } from './supervisor/launch.ts';
import { renewLaunch } from './supervisor/renewal.ts';
import { handleSignals } from './supervisor/signals.ts';
import { Steering } from './supervisor/steering.ts';
import { Supervisor, type SupervisorSink, type WorkerInfo } from './supervisor/supervisor.ts';
import { SystemdNotifier } from './supervisor/systemd-notifier.ts';
import { Upkeep } from './supervisor/upkeep.ts';
import { colourVariables, WorkerOutput } from './supervisor/worker-output.ts';
import type { WorkerChild } from './supervisor/worker-process.ts';
import { type OpenTelemetry, openTelemetry } from './tracing/open-telemetry.ts';
import { doneWithin, type Moment, moment } from './waiting.ts';

/** How long the last of what workers printed may take to be written, in ms. */
const LAST_OUTPUT_MS = 1000;

/** So long connections of HTTP that are open may bring requests when the service closes, in ms. */
const LAST_REQUESTS_MS = 1000;

/** What workers get to end in order, also when draining has used up the time for it. */
const FAREWELL_MS = 1000;

type ServerState = 'starting' | 'serving' | 'closing' | 'closed';

const TRANSITIONS: Readonly<Record<ServerState, readonly ServerState[]>> = {
  starting: ['serving', 'closing'],
  serving: ['closing'],
  closing: ['closed'],
  closed: [],
};

/** The server of one `scale()` call in the primary. */
export class ScaledServer extends EventEmitter<ServerEvents> implements Server {
  readonly #options: ResolvedScaleOptions;
  readonly #service: Service;
  readonly #logger: Logger;
  /** The endpoint of our own workers; not one of `backendEndpoints`. */
  readonly #privateEndpoint: string;
  /** Where the queue takes what gateways bring: that of this process, or those of their own. */
  readonly #gatewayEndpoint: string;
  readonly #pools: readonly PoolPlan[];
  readonly #queue: WorkerQueue;
  readonly #supervisor: Supervisor;
  readonly #steering: Steering;
  readonly #front: ProgramFront;
  readonly #upkeep: Upkeep;
  readonly #http: HttpFront;
  readonly #control: ServiceControl;
  readonly #metrics: ServiceMetrics;
  readonly #notifier: SystemdNotifier | undefined;
  readonly #output: WorkerOutput | undefined;
  readonly #telemetry: OpenTelemetry | undefined;
  /** When the queue has its addresses, or cannot have them. */
  readonly #bound: Moment;
  /** When no worker is left that could answer what is open. */
  readonly #hopeless: Moment;
  #launch: Launch | CommandLaunch;
  #state: ServerState;
  #releaseSignals: () => void;
  #earlierEndpoints: readonly (readonly string[])[];
  #failure: ZscaleError | undefined;
  #closed: Promise<void> | undefined;

  /** Takes nothing yet from the system: `start()` does. */
  constructor(options: ResolvedScaleOptions, service: Service) {
    super();
    this.#options = options;
    this.#service = service;
    const logger = options.logger ?? createLogger();
    this.#control = new ServiceControl(options);
    this.#logger = this.#control.keepLines(
      options.name === DEFAULTS.name ? logger : logger.child({ service: options.name }),
    );
    this.#telemetry = openTelemetry(service.module, (text) => this.#logger.warn(text));
    this.#privateEndpoint = chooseBackendEndpoint();
    this.#gatewayEndpoint =
      options.gateways > 1
        ? gatewayDoor(this.#privateEndpoint)
        : this.#privateEndpoint.replace(/^ipc/, 'inproc');
    this.#pools = planPools(options.pools);
    const isCommand = 'words' in service.launch;
    const codec = isCommand && service.choosesCodec ? 'raw' : options.codec;
    this.#queue = new WorkerQueue({
      bind: service.bindsLater ? [] : options.bind.filter((endpoint) => !isHttpEndpoint(endpoint)),
      backend: [this.#privateEndpoint, ...options.backend],
      ownEndpoint: this.#privateEndpoint,
      gatewayEndpoint: this.#gatewayEndpoint,
      codec: createCodec(codec),
      maxQueue: options.maxQueue,
      maxQueueBytes: options.maxQueueBytes,
      maxQueueWait: options.maxQueueWait,
      timeout: options.timeout,
      maxMessageSize: options.maxMessageSize,
      maxUnsentBytes: options.maxUnsentBytes,
      balance: options.balance,
      pools: this.#pools,
      key: options.key,
      retries: options.retries,
      heartbeatTimeout: options.heartbeatTimeout,
      curve: options.curve && readServiceKeys(options.curve),
      logger: this.#logger.child({ component: 'queue' }),
      trace: this.#telemetry && new QueueTrace(this.#telemetry, options.name),
      onWorkerCame: (generation) => this.#supervisor.workerCame(generation),
    });
    this.#supervisor = new Supervisor({
      fork: (id, generation) => this.#fork(id, generation),
      subject: service.subject,
      folder: options.cwd,
      policy: options,
      startTimeout: options.startTimeout,
      gracefulTimeout: options.gracefulTimeout,
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
    this.#metrics = this.#createMetrics();
    this.#http = new HttpFront({
      options,
      upstream: this.#gatewayEndpoint,
      isReady: () => this.#isReady(),
      adminRoutes: [this.#metrics.route, ...dashboardRoutes(options, this.#control, this.#logger)],
      telemetry: this.#telemetry,
      module: service.module,
      sink: {
        gatewayReady: (id, pid, ms) => this.emit('gateway-ready', { id, pid, ms }),
        gatewayExited: (facts) => this.emit('gateway-exited', facts),
        processDrained: (process) => this.#metrics.gatewayDrained(process),
        processEnded: (process, exit) => this.#metrics.gatewayExited(process, exit),
        crashLoop: (error) => this.#giveUp(error),
      },
      logger: this.#logger.child({ component: 'gateway' }),
    });
    this.#front = new ProgramFront({
      queue: this.#queue,
      bindHttp: (endpoints, speaksHttp, codecName) =>
        this.#http.bind(endpoints, speaksHttp, codecName),
      useTls: (tls) => this.#http.useTls(tls),
      privateEndpoint: this.#privateEndpoint,
      isCommand,
      isHandler: !isCommand && service.module === undefined,
      bindsLater: service.bindsLater,
      bind: options.bind,
      codec,
      gateways: options.gateways,
      httpOnly: options,
      choosesCodec: service.choosesCodec,
      identity: service.launch.footing.identity,
      logger: this.#logger,
    });
    this.#upkeep = this.#createUpkeep();
    this.#output = outputOf(options);
    this.#bound = moment();
    this.#hopeless = moment();
    this.#state = 'starting';
    this.#launch = service.launch;
    this.#releaseSignals = () => {};
    this.#earlierEndpoints = [];
    this.#failure = undefined;
    this.#closed = undefined;
    this.#attachControl();
  }

  get endpoints(): readonly string[] {
    return [...this.#queue.endpoints, ...this.#http.endpoints];
  }

  get backendEndpoints(): readonly string[] {
    return this.#queue.backendEndpoints.filter((endpoint) => endpoint !== this.#privateEndpoint);
  }

  get codec(): CodecName {
    return this.#front.codec;
  }

  get speaksHttp(): boolean {
    return this.#front.speaksHttp;
  }

  get programEndpoint(): string | undefined {
    return this.#front.askedFor;
  }

  get workers(): readonly WorkerInfo[] {
    return this.#supervisor.workers;
  }

  get gateways(): readonly GatewayInfo[] {
    return this.#http.gateways.map(({ id, pid, state, restarts, startedAt, age }) => {
      return { id, pid, state, restarts, startedAt, age };
    });
  }

  get workerCountReason(): string {
    return this.#steering.reason;
  }

  stats(): ServerStats {
    const restarts = this.workers.reduce((sum, worker) => sum + worker.restarts, 0);
    const { hangs } = this.#supervisor;
    const http = this.#http.stats();
    return { ...this.#queue.stats(), restarts, recycled: this.#upkeep.recycled, hangs, http };
  }

  /**
   * Binds the addresses, starts the workers, and resolves when all are ready. `onBound` is called
   * as soon as the endpoints are known. When it rejects, nothing is left.
   *
   * @throws TransportError or ZscaleError with the system's code when an address cannot be had
   * (`EADDRINUSE` ...); WorkerBootError when a worker does not become ready; ZscaleError
   * `ZSCALE_ERR_CLOSED` when it is closed meanwhile.
   */
  async start(onBound: (endpoints: readonly string[]) => void): Promise<void> {
    if (this.#options.signals) {
      this.#releaseSignals = handleSignals({
        close: (signal) => this.#end(signal),
        kill: () => this.#kill(),
        reload: (signal) => this.#steering.reloadAt(signal),
        grow: (by, signal) => this.#steering.growAt(by, signal),
      });
    }
    this.#notifier?.start();
    try {
      await this.#bind();
      await this.#control.start();
      const told = this.#front.ready.then(() => onBound(this.endpoints));
      told.catch(() => {}); // it is awaited below; before that, something else may fail
      this.#earlierEndpoints = await this.#service.earlierEndpoints;
      const others = this.#pools.flatMap(({ workerIds }) => [...workerIds]);
      const { workerCount } = this.#service;
      await Promise.all([this.#supervisor.start(workerCount, others), told]);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#enter('serving');
    this.#upkeep.start();
    this.#metrics.serving();
    this.#notifier?.ready();
    this.#logger.info(
      { endpoints: this.endpoints, workers: this.workers.length, reason: this.#steering.reason },
      'serving',
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

  async #bind(): Promise<void> {
    try {
      const { curve, insecure } = this.#options;
      if (curve === undefined && !insecure) await checkExposure(this.#options, this.#logger);
      const { identity } = this.#launch.footing;
      const socketFolder = backendFolderOf(this.#privateEndpoint);
      await checkAccess(this.#launch, { module: this.#service.module, socketFolder });
      makeBackendFolder(this.#privateEndpoint);
      await this.#http.start();
      await this.#queue.start();
      if (identity !== undefined) admitToBackendFolder(this.#privateEndpoint, identity);
    } finally {
      this.#bound.resolve();
    }
  }

  #attachControl(): void {
    const controlled = {
      kind: 'service',
      supervisor: this.#supervisor,
      steering: this.#steering,
      queue: this.#queue,
      events: this,
      state: () => this.#state,
      endpoints: () => this.endpoints,
      backends: () => this.backendEndpoints,
      codec: () => this.codec,
      gateways: () => this.#http.gateways,
      joined: () => [],
      metrics: () => this.#metrics.text(),
      poolOf: (id: number) => this.#poolOf(id),
      recycled: () => this.#upkeep.recycled,
      followLoad: (follow: boolean) => this.#upkeep.followLoad(follow),
      stop: (reason: string) => void this.#end(reason),
    } as const;
    this.#control.attach(controlled, this.#logger.child({ component: 'control' }));
  }

  /** The pool of a worker; null for the default one. */
  #poolOf(id: number): string | null {
    return this.#pools.find(({ workerIds }) => workerIds.has(id))?.name ?? null;
  }

  #createMetrics(): ServiceMetrics {
    const measured = {
      name: this.#options.name,
      kind: 'service',
      supervisor: this.#supervisor,
      queue: this.#queue,
      http: () => this.#http,
      poolOf: (id: number) => this.#poolOf(id),
      logger: this.#logger.child({ component: 'metrics' }),
    } as const;
    return new ServiceMetrics(measured, this.#options.admin !== undefined);
  }

  /** The one way to the end; `reason` is for the log. */
  #end(reason: string): Promise<void> {
    this.#closed ??= this.#shutDown(reason);
    return this.#closed;
  }

  async #shutDown(reason: string): Promise<void> {
    const { drainDelay, gracefulTimeout } = this.#options;
    const wasServing = this.#state === 'serving';
    this.#enter('closing');
    this.#upkeep.stop();
    this.#notifier?.stopping();
    if (wasServing && drainDelay > 0) {
      this.#logger.info({ reason, drainDelay }, 'closing: balancers are given time to hear of it');
      await doneWithin(this.#hopeless.promise, drainDelay);
    }
    const deadline = performance.now() + gracefulTimeout;
    try {
      await this.#bound.promise;
      // Requests come as soon as one worker is ready, while others still load.
      if (wasServing || this.#hasReadyWorker()) await this.#drain(reason, deadline);
      await this.#http.close();
      await this.#supervisor.stop(Math.max(deadline - performance.now(), FAREWELL_MS));
      await this.#queue.close();
      await this.#http.end();
      await this.#output?.close(LAST_OUTPUT_MS);
      await this.#telemetry?.flush();
    } finally {
      removeBackendFolder(this.#privateEndpoint);
      this.#releaseSignals();
      await this.#control.close();
      await this.#notifier?.close();
      this.#enter('closed');
    }
    if (wasServing) this.#logger.info('closed');
    if (this.#failure !== undefined) tellFailure(this, this.#failure);
    this.emit('closed');
  }

  async #drain(reason: string, deadline: number): Promise<void> {
    const { gracefulTimeout } = this.#options;
    const { queued, inFlight } = this.#queue.stats();
    this.#logger.info({ reason, queued, inFlight }, 'closing: answering what is open');
    this.#supervisor.end();
    // What has reached the gateway is still answered; after a moment only what the queue has.
    const ofHttp = this.#http.drain();
    const moment = Math.min(LAST_REQUESTS_MS, deadline - performance.now());
    await doneWithin(Promise.race([ofHttp, this.#hopeless.promise]), moment);
    const answered = Promise.all([this.#queue.drain(), ofHttp]);
    const over = Promise.race([answered, this.#hopeless.promise]);
    if (await doneWithin(over, deadline - performance.now())) return;
    this.#logger.warn({ gracefulTimeout }, 'requests are still open after gracefulTimeout');
  }

  /**
   * Ends at once: for people who pressed Ctrl-C twice. The rest of closing follows if there is
   * time.
   */
  #kill(): void {
    this.#logger.warn('killing the workers');
    this.#hopeless.resolve();
    void this.#supervisor.kill();
    this.#http.kill();
    removeBackendFolder(this.#privateEndpoint);
    void this.#control.close();
    void this.#end('kill');
  }

  #fork(id: number, generation: number): WorkerChild {
    const launch = this.#launch;
    refuseMissingSocket(this.#privateEndpoint);
    const door = this.#front.openDoor(id, generation);
    const pipesOutput = this.#output !== undefined;
    const colours = pipesOutput ? colourVariables(process.stdout, launch.env) : {};
    const env = { ...launch.env, ...colours };
    const child =
      'words' in launch
        ? new CommandProcess(
            { ...launch, env },
            {
              serviceName: this.#options.name,
              workerId: id,
              door: door ?? '',
              folder: backendFolderOf(this.#privateEndpoint) ?? '',
              pipesOutput,
            },
          )
        : forkWorker({ ...launch, env }, this.#workerStart(id, generation, door), { pipesOutput });
    this.#output?.take(id, 'stdout', child.stdout);
    this.#output?.take(id, 'stderr', child.stderr);
    return child;
  }

  #workerStart(id: number, generation: number, door: string | undefined): WorkerStart {
    const { codec, concurrency, exportName, hangTimeout, maxMessageSize, name, threads, timeout } =
      this.#options;
    const { module, number } = this.#service;
    return {
      service: number,
      serviceName: name,
      workerId: id,
      generation,
      backends: [this.#privateEndpoint],
      door,
      codec,
      concurrency,
      threads,
      timeout,
      module,
      exportName,
      functions: functionRuleOf(this.#options),
      maxMessageSize,
      reportsLoad: this.#options.autoscale !== undefined || this.#options.admin !== undefined,
      hangTimeout,
      earlierEndpoints: this.#earlierEndpoints,
    };
  }

  /** What is read again before workers are replaced: files of the gateway, and what new workers get. */
  async #renew(): Promise<void> {
    this.#http.reload();
    const { relaunch } = this.#service;
    this.#launch = (await renewLaunch(this.#options.onReload, relaunch)) ?? this.#launch;
  }

  /** Whether requests are answered. */
  #isReady(): boolean {
    const { gateways } = this.#http;
    const canBeReached = gateways.length === 0 || gateways.some(({ state }) => state === 'ready');
    return this.#state === 'serving' && this.#hasReadyWorker() && canBeReached;
  }

  #hasReadyWorker(): boolean {
    return this.workers.some(({ state }) => state === 'ready');
  }

  /** The first service of a program speaks for all of it. */
  #createNotifier(): SystemdNotifier | undefined {
    if (this.#service.number > 0) return undefined;
    return SystemdNotifier.of({
      environment: process.env,
      pid: process.pid,
      status: () => describeState(this.#state, this.workers, this.endpoints),
      isWell: () => this.#state !== 'serving' || this.#isReady(),
      logger: this.#logger.child({ component: 'supervisor' }),
    });
  }

  #createUpkeep(): Upkeep {
    return new Upkeep({
      limits: this.#options,
      autoscale: this.#options.autoscale,
      supervisor: this.#supervisor,
      steering: this.#steering,
      facts: () => {
        const { longestWait, workers } = this.#queue.stats();
        const peers = new Map(workers.map((peer) => [peer.generation, peer]));
        return {
          wait: longestWait,
          requestsOf: (generation) => peers.get(generation)?.requests ?? 0,
          holds: (generation) => (peers.get(generation)?.inFlight ?? 0) > 0,
        };
      },
      recycling: ({ id, pid }, reason) => this.emit('worker-recycling', { id, pid, reason }),
      scaling: (workers, reason) => this.emit('scaling', { workers, reason }),
      logger: this.#logger.child({ component: 'supervisor' }),
    });
  }

  #supervisorSink(): SupervisorSink {
    return {
      drainWorker: (generation) => this.#queue.drainWorker(generation),
      workerStarted: (id, pid) => this.emit('worker-started', { id, pid }),
      workerReady: (id, pid, ms, generation, speaksHttp) => {
        this.#front.workerReady(generation, speaksHttp);
        this.emit('worker-ready', { id, pid, ms });
      },
      workerBound: (id, endpoint, tls) => this.#front.workerBound(id, endpoint, tls),
      heldBy: (generation) => this.#queue.heldBy(generation),
      workerDrained: (worker) => this.#metrics.workerDrained(worker),
      workerExited: (worker, exit, report) => {
        const { id, generation, pid } = worker;
        const { code, signal, expected, hang } = exit;
        this.#metrics.workerExited(worker, exit);
        const { why, uptime, held } = report;
        const facts = {
          why,
          uptime,
          held: held.count,
          oldestHeld: held.oldest,
          requests: held.names,
        };
        this.#front.workerExited(generation);
        this.#queue.workerExited(generation);
        if (pid === undefined) return;
        const stack = hang?.stack;
        this.emit('worker-exited', { id, pid, code, signal, expected, ...facts, stack });
      },
      workerRestarting: (id, delay, attempt) =>
        this.emit('worker-restarting', { id, delay, attempt }),
      crashLoop: (error) => this.#giveUp(error),
    };
  }

  /** A process that it cannot do without crashes again and again. */
  #giveUp(error: ZscaleError): void {
    this.#failure ??= error;
    if (!this.workers.some(({ state }) => state === 'ready')) this.#hopeless.resolve();
    void this.#end('crash loop');
  }

  #enter(next: ServerState): void {
    assert(TRANSITIONS[this.#state].includes(next), `server: ${this.#state} -> ${next}`);
    this.#state = next;
  }
}

/**
 * The workers of pools have the numbers behind any that the default pool may have: `resize()` of that one leaves them alone.
 */
function planPools(pools: readonly ResolvedPool[]): readonly PoolPlan[] {
  let next = MAX_WORKERS;
  return pools.map(({ name, workers, routes }) => {
    const workerIds = new Set(Array.from({ length: workers }, () => next++));
    return { name, workerIds, routes };
  });
}

function outputOf({ output }: ResolvedScaleOptions): WorkerOutput | undefined {
  if (output === 'raw') return undefined;
  return new WorkerOutput(output, { stdout: process.stdout, stderr: process.stderr });
}

/** Without it a worker would try to connect until it is killed, and nobody would know why. */
function refuseMissingSocket(endpoint: string): void {
  const path = endpoint.slice('ipc://'.length);
  if (existsSync(path)) return;
  throw new ZscaleError(
    'ZSCALE_ERR_BOOT',
    `the socket ${path} between the queue and its workers is gone: somebody cleaned up. ` +
      'Start the service again, with TMPDIR in a folder that is left alone.',
  );
}

/** Where clients may come by ZeroMQ, a function of two parameters takes a value and its context. */
function functionRuleOf({ bind, http }: ResolvedScaleOptions): FunctionRule {
  if (http === undefined) return bind.every(isHttpEndpoint) ? 'by-parameters' : 'messages';
  return http ? 'listeners' : 'messages';
}
