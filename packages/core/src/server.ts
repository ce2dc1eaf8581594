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
import { chooseBackendEndpoint, makeBackendFolder, removeBackendFolder } from './backend-folder.ts';
import { type CurveOptions, readAllowedKeys, readOwnKeys } from './curve-keys.ts';
import { ZscaleError } from './errors.ts';
import { isBeyondLoopback } from './exposure.ts';
import { createLogger, type Logger } from './logger.ts';
import { createCodec } from './messages/payload.ts';
import { DEFAULTS, MAX_WORKERS, type ResolvedScaleOptions } from './options.ts';
import type { QueueStats } from './queue/queue-stats.ts';
import { type CurveDoors, WorkerQueue } from './queue/worker-queue.ts';
import { forkWorker, type Launch } from './supervisor/launch.ts';
import { handleSignals } from './supervisor/signals.ts';
import { Supervisor, type SupervisorSink, type WorkerInfo } from './supervisor/supervisor.ts';
import { doneWithin, type Moment, moment } from './waiting.ts';

/** What workers get to end in order, also when draining has used up the time for it. */
const FAREWELL_MS = 1000;

/** The exit code of a program whose service gave up and that does not listen to `'failed'`. */
const EXIT_CRASH_LOOP = 5;

type ServerState = 'starting' | 'serving' | 'closing' | 'closed';

const TRANSITIONS: Readonly<Record<ServerState, readonly ServerState[]>> = {
  starting: ['serving', 'closing'],
  serving: ['closing'],
  closing: ['closed'],
  closed: [],
};

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
    },
  ];
  /** A crashed worker will be started again in `delay` ms, for the `attempt`th time in a row. */
  'worker-restarting': [{ readonly id: number; readonly delay: number; readonly attempt: number }];
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
}

/** A running service. `await using` closes it at the end of the block. */
export interface Server extends AsyncDisposable {
  /** Where clients connect: the real addresses, with the port the system chose for `*` or 0. */
  readonly endpoints: readonly string[];
  /** Where REP sockets of any language may connect as further workers (option `backend`). */
  readonly backendEndpoints: readonly string[];
  /** The worker processes, by id. */
  readonly workers: readonly WorkerInfo[];
  /** Why there are as many workers as there are, for people. */
  readonly workerCountReason: string;
  stats(): ServerStats;
  /**
   * Goes to `count` workers. More: resolves when the new ones are ready. Fewer: the highest ids
   * finish what they hold, and it resolves when they are gone. Calls are done one after the other.
   *
   * @throws ZscaleError `ZSCALE_ERR_OPTIONS` unless `count` is a whole number from 1 to 1024,
   * `ZSCALE_ERR_CLOSED` when the server is closed before it is done; WorkerBootError when a new
   * worker does not become ready: the number is as before then.
   */
  resize(count: number): Promise<void>;
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
  readonly launch: Launch;
  /** What workers run, for error texts; completes the sentence "It ran ...". */
  readonly subject: string;
  readonly workerCount: number;
  readonly workerCountReason: string;
  /** The endpoints of the calls before this one, for workers that pass them; they come soon. */
  readonly earlierEndpoints: Promise<readonly (readonly string[])[]>;
}

/** The server of one `scale()` call in the primary. */
export class ScaledServer extends EventEmitter<ServerEvents> implements Server {
  readonly #options: ResolvedScaleOptions;
  readonly #service: Service;
  readonly #logger: Logger;
  /** The endpoint of our own workers; not one of `backendEndpoints`. */
  readonly #privateEndpoint: string;
  readonly #queue: WorkerQueue;
  readonly #supervisor: Supervisor;
  /** When the queue has its addresses, or cannot have them. */
  readonly #bound: Moment;
  /** When no worker is left that could answer what is open. */
  readonly #hopeless: Moment;
  #state: ServerState;
  #releaseSignals: () => void;
  #workerCountReason: string;
  #earlierEndpoints: readonly (readonly string[])[];
  #failure: ZscaleError | undefined;
  #closed: Promise<void> | undefined;

