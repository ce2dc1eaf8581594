/**
 * The parent that keeps workers alive.
 *
 *     idle --> starting --> serving --> ending --> stopping --> stopped
 *       |          |           |                     ^
 *       +----------+-----------+---------------------+
 *
 * Owns one seat for each worker id, 0 to n-1 and those named beside, and whoever sits in it: starts it, replaces it after
 * a crash as `restart-policy.ts` says, renews it while it serves, and stops it. Does not own the
 * queue, nor what happens when a seat crashes in a loop: its sink is told.
 *
 * To renew a seat, its successor is started beside the worker that sits there, which goes on serving
 * until the successor is ready and takes the seat; then the old one is drained and stopped. So two
 * processes may have one id for a while: they are told apart by their generation. Whatever happens
 * meanwhile, a seat is never without somebody who serves, starts, or waits for a restart: a worker
 * that dies while its successor starts leaves it the seat at once, and a successor that does not
 * become ready changes nothing.
 *
 * Changes of many seats (`resize`, `reload`) are done one after the other.
 */

import assert from 'node:assert/strict';
import { type WorkerBootError, ZscaleError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Measured } from '../messages/process-figures.ts';
import type { ToWorker } from '../messages/process-message.ts';
import type { ProfileOrder } from '../messages/profile-message.ts';
import type { TlsMaterial } from '../messages/tls-material.ts';
import { doneWithin } from '../waiting.ts';
import { explainDeath, type Hang, type HeldRequests } from './death-report.ts';
import { readOomKills } from './oom-kills.ts';
import type { TakenProfile } from './profiling.ts';
import {
  decideRestart,
  NO_CRASHES,
  type RestartHistory,
  type RestartPolicy,
} from './restart-policy.ts';
import {
  type BackendReport,
  type EndCause,
  type WorkerChild,
  type WorkerExit,
  WorkerProcess,
  type WorkerProcessSink,
  type WorkerState,
} from './worker-process.ts';

/** How long to wait when the machine has no descriptors or memory for a new process. */
const SHORTAGE_DELAY_MS = 1000;

/** `ending` is serving, while the queue answers what is open for the last time. */
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
  /** Gives this process nothing more; resolves when it holds nothing, and never rejects. */
  drainWorker(generation: number): Promise<void>;
  /** What this process holds, or held when its connection ended. */
  heldBy(generation: number): HeldRequests;
  workerStarted(id: number, pid: number): void;
  /** `ms` is the time since it was started. */
  workerReady(id: number, pid: number, ms: number, generation: number, speaksHttp: boolean): void;
  /** The program in it asked for this address; it was connected to the queue instead. */
  workerBound(id: number, endpoint: string, tls: TlsMaterial | undefined): void;
  /** Of a joined machine: how a worker stands with one of its back ends. */
  workerBackend?(generation: number, backend: BackendReport): void;
  /** A process has drained and will be told to end: the last chance to ask it something, which never rejects. */
  workerDrained?(worker: WorkerProcess): Promise<void>;
  /** A replacement with the same id may be there already, but then with another generation. */
  workerExited(worker: WorkerProcess, exit: WorkerExit, report: DeathReport): void;
  /** A crashed worker will be started again in `delay` ms, for the `attempt`th time in a row. */
  workerRestarting(id: number, delay: number, attempt: number): void;
  /** One id crashed too often. The supervisor goes on with the others until it is stopped. */
  crashLoop(error: ZscaleError): void;
}

/** How a worker ended, for people. Durations are milliseconds. */
export interface DeathReport {
  /** In one sentence; undefined when it was told to end. */
  readonly why: string | undefined;
  /** From its start to its end. */
  readonly uptime: number;
  readonly held: HeldRequests;
}

/** What a supervisor keeps alive. */
export type SupervisedNoun = 'worker' | 'gateway';

