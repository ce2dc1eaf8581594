/**
 * The parent that keeps workers alive.
 *
 *     idle --> starting --> serving --> ending --> stopping --> stopped
 *       |          |           |                     ^
 *       +----------+-----------+---------------------+
 *
 * Owns one seat for each worker id, 0 to n-1, and whoever sits in it: starts it, replaces it after
 * a crash as `restart-policy.ts` says, and stops it. Ids are used again by the replacement, so the
 * queue hears of an exit before anybody new sits down. Does not own the queue, nor what happens
 * when a seat crashes in a loop: its sink is told.
 */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { ZscaleError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { ToWorker } from '../messages/process-message.ts';
import { doneWithin } from '../waiting.ts';
import {
  decideRestart,
  NO_CRASHES,
  type RestartHistory,
  type RestartPolicy,
} from './restart-policy.ts';
import {
  type BackendReport,
  type WorkerExit,
  WorkerProcess,
  type WorkerProcessSink,
  type WorkerState,
} from './worker-process.ts';

/** `ending` is serving, while the queue answers what is open for the last time. */
/** How long to wait when the machine has no descriptors or memory for a new process. */
const SHORTAGE_DELAY_MS = 1000;

type SupervisorState = 'idle' | 'starting' | 'serving' | 'ending' | 'stopping' | 'stopped';

const TRANSITIONS: Readonly<Record<SupervisorState, readonly SupervisorState[]>> = {
  idle: ['starting', 'stopping'],
  starting: ['serving', 'stopping'],
  serving: ['ending', 'stopping'],
  ending: ['stopping'],
  stopping: ['stopped'],
  stopped: [],
};

/** Whom the supervisor tells, and whom it asks to take requests away from a worker. */
export interface SupervisorSink {
  /** Gives the worker nothing more; resolves when it holds nothing, and never rejects. */
  drainWorker(id: number): Promise<void>;
  workerStarted(id: number, pid: number): void;
  /** `ms` is the time since it was started. */
  workerReady(id: number, pid: number, ms: number): void;
  /** Of a joined machine: how a worker stands with one of its back ends. */
  workerBackend?(id: number, backend: BackendReport): void;
  /** Called before a replacement with the same id is started. */
  workerExited(id: number, pid: number | undefined, exit: WorkerExit): void;
  /** A crashed worker will be started again in `delay` ms, for the `attempt`th time in a row. */
  workerRestarting(id: number, delay: number, attempt: number): void;
  /** One id crashed too often. The supervisor goes on with the others until it is stopped. */
  crashLoop(error: ZscaleError): void;
}

/** What a supervisor is made from. Durations are milliseconds. */
export interface SupervisorOptions {
  /** Starts the process of a worker. */
  readonly fork: (id: number) => ChildProcess;
  /** What workers run, for error texts; completes the sentence "It ran ...". */
  readonly subject: string;
  readonly policy: RestartPolicy;
  readonly startTimeout: number;
  /** How long one worker may take to drain, and then to stop. */
  readonly gracefulTimeout: number;
  readonly logger: Logger;
  readonly sink: SupervisorSink;
  /** For the jitter of restarts. Default `Math.random`. */
  readonly random?: () => number;
}

/** One worker as `workers` shows it. */
export interface WorkerInfo {
  readonly id: number;
  /** The process id; of the last process while a crashed worker waits for its restart. */
  readonly pid: number | undefined;
  readonly state: WorkerState;
  /** How many times the worker with this id was replaced. */
  readonly restarts: number;
  /** When the present process was started. */
  readonly startedAt: Date;
}

/** A worker id, and the process that has it now. */
interface Seat {
  readonly id: number;
  worker: WorkerProcess;
  /** Whether some process of this seat was ever ready: from then on an exit is a crash. */
  isProven: boolean;
  /** Whether it is being given up, by `resize` or because it never became ready. */
  isLeaving: boolean;
  restarts: number;
  history: RestartHistory;
  restartTimer: NodeJS.Timeout | undefined;
}

/** A call that waits until certain seats are ready. */
interface Waiter {
  readonly seats: readonly Seat[];
  readonly resolve: () => void;
  readonly reject: (error: ZscaleError) => void;
}

/** Keeps `n` worker processes alive. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #logger: Logger;
  readonly #sink: SupervisorSink;
  readonly #processSink: WorkerProcessSink;
  readonly #seats: Map<number, Seat>;
  readonly #waiters: Set<Waiter>;
  #state: SupervisorState;
  /** The end of the line of `resize` calls: they are done one after the other. */
  #lastResize: Promise<void>;
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#sink = options.sink;
    this.#processSink = {
      workerReady: (worker) => this.#workerReady(worker),
      workerLeaving: (worker) => this.#workerLeaving(worker),
      workerBackend: (worker, backend) => this.#sink.workerBackend?.(worker.id, backend),
      workerExited: (worker, exit) => this.#workerExited(worker, exit),
    };
    this.#seats = new Map();
    this.#waiters = new Set();
    this.#state = 'idle';
    this.#lastResize = Promise.resolve();
    this.#stopped = undefined;
  }

  /** Every worker there is, by id. Empty after `stop()`. */
  get workers(): readonly WorkerInfo[] {
    return [...this.#seats.values()].map(({ id, worker, restarts }) => {
      const { pid, state, startedAt } = worker;
      return { id, pid, state, restarts, startedAt };
    });
  }

  /**
   * Starts `count` workers and resolves when all are ready. Called once.
   *
   * @throws WorkerBootError when one of them fails before all are ready. The others are still there
   * then: the caller stops them.
   * @throws ZscaleError `ZSCALE_ERR_CLOSED` when it is stopped meanwhile, or was before.
   */
  async start(count: number): Promise<void> {
    if (this.#stopped !== undefined) throw closedError();
    this.#enter('starting');
    await this.#addSeats(0, count);
    this.#enter('serving');
  }

  /**
   * Goes to `count` workers: starts further ones and resolves when they are ready, or drains and
   * stops those with the highest ids and resolves when they are gone.
   *
   * @throws WorkerBootError when a further worker does not become ready; the number is as before
   * then.
   * @throws ZscaleError `ZSCALE_ERR_CLOSED` when the supervisor is stopped before it is done.
   */
  resize(count: number): Promise<void> {
    const resized = this.#lastResize.then(() => this.#resizeTo(count));
    this.#lastResize = resized.catch(() => {
      // Told to the caller of that resize(); the next one starts from what there is.
    });
    return resized;
  }

  /** Tells back ends to one worker, or to all that are ready. */
  tellBackends(message: Extract<ToWorker, { type: 'backends' }>, id?: number): void {
    for (const seat of this.#seats.values()) {
      if (id === undefined || id === seat.id) seat.worker.tellBackends(message);
    }
  }

  /**
   * Says that `stop()` will follow soon. Crashed workers are still replaced, for somebody must
   * answer what is open; a worker's own wish to leave is no longer granted: the SIGTERM that it
   * got, every process of the service got.
   */
  end(): void {
    if (this.#state === 'serving') this.#enter('ending');
  }

  /**
   * Stops every worker, also those that are still starting: each finishes what it holds and ends,
   * and is killed when it has not within `ms`. Resolves when no process is left; never rejects.
   */
  stop(ms: number): Promise<void> {
    this.#stopped ??= this.#stopAll(ms);
    return this.#stopped;
  }

  /** Kills every worker at once, and starts no other. */
  kill(): Promise<void> {
    const stopped = this.stop(0);
    for (const { worker } of this.#seats.values()) worker.kill();
    return stopped;
  }

  async #stopAll(ms: number): Promise<void> {
    this.#enter('stopping');
    for (const seat of this.#seats.values()) clearTimeout(seat.restartTimer);
    this.#rejectWaiters([...this.#seats.values()], closedError());
    await Promise.all([...this.#seats.values()].map(({ worker }) => worker.stop(ms)));
    this.#seats.clear();
    this.#enter('stopped');
  }

  async #resizeTo(count: number): Promise<void> {
    if (this.#state !== 'serving') throw closedError();
    const present = this.#seats.size;
    if (count > present) await this.#addSeats(present, count);
    else await this.#removeSeats([...this.#seats.values()].slice(count));
  }

  /** Seats workers `first` to `end - 1`; resolves when they are ready. */
  async #addSeats(first: number, end: number): Promise<void> {
    const seats: Seat[] = [];
    for (let id = first; id < end; id++) {
      const worker = this.#startWorker(id);
      const seat: Seat = {
        id,
        worker,
        isProven: false,
        isLeaving: false,
        restarts: 0,
        history: NO_CRASHES,
        restartTimer: undefined,
      };
      this.#seats.set(id, seat);
      seats.push(seat);
      this.#tellStarted(worker);
    }
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiters.add({ seats, resolve, reject });
      });
    } catch (error) {
      if (this.#state === 'serving') await this.#removeSeats(seats);
      throw error;
    }
  }

  async #removeSeats(seats: readonly Seat[]): Promise<void> {
    for (const seat of seats) {
      seat.isLeaving = true;
      clearTimeout(seat.restartTimer);
    }
    await Promise.all(seats.map(({ worker }) => this.#retire(worker)));
    for (const seat of seats) this.#seats.delete(seat.id);
  }

  /** Takes a worker out of service in order. Who sits on its seat next is decided at its exit. */
  async #retire(worker: WorkerProcess): Promise<void> {
    const { gracefulTimeout } = this.#options;
    if (worker.state === 'ready') {
      const drained = Promise.all([this.#sink.drainWorker(worker.id), worker.drain()]);
      await doneWithin(Promise.race([drained, worker.exited]), gracefulTimeout);
    }
    await worker.stop(gracefulTimeout);
  }

  #startWorker(id: number): WorkerProcess {
    const { fork, startTimeout, subject } = this.#options;
    return new WorkerProcess({
      id,
      fork: () => fork(id),
      startTimeout,
      subject,
      logger: this.#logger,
      sink: this.#processSink,
    });
  }

  #replace(seat: Seat): void {
    seat.restarts += 1;
    seat.worker = this.#startWorker(seat.id);
    this.#tellStarted(seat.worker);
  }

  #tellStarted({ id, pid }: WorkerProcess): void {
    this.#logger.debug({ worker: id, workerPid: pid }, 'worker started');
    if (pid !== undefined) this.#sink.workerStarted(id, pid);
  }

  #workerReady(worker: WorkerProcess): void {
    const seat = this.#seatOf(worker);
    const { id, pid, age } = worker;
    seat.isProven = true;
    if (seat.restarts > 0)
      this.#logger.info({ worker: id, workerPid: pid, ms: age }, 'worker is ready again');
    else this.#logger.debug({ worker: id, workerPid: pid, ms: age }, 'worker is ready');
    if (pid !== undefined) this.#sink.workerReady(id, pid, age);
    for (const waiter of this.#waiters) {
      if (!waiter.seats.every((other) => other.worker.state === 'ready')) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  async #workerLeaving(worker: WorkerProcess): Promise<void> {
    if (this.#state === 'ending') return;
    this.#logger.info(
      { worker: worker.id, workerPid: worker.pid },
      'worker got SIGTERM, draining it',
    );
    await this.#retire(worker);
  }

  #workerExited(worker: WorkerProcess, exit: WorkerExit): void {
    const seat = this.#seatOf(worker);
    const { id, pid } = worker;
    this.#sink.workerExited(id, pid, exit);
    this.#logger.debug(
      { worker: id, workerPid: pid, code: exit.code, signal: exit.signal },
      'worker ended',
    );

    const isStopping = this.#state === 'stopping' || this.#state === 'stopped';
    if (isStopping || seat.isLeaving) return;
    if (exit.error === undefined) this.#replace(seat);
    else if (this.#state === 'starting' || !seat.isProven) this.#rejectWaiters([seat], exit.error);
    else if (exit.machineIsShort) this.#startLater(seat, exit);
    else this.#crashed(seat, exit);
  }

  /** The machine is short of something: that is no crash of the worker's, and passes. */
  #startLater(seat: Seat, { error }: WorkerExit): void {
    const { restartMaxDelay, restartDelay } = this.#options.policy;
    const delay = Math.min(Math.max(restartDelay, SHORTAGE_DELAY_MS), restartMaxDelay);
    const facts = { worker: seat.id, reason: error?.message, restartIn: delay };
    this.#logger.warn(facts, 'worker could not be started, trying again');
    seat.restartTimer = setTimeout(() => this.#replace(seat), delay);
  }

  #crashed(seat: Seat, { code, signal, served, error }: WorkerExit): void {
    const { policy, random = Math.random } = this.#options;
    const { id, worker } = seat;
    const reason = served === 0 ? { reason: error?.message } : {};
    const facts = {
      worker: id,
      workerPid: worker.pid,
      code,
      signal,
      uptime: worker.age,
      ...reason,
    };
    const startup = served === 0 ? worker.age : 0;
    const crash = { at: performance.now(), served, startup };
    const decision = decideRestart(seat.history, crash, policy, random);
    seat.history = decision.history;
    if (decision.action === 'give-up') {
      const crashLoop = crashLoopError(id, policy);
      this.#logger.error(facts, crashLoop.message);
      this.#rejectWaiters([seat], crashLoop);
      this.#sink.crashLoop(crashLoop);
      return;
    }
    const { delay, history } = decision;
    seat.restartTimer = setTimeout(() => this.#replace(seat), delay);
    this.#logger.warn({ ...facts, restartIn: delay }, 'worker ended unexpectedly, restarting it');
    this.#sink.workerRestarting(id, delay, history.attempt);
  }

  #rejectWaiters(seats: readonly Seat[], error: ZscaleError): void {
    for (const waiter of this.#waiters) {
      if (!waiter.seats.some((seat) => seats.includes(seat))) continue;
      this.#waiters.delete(waiter);
      waiter.reject(error);
    }
  }

  #seatOf(worker: WorkerProcess): Seat {
    const seat = this.#seats.get(worker.id);
    assert(seat?.worker === worker, `supervisor: worker ${worker.id} has no seat`);
    return seat;
  }

  #enter(next: SupervisorState): void {
    assert(TRANSITIONS[this.#state].includes(next), `supervisor: ${this.#state} -> ${next}`);
    this.#state = next;
  }
}

function closedError(): ZscaleError {
  return new ZscaleError('ZSCALE_ERR_CLOSED', 'the server was closed before this was done');
}

function crashLoopError(id: number, { maxRestarts, restartWindow }: RestartPolicy): ZscaleError {
  return new ZscaleError(
    'ZSCALE_ERR_CRASH_LOOP',
    `worker ${id} crashed more than ${maxRestarts} times (maxRestarts) ` +
      `within ${restartWindow} ms (restartWindow)`,
  );
}