  /** Takes nothing yet from the system: `start()` does. */
  constructor(options: ResolvedScaleOptions, service: Service) {
    super();
    this.#options = options;
    this.#service = service;
    const logger = options.logger ?? createLogger();
    this.#logger =
      options.name === DEFAULTS.name ? logger : logger.child({ service: options.name });
    this.#privateEndpoint = chooseBackendEndpoint();
    this.#queue = new WorkerQueue({
      bind: options.bind,
      backend: [this.#privateEndpoint, ...options.backend],
      ownEndpoint: this.#privateEndpoint,
      codec: createCodec(options.codec),
      maxQueue: options.maxQueue,
      maxQueueBytes: options.maxQueueBytes,
      maxQueueWait: options.maxQueueWait,
      timeout: options.timeout,
      maxMessageSize: options.maxMessageSize,
      heartbeatTimeout: options.heartbeatTimeout,
      curve: options.curve === undefined ? undefined : doorsOf(options.curve),
      logger: this.#logger.child({ component: 'queue' }),
    });
    this.#supervisor = new Supervisor({
      fork: (id) => this.#fork(id),
      subject: service.subject,
      policy: options,
      startTimeout: options.startTimeout,
      gracefulTimeout: options.gracefulTimeout,
      logger: this.#logger.child({ component: 'supervisor' }),
      sink: this.#supervisorSink(),
    });
    this.#bound = moment();
    this.#hopeless = moment();
    this.#state = 'starting';
    this.#releaseSignals = () => {};
    this.#workerCountReason = service.workerCountReason;
    this.#earlierEndpoints = [];
    this.#failure = undefined;
    this.#closed = undefined;
  }

  get endpoints(): readonly string[] {
    return this.#queue.endpoints;
  }

  get backendEndpoints(): readonly string[] {
    return this.#queue.backendEndpoints.filter((endpoint) => endpoint !== this.#privateEndpoint);
  }

  get workers(): readonly WorkerInfo[] {
    return this.#supervisor.workers;
  }

  get workerCountReason(): string {
    return this.#workerCountReason;
  }

  stats(): ServerStats {
    const restarts = this.workers.reduce((sum, worker) => sum + worker.restarts, 0);
    return { ...this.#queue.stats(), restarts };
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
      const close = (signal: string): Promise<void> => this.#end(signal);
      this.#releaseSignals = handleSignals({ close, kill: () => this.#kill() });
    }
    try {
      await this.#bind();
      onBound(this.endpoints);
      this.#earlierEndpoints = await this.#service.earlierEndpoints;
      await this.#supervisor.start(this.#service.workerCount);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#enter('serving');
    this.#logger.info(
      { endpoints: this.endpoints, workers: this.workers.length, reason: this.#workerCountReason },
      'serving',
    );
  }

  async resize(count: number): Promise<void> {
    if (!Number.isInteger(count) || count < 1 || count > MAX_WORKERS) {
      throw new ZscaleError(
        'ZSCALE_ERR_OPTIONS',
        `resize() takes a whole number of workers from 1 to ${MAX_WORKERS}; got ${count}`,
      );
    }
    await this.#supervisor.resize(count);
    this.#workerCountReason = `${count} ${count === 1 ? 'worker' : 'workers'}: set by resize()`;
    this.#logger.info({ workers: count }, 'resized');
  }

  close(): Promise<void> {
    return this.#end('close()');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #bind(): Promise<void> {
    try {
      await this.#lookOutside();
      makeBackendFolder(this.#privateEndpoint);
      await this.#queue.start();
    } finally {
      this.#bound.resolve();
    }
  }

  /** Says what other machines could reach without CURVE, and refuses where they would be given requests. */
  async #lookOutside(): Promise<void> {
    const { bind, backend, curve, insecure } = this.#options;
    if (curve !== undefined || insecure) return;
    for (const endpoint of backend) {
      if (await isBeyondLoopback(endpoint)) {
        throw new ZscaleError(
          'ZSCALE_ERR_INSECURE',
          `the back end ${endpoint} can be reached from other machines, and whoever connects there is given requests. ` +
            'Give the service keys (curve; zscale keygen makes them), or say that the network is trusted: insecure: true, --insecure.',
        );
      }
    }
    const open: string[] = [];
    for (const endpoint of bind) if (await isBeyondLoopback(endpoint)) open.push(endpoint);
    if (open.length === 0) return;
    this.#logger.warn(
      { endpoints: open },
      'clients on other machines are neither encrypted nor known: give the service keys (curve), or say that this is meant (insecure)',
    );
  }

  /** The one way to the end; `reason` is for the log. */
  #end(reason: string): Promise<void> {
    this.#closed ??= this.#shutDown(reason);
    return this.#closed;
  }

  async #shutDown(reason: string): Promise<void> {
    const { gracefulTimeout } = this.#options;
    const deadline = performance.now() + gracefulTimeout;
    const wasServing = this.#state === 'serving';
    this.#enter('closing');
    try {
      await this.#bound.promise;
      if (wasServing) await this.#drain(reason);
      await this.#supervisor.stop(Math.max(deadline - performance.now(), FAREWELL_MS));
      await this.#queue.close();
    } finally {
      removeBackendFolder(this.#privateEndpoint);
      this.#releaseSignals();
      this.#enter('closed');
    }
    if (wasServing) this.#logger.info('closed');
    if (this.#failure !== undefined) tellFailure(this, this.#failure);
    this.emit('closed');
  }

  async #drain(reason: string): Promise<void> {
    const { gracefulTimeout } = this.#options;
    const { queued, inFlight } = this.#queue.stats();
    this.#logger.info({ reason, queued, inFlight }, 'closing: answering what is open');
    this.#supervisor.end();
    const over = Promise.race([this.#queue.drain(), this.#hopeless.promise]);
    if (await doneWithin(over, gracefulTimeout)) return;
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
    removeBackendFolder(this.#privateEndpoint);
    void this.#end('kill');
  }

  #fork(id: number): ReturnType<typeof forkWorker> {
    const { codec, concurrency, exportName, maxMessageSize, name } = this.#options;
    const { launch, module, number } = this.#service;
    refuseMissingSocket(this.#privateEndpoint);
    return forkWorker(launch, {
      service: number,
      serviceName: name,
      workerId: id,
      backends: [this.#privateEndpoint],
      codec,
      concurrency,
      module,
      exportName,
      maxMessageSize,
      earlierEndpoints: this.#earlierEndpoints,
    });
  }

  #supervisorSink(): SupervisorSink {
    return {
      drainWorker: (id) => this.#queue.drainWorker(id),
      workerStarted: (id, pid) => this.emit('worker-started', { id, pid }),
      workerReady: (id, pid, ms) => this.emit('worker-ready', { id, pid, ms }),
      workerExited: (id, pid, { code, signal, expected }) => {
        this.#queue.workerExited(id);
        if (pid !== undefined) this.emit('worker-exited', { id, pid, code, signal, expected });
      },
      workerRestarting: (id, delay, attempt) =>
        this.emit('worker-restarting', { id, delay, attempt }),
      crashLoop: (error) => {
        this.#failure ??= error;
        if (!this.workers.some(({ state }) => state === 'ready')) this.#hopeless.resolve();
        void this.#end('crash loop');
      },
    };
  }

  #enter(next: ServerState): void {
    assert(TRANSITIONS[this.#state].includes(next), `server: ${this.#state} -> ${next}`);
    this.#state = next;
  }
}

/** Tells whoever listens that a service gave up; without a listener the program's exit code does. */
export function tellFailure(
  service: { emit(event: 'failed', failure: ZscaleError): boolean },
  failure: ZscaleError,
): void {
  if (!service.emit('failed', failure)) process.exitCode ??= EXIT_CRASH_LOOP;
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for keys that cannot be read. */
function doorsOf(curve: CurveOptions): CurveDoors {
  const keys = readOwnKeys(curve);
  if (keys === undefined) {
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      'curve needs the keys of the service: keyFile, or publicKey and secretKey. Make a pair with zscale keygen.',
    );
  }
  const { allow, allowWorkers = [] } = curve;
  return {
    ...keys,
    clients: allow === undefined ? undefined : readAllowedKeys(allow),
    workers: readAllowedKeys(allowWorkers),
  };
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