/** What a supervisor is made from. Durations are milliseconds. */
export interface SupervisorOptions {
  /** Starts the process of a worker. */
  readonly fork: (id: number, generation: number) => WorkerChild;
  /** What workers run, for error texts; completes the sentence "It ran ...". */
  readonly subject: string;
  /** The folder that they start in. Default that of this process. */
  readonly folder?: string | undefined;
  readonly policy: RestartPolicy;
  readonly startTimeout: number;
  /** Of how long a silence a process is killed; its watchdog says `alive` within that. Default Infinity. */
  readonly maxSilence?: number;
  /** How long one worker may take to drain, and then to stop. */
  readonly gracefulTimeout: number;
  readonly logger: Logger;
  readonly sink: SupervisorSink;
  /** What the processes are called in the log and in errors. Default `'worker'`. */
  readonly noun?: SupervisedNoun;
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
  /** Milliseconds since then, on a clock that nobody sets. */
  readonly age: number;
  /** Which process of the service it is: no two have the same, also when they have the same id. */
  readonly generation: number;
  /** For which part of the last second its event loop was busy, 0 to 1, with `autoscale`; else undefined. */
  readonly utilization: number | undefined;
  /**
   * Requests that this process had begun a second ago, with `autoscale`, and with `maxRequests` on a machine that joined; else
   * undefined.
   */
  readonly begun: number | undefined;
}

/** A worker id, and the process that has it now. */
interface Seat {
  readonly id: number;
  worker: WorkerProcess;
  /** Who takes over as soon as it is ready, while the seat is being renewed. */
  successor: WorkerProcess | undefined;
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
  readonly #noun: SupervisedNoun;
  readonly #sink: SupervisorSink;
  readonly #processSink: WorkerProcessSink;
  readonly #seats: Map<number, Seat>;
  readonly #waiters: Set<Waiter>;
  /** Every process that has not ended, whether it has a seat or not. */
  readonly #processes: Set<WorkerProcess>;
  /** Ids that `resize` leaves alone. */
  readonly #others: Set<number>;
  /** The worker that was told to lead, until its process is gone. */
  #leader: WorkerProcess | undefined;
  #state: SupervisorState;
  /** The end of the line of changes: they are done one after the other. */
  #lastChange: Promise<void>;
  /** A reload that waits in that line. Whoever wants one more joins it. */
  #nextReload: Promise<void> | undefined;
  /** Of the process that was started last. */
  #generation: number;
  #hangs: number;
  /** What `readOomKills` said last. */
  #oomKills: number | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#noun = options.noun ?? 'worker';
    this.#sink = options.sink;
    this.#processSink = {
      workerReady: (worker) => this.#workerReady(worker),
      workerLeaving: (worker) => this.#workerLeaving(worker),
      workerHung: (worker, hang) => this.#workerHung(worker, hang),
      workerBound: ({ id }, endpoint, tls) => this.#sink.workerBound(id, endpoint, tls),
      workerBackend: (worker, backend) => this.#sink.workerBackend?.(worker.generation, backend),
      workerExited: (worker, exit) => this.#workerExited(worker, exit),
    };
    this.#seats = new Map();
    this.#waiters = new Set();
    this.#others = new Set();
    this.#leader = undefined;
    this.#state = 'idle';
    this.#processes = new Set();
    this.#lastChange = Promise.resolve();
    this.#nextReload = undefined;
    this.#generation = 0;
    this.#hangs = 0;
    this.#oomKills = readOomKills();
    this.#stopped = undefined;
  }

  /** Every worker there is, by id. Empty after `stop()`. */
  get workers(): readonly WorkerInfo[] {
    return [...this.#seats.values()].map(({ id, worker, restarts }) => {
      const { pid, state, startedAt, age, generation, utilization, begun } = worker;
      return { id, pid, state, restarts, startedAt, age, generation, utilization, begun };
    });
  }

  /** How many workers were killed because their event loop stood still. */
  get hangs(): number {
    return this.#hangs;
  }

  /**
   * Starts `count` workers and resolves when all are ready. Called once.
   *
   * @param others ids of further workers, above any that `resize` may come to: it leaves them alone.
   * @throws WorkerBootError when one of them fails before all are ready. The others are still there
   * then: the caller stops them.
   * @throws ZscaleError `ZSCALE_ERR_CLOSED` when it is stopped meanwhile, or was before.
   */
  async start(count: number, others: readonly number[] = []): Promise<void> {
    if (this.#stopped !== undefined) throw closedError();
    this.#enter('starting');
    for (const id of others) this.#others.add(id);
    await this.#addSeats([...idsFrom(0, count), ...others]);
    this.#enter('serving');
    this.#appointLeader();
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
    return this.#inLine(() => this.#resizeTo(count));
  }

  /**
   * Replaces every worker, one after the other: the new one is ready before the old one is drained
   * and stopped. Resolves when all are replaced. A call while a reload waits for its turn joins it;
   * one while a reload is at work asks for another, since what it is to load may be newer.
   *
   * @throws ZscaleError `ZSCALE_ERR_RELOAD` when a new worker does not become ready: its place and
   * those after it keep the workers they have.
   * @throws ZscaleError `ZSCALE_ERR_CLOSED` when the supervisor is stopped before it is done.
   */
  reload(): Promise<void> {
    this.#nextReload ??= this.#inLine(() => {
      this.#nextReload = undefined;
      return this.#reloadAll();
    });
    return this.#nextReload;
  }

  /**
   * Replaces one process, successor first, and resolves when it is gone. Does nothing when it is not serving any more when its turn
   * comes.
   *
   * @throws ZscaleError `ZSCALE_ERR_RELOAD` when the successor does not become ready: the worker stays.
   * @throws ZscaleError `ZSCALE_ERR_CLOSED` when the supervisor is stopped before it is done.
   */
  renew(generation: number, cause: EndCause = 'drain'): Promise<void> {
    return this.#inLine(async () => {
      if (this.#state !== 'serving') throw closedError();
      const seat = [...this.#seats.values()].find(({ worker }) => worker.generation === generation);
      if (seat?.worker.state !== 'ready') return;
      const error = await this.#renew(seat, cause);
      if (error !== undefined) throw reloadError(error, 0, 1);
    });
  }

  /**
   * Sends one process a signal; SIGKILL ends it at once, and as it was asked for it counts as no crash. False when there is no such
   * process.
   */
  signalWorker(generation: number, signal: NodeJS.Signals): boolean {
    return this.#runningOf(generation)?.signal(signal) ?? false;
  }

  /** Has a profile of one process taken; undefined when there is no such process. */
  profileWorker(generation: number, order: ProfileOrder): Promise<TakenProfile> | undefined {
    return this.#runningOf(generation)?.profile(order);
  }

  /** Has the profile that is being taken written as far as it is. False when there is none. */
  endProfile(generation: number): boolean {
    return this.#runningOf(generation)?.endProfile() ?? false;
  }

  /**
   * Asks every process that serves how it is, and waits for each answer for up to `ms`; see {@link WorkerProcess.measure}.
   *
   * @param took is given each answer as it comes, undefined for none; not of processes that ended meanwhile.
   */
  async measure(
    ms: number,
    took: (worker: WorkerProcess, measured: Measured | undefined) => void,
  ): Promise<void> {
    const asked = [...this.#processes].filter(({ canMeasure }) => canMeasure);
    await Promise.all(
      asked.map(async (worker) => {
        const measured = await worker.measure(ms);
        if (worker.state !== 'exited') took(worker, measured);
      }),
    );
  }

  /** The queue saw this process come in. */
  workerCame(generation: number): void {
    for (const worker of this.#processes) if (worker.generation === generation) worker.came();
  }

  /** Tells back ends to one process, or to all that are ready. */
  tellBackends(message: Extract<ToWorker, { type: 'backends' }>, generation?: number): void {
    for (const worker of this.#processes) {
      if (generation === undefined || generation === worker.generation)
        worker.tellBackends(message);
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
    for (const worker of this.#processes) worker.kill();
    return stopped;
  }

  async #stopAll(ms: number): Promise<void> {
    this.#enter('stopping');
    for (const seat of this.#seats.values()) clearTimeout(seat.restartTimer);
    this.#rejectWaiters([...this.#seats.values()], closedError());
    await Promise.all([...this.#processes].map((worker) => worker.stop(ms)));
    this.#seats.clear();
    this.#enter('stopped');
  }

  async #resizeTo(count: number): Promise<void> {
    if (this.#state !== 'serving') throw closedError();
    const seats = [...this.#seats.values()].filter(({ id }) => !this.#others.has(id));
    const present = seats.length;
    if (count > present) await this.#addSeats(idsFrom(present, count));
    else await this.#removeSeats(seats.slice(count));
  }

  async #reloadAll(): Promise<void> {
    if (this.#state !== 'serving') throw closedError();
    const seats = [...this.#seats.values()];
    let renewed = 0;
    for (const seat of seats) {
      const error = await this.#renew(seat, 'reload');
      if (error !== undefined) throw reloadError(error, renewed, seats.length);
      renewed += 1;
    }
  }

  /**
   * Puts a new process on a seat; resolves when the old one is gone. Resolves with why the new one
   * did not become ready, if it did not.
   *
   * @throws ZscaleError `ZSCALE_ERR_CLOSED` when the supervisor is stopped meanwhile.
   */
  async #renew(seat: Seat, cause: EndCause): Promise<WorkerBootError | undefined> {
    const old = seat.worker;
    const isEmpty = old.state === 'exited'; // it crashed, and waits for its restart
    if (isEmpty) {
      clearTimeout(seat.restartTimer);
      this.#replace(seat);
    } else {
      seat.successor = this.#startWorker(seat.id);
      this.#tellStarted(seat.successor);
    }
    const next = seat.successor ?? seat.worker;
    await Promise.race([next.ready, next.exited]);
    if (this.#state !== 'serving') throw closedError();
    if (next.bootError !== undefined) return next.bootError;
    if (!isEmpty) await this.#retire(old, cause);
    if (this.#state !== 'serving') throw closedError();
    return undefined;
  }

  /** Does one change after the other. */
  #inLine(change: () => Promise<void>): Promise<void> {
    const changed = this.#lastChange.then(change);
    this.#lastChange = changed.catch(() => {
      // Told to whoever wanted that change; the next one starts from what there is.
    });
    return changed;
  }

  /** Seats workers with these ids; resolves when they are ready. */
  async #addSeats(ids: readonly number[]): Promise<void> {
    const seats: Seat[] = [];
    for (const id of ids) {
      const worker = this.#startWorker(id);
      const seat: Seat = {
        id,
        worker,
        successor: undefined,
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
    await Promise.all(seats.map(({ worker }) => this.#retire(worker, 'scale')));
    for (const seat of seats) this.#seats.delete(seat.id);
  }

  /** Takes a worker out of service in order. Who sits on its seat next is decided at its exit. */
  async #retire(worker: WorkerProcess, cause: EndCause): Promise<void> {
    const { gracefulTimeout } = this.#options;
    worker.endsFor(cause);
    if (worker.state === 'ready') {
      const drained = Promise.all([this.#sink.drainWorker(worker.generation), worker.drain()]);
      await doneWithin(Promise.race([drained, worker.exited]), gracefulTimeout);
      await this.#sink.workerDrained?.(worker);
    }
    await worker.stop(gracefulTimeout);
  }

  #startWorker(id: number): WorkerProcess {
    const { fork, startTimeout, maxSilence = Number.POSITIVE_INFINITY } = this.#options;
    const { subject, folder } = this.#options;
    this.#generation += 1;
    const generation = this.#generation;
    const worker = new WorkerProcess({
      id,
      generation,
      fork: () => fork(id, generation),
      startTimeout,
      maxSilence,
      subject,
      folder,
      noun: this.#noun,
      logger: this.#logger,
      sink: this.#processSink,
    });
    this.#processes.add(worker);
    return worker;
  }

  /** Somebody new sits down: the successor if there is one. */
  #runningOf(generation: number): WorkerProcess | undefined {
    return [...this.#processes].find((worker) => worker.generation === generation);
  }

  #replace(seat: Seat): void {
    const { successor } = seat;
    clearTimeout(seat.restartTimer); // or another one would take the seat from it
    seat.restarts += 1;
    seat.successor = undefined;
    seat.worker = successor ?? this.#startWorker(seat.id);
    if (successor === undefined) this.#tellStarted(seat.worker);
  }

  #tellStarted({ id, pid }: WorkerProcess): void {
    this.#logger.debug(nameOf(this.#noun, { id, pid }), `${this.#noun} started`);
    if (pid !== undefined) this.#sink.workerStarted(id, pid);
  }

  #workerReady(worker: WorkerProcess): void {
    const seat = this.#seatOf(worker);
    const { id, pid, age } = worker;
    const named = nameOf(this.#noun, worker);
    if (seat?.successor === worker) this.#replace(seat);
    if (seat !== undefined) seat.isProven = true;
    if (seat !== undefined && seat.restarts > 0)
      this.#logger.info({ ...named, ms: age }, `${this.#noun} is ready again`);
    else this.#logger.debug({ ...named, ms: age }, `${this.#noun} is ready`);
    if (pid !== undefined)
      this.#sink.workerReady(id, pid, age, worker.generation, worker.speaksHttp);
    this.#appointLeader();
    for (const waiter of this.#waiters) {
      if (!waiter.seats.every((other) => other.worker.state === 'ready')) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** At most one worker leads: the first that is ready, once nobody does and all have started. */
  #appointLeader(): void {
    if (this.#leader !== undefined || this.#state !== 'serving') return;
    for (const { worker } of this.#seats.values()) {
      if (worker.state !== 'ready') continue;
      this.#leader = worker;
      worker.lead();
      return;
    }
  }

  async #workerLeaving(worker: WorkerProcess): Promise<void> {
    if (this.#state === 'ending') return;
    this.#logger.info(
      nameOf(this.#noun, worker),
      `${this.#noun} got SIGTERM or closed its server, draining it`,
    );
    await this.#retire(worker, 'leave');
  }

  #workerHung(worker: WorkerProcess, { ms, stack, isSilent = false }: Hang): void {
    this.#hangs += 1;
    const { count, oldest, names } = this.#sink.heldBy(worker.generation);
    const held = { held: count, oldestHeld: oldest, requests: names };
    const facts = { ...nameOf(this.#noun, worker), stalled: ms, ...held };
    if (isSilent) {
      this.#logger.error(facts, `${this.#noun} is stopped: nothing is heard of it, killing it`);
      return;
    }
    const where =
      stack ?? 'outside of JavaScript: in native code, or waiting for something (execSync)';
    this.#logger.error(
      { ...facts, stack: where },
      `${this.#noun} hangs: its event loop stands still, killing it`,
    );
  }

  #workerExited(worker: WorkerProcess, exit: WorkerExit): void {
    const seat = this.#seatOf(worker);
    this.#processes.delete(worker);
    const report = this.#reportOf(worker, exit);
    this.#sink.workerExited(worker, exit, report);
    if (worker === this.#leader) this.#leader = undefined;
    this.#appointLeader();
    this.#logger.debug(
      { ...nameOf(this.#noun, worker), code: exit.code, signal: exit.signal },
      `${this.#noun} ended`,
    );

    const isStopping = this.#state === 'stopping' || this.#state === 'stopped';
    const isUnseated = isStopping || seat === undefined || seat.isLeaving;
    if (isUnseated && !exit.expected)
      this.#logger.warn(
        factsOf(this.#noun, worker, exit, report),
        `${this.#noun} ended unexpectedly while leaving`,
      );
    if (isUnseated) return;
    if (seat.successor === worker) seat.successor = undefined;
    else if (exit.error === undefined) this.#replace(seat);
    else if (this.#state === 'starting' || !seat.isProven) this.#rejectWaiters([seat], exit.error);
    else if (exit.machineIsShort) this.#startLater(seat, exit);
    else this.#crashed(seat, exit, report);
  }

  /** The machine is short of something: that is no crash of the worker's, and passes. */
  #startLater(seat: Seat, { error }: WorkerExit): void {
    const { restartMaxDelay, restartDelay } = this.#options.policy;
    const delay = Math.min(Math.max(restartDelay, SHORTAGE_DELAY_MS), restartMaxDelay);
    const facts = { [this.#noun]: seat.id, reason: error?.message, restartIn: delay };
    this.#logger.warn(facts, `${this.#noun} could not be started, trying again`);
    seat.restartTimer = setTimeout(() => this.#replace(seat), delay);
  }

  #reportOf({ age, generation }: WorkerProcess, exit: WorkerExit): DeathReport {
    const before = this.#oomKills;
    this.#oomKills = readOomKills(); // Whatever the end looks like: a shell tells of a signal by its code.
    const outOfMemory = (this.#oomKills ?? 0) > (before ?? 0);
    return {
      why: exit.expected ? undefined : explainDeath({ ...exit, outOfMemory }),
      uptime: age,
      held: this.#sink.heldBy(generation),
    };
  }

  #crashed(seat: Seat, exit: WorkerExit, report: DeathReport): void {
    const { served, error } = exit;
    const { policy, random = Math.random } = this.#options;
    const { id, worker } = seat;
    const reason = served === 0 ? { reason: error?.message } : {};
    const facts = { ...factsOf(this.#noun, worker, exit, report), ...reason };
    const startup = served === 0 ? worker.age : 0;
    const isOfRequest = report.held.again > 0;
    const crash = { at: performance.now(), served, startup, isOfRequest };
    const decision = decideRestart(seat.history, crash, policy, random);
    seat.history = decision.history;
    if (decision.action === 'give-up') {
      const crashLoop = crashLoopError(this.#noun, id, policy);
      this.#logger.error(facts, crashLoop.message);
      this.#rejectWaiters([seat], crashLoop);
      this.#sink.crashLoop(crashLoop);
      return;
    }
    this.#restartLater(seat, facts, decision.delay);
  }

  #restartLater(seat: Seat, facts: object, delay: number): void {
    if (seat.successor !== undefined) {
      this.#logger.warn(
        facts,
        `${this.#noun} ended unexpectedly, its successor is starting already`,
      );
      this.#replace(seat);
      return;
    }
    seat.restartTimer = setTimeout(() => this.#replace(seat), delay);
    this.#logger.warn(
      { ...facts, restartIn: delay },
      `${this.#noun} ended unexpectedly, restarting it`,
    );
    this.#sink.workerRestarting(seat.id, delay, Math.max(seat.history.attempt, 1));
  }

  #rejectWaiters(seats: readonly Seat[], error: ZscaleError): void {
    for (const waiter of this.#waiters) {
      if (!waiter.seats.some((seat) => seats.includes(seat))) continue;
      this.#waiters.delete(waiter);
      waiter.reject(error);
    }
  }

  /** Where it sits, or will sit; undefined once somebody else has its seat. */
  #seatOf(worker: WorkerProcess): Seat | undefined {
    const seat = this.#seats.get(worker.id);
    return seat?.worker === worker || seat?.successor === worker ? seat : undefined;
  }

  #enter(next: SupervisorState): void {
    assert(TRANSITIONS[this.#state].includes(next), `supervisor: ${this.#state} -> ${next}`);
    this.#state = next;
  }
}

function idsFrom(first: number, end: number): readonly number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}

/** A process as the log has it: `worker` and `workerPid`. */
function nameOf(
  noun: SupervisedNoun,
  { id, pid }: Pick<WorkerProcess, 'id' | 'pid'>,
): Record<string, number | undefined> {
  return { [noun]: id, [`${noun}Pid`]: pid };
}

/** The death report as the log has it. */
function factsOf(
  noun: SupervisedNoun,
  worker: WorkerProcess,
  exit: WorkerExit,
  report: DeathReport,
): object {
  const { code, signal, hang } = exit;
  const { why, uptime, held } = report;
  const stack = hang?.stack === undefined ? {} : { stack: hang.stack };
  const facts = { ...nameOf(noun, worker), code, signal, why, uptime };
  return { ...facts, held: held.count, oldestHeld: held.oldest, requests: held.names, ...stack };
}

function closedError(): ZscaleError {
  return new ZscaleError('ZSCALE_ERR_CLOSED', 'the server was closed before this was done');
}

function reloadError(cause: WorkerBootError, renewed: number, count: number): ZscaleError {
  const all = count === 1 ? 'the worker goes' : `all ${count} workers go`;
  const rest = renewed === 0 ? all : `${count - renewed} of ${count} workers go`;
  return new ZscaleError(
    'ZSCALE_ERR_RELOAD',
    `the reload failed, and ${rest} on serving as before: ${cause.message}` +
      `${cause.message.endsWith('.') ? ' ' : '\n'}Correct it and reload again.`,
    { cause },
  );
}

function crashLoopError(
  noun: SupervisedNoun,
  id: number,
  { maxRestarts, restartWindow }: RestartPolicy,
): ZscaleError {
  return new ZscaleError(
    'ZSCALE_ERR_CRASH_LOOP',
    `${noun} ${id} crashed more than ${maxRestarts} times (maxRestarts) ` +
      `within ${restartWindow} ms (restartWindow)`,
  );
}
