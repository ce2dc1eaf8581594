/**
 * One worker process, from its start to its end, as the supervisor sees it.
 *
 *     starting --> ready --> draining --> stopping --> exited
 *         |          |           |            ^          ^
 *         +----------+-----------+------------+----------+
 *
 * Owns the child process, its IPC channel and the timer of the present state. Does not own who
 * replaces it. However it ends, `#exit` runs once and tells the sink last.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { WorkerBootError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Measured } from '../messages/process-figures.ts';
import {
  type FromWatchdog,
  type FromWorker,
  parseFromWatchdog,
  parseFromWorker,
  type ToWorker,
  WATCHDOG_FD,
} from '../messages/process-message.ts';
import type { ProfileOrder } from '../messages/profile-message.ts';
import type { TlsMaterial } from '../messages/tls-material.ts';
import { type Moment, moment } from '../waiting.ts';
import type { Hang } from './death-report.ts';
import { Profiling, type TakenProfile } from './profiling.ts';
import { Silence } from './silence.ts';

/** What a worker may take to end by itself once it has no more to do with us. */
const FAREWELL_MS = 1000;

/** How long the watchdog may take to say where the event loop stands still, in ms. */
const CAPTURE_MS = 3000;

/** Node's exit code for a main module that awaits what nothing is left to settle. */
const UNSETTLED_AWAIT = 13;

/** After so much silence nothing is known of how busy a worker is: it says so every second. */
const LOAD_SILENCE_MS = 2500;

/** Where in its life a worker process is. `draining` is ready, but given no more requests. */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopping' | 'exited';

const TRANSITIONS: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  starting: ['ready', 'stopping', 'exited'],
  ready: ['draining', 'stopping', 'exited'],
  draining: ['stopping', 'exited'],
  stopping: ['exited'],
  exited: [],
};

/**
 * What ended a worker: it crashed or hung; it was to be replaced, because of a limit, by a reload, since somebody asked for it
 * (drain) or since it wished so (leave); there are to be fewer (scale); somebody killed it; the service stops; or it was never ready.
 */
export type EndCause =
  | 'crash'
  | 'hang'
  | 'memory'
  | 'requests'
  | 'lifetime'
  | 'reload'
  | 'drain'
  | 'leave'
  | 'scale'
  | 'kill'
  | 'stop'
  | 'boot';

/** How a worker ended. */
export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether we told it to end; everything else is a crash. */
  readonly expected: boolean;
  /** Milliseconds from ready to the end; 0 when it never was ready. */
  readonly served: number;
  /** Why, in words, when it was not expected. */
  readonly error: WorkerBootError | undefined;
  /** It hung, and was killed for that. */
  readonly hang: Hang | undefined;
  readonly cause: EndCause;
  /** The machine had no descriptors, processes or memory for it: not the worker's doing. */
  readonly machineIsShort: boolean;
}

/** What a worker says of a back end. */
export type BackendReport = Extract<FromWorker, { type: 'backend' }>;

/** Whom a worker process tells, after its own state is settled and never from the constructor. */
export interface WorkerProcessSink {
  workerReady(worker: WorkerProcess): void;
  /** It got a SIGTERM of its own and asks to be drained and stopped. */
  workerLeaving(worker: WorkerProcess): void;
  /** Its event loop stands still. It is killed as soon as this returns. */
  workerHung(worker: WorkerProcess, hang: Hang): void;
  /** The program in it asked for this address; it was connected to the queue instead. */
  workerBound(worker: WorkerProcess, endpoint: string, tls: TlsMaterial | undefined): void;
  /** Of a joined machine: how it stands with one of its back ends. */
  workerBackend?(worker: WorkerProcess, backend: BackendReport): void;
  /** The last call. */
  workerExited(worker: WorkerProcess, exit: WorkerExit): void;
}

/**
 * The process of a worker, as far as it is looked at from here. A child that Node forked is one; of
 * other programs `CommandProcess` makes one.
 */
export interface WorkerChild {
  readonly pid?: number | undefined;
  /** Its pipes, of a Node process: its watchdog speaks over one of them. */
  readonly stdio?: readonly unknown[];
  /** It is no process of Node: of what it is told it understands when to end. */
  readonly isForeign?: boolean;
  /** Whether it may still be told something, or say something. */
  readonly connected: boolean;
  send(message: ToWorker, sent: (error: Error | null) => void): boolean;
  kill(signal: NodeJS.Signals): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(
    event: 'exit' | 'close',
    listener: (code: number | null, signal: NodeJS.Signals | null) => void,
  ): unknown;
}

/** What a worker process is made from. */
export interface WorkerProcessOptions {
  readonly id: number;
  /** Which process of the service it is. */
  readonly generation: number;
  /** Starts the process; may throw what `child_process.fork` throws. */
  readonly fork: () => WorkerChild;
  /** Milliseconds until it must be ready; `Infinity` for no limit. */
  readonly startTimeout: number;
  /** Of how long a silence it is killed, ms: its watchdog says `alive` within that. Default Infinity: it may be silent. */
  readonly maxSilence?: number;
  /** What it runs, for error texts; completes the sentence "It ran ...". */
  readonly subject: string;
  /** The folder that it starts in; undefined for that of this process. */
  readonly folder?: string | undefined;
  /** What it is called in errors. Default `'worker'`. */
  readonly noun?: string;
  readonly logger: Logger;
  readonly sink: WorkerProcessSink;
}

/** A worker process; the constructor starts it. */
export class WorkerProcess {
  readonly id: number;
  readonly generation: number;
  readonly startedAt: Date;
  /** The same on the clock of `performance.now()`, which nobody sets. */
  readonly #startedAt: number;
  readonly #subject: string;
  readonly #folder: string | undefined;
  readonly #noun: string;
  readonly #logger: Logger;
  readonly #sink: WorkerProcessSink;
  readonly #drained: Moment;
  readonly #exited: Moment;
  readonly #ready: Moment;
  readonly #child: WorkerChild | undefined;
  readonly #profiling: Profiling;
  readonly #silence: Silence;
  #state: WorkerState;
  #timer: NodeJS.Timeout | undefined;
  /** When it is killed, on the clock of `performance.now()`. */
  #deadline: number;
  #readyAt: number | undefined;
  #toldToEnd: boolean;
  #failure: WorkerBootError | undefined;
  #bootError: WorkerBootError | undefined;
  #speaksHttp: boolean;
  #noiseWasLogged: boolean;
  #utilization: number;
  /** When it said how busy it is, on the clock of `performance.now()`; 0 before it did. */
  #utilizationAt: number;
  #begun: number | undefined;
  /** Runs while the watchdog looks where the event loop stands still. */
  #captureTimer: NodeJS.Timeout | undefined;
  #hang: Hang | undefined;
  /** The question how it is, until it is answered or given up. */
  #measuring: Promise<Measured | undefined> | undefined;
  #settleMeasuring: (measured: Measured | undefined) => void;
  /** Why it is told to end, as far as that is known. */
  #endCause: EndCause | undefined;

  constructor(options: WorkerProcessOptions) {
    this.id = options.id;
    this.generation = options.generation;
    this.startedAt = new Date();
    this.#startedAt = performance.now();
    this.#subject = options.subject;
    this.#folder = options.folder;
    this.#noun = options.noun ?? 'worker';
    this.#logger = options.logger;
    this.#sink = options.sink;
    this.#drained = moment();
    this.#exited = moment();
    this.#ready = moment();
    this.#state = 'starting';
    this.#timer = undefined;
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#readyAt = undefined;
    this.#toldToEnd = false;
    this.#failure = undefined;
    this.#bootError = undefined;
    this.#speaksHttp = false;
    this.#noiseWasLogged = false;
    this.#utilization = 0;
    this.#utilizationAt = 0;
    this.#begun = undefined;
    this.#captureTimer = undefined;
    this.#hang = undefined;
    this.#measuring = undefined;
    this.#settleMeasuring = () => {};
    this.#endCause = undefined;
    this.#silence = new Silence(options.maxSilence ?? Number.POSITIVE_INFINITY, (ms) =>
      this.#killHung({ ms, stack: undefined, isSilent: true }),
    );
    this.#child = this.#start(options.fork);
    this.#profiling = new Profiling(`${this.#noun} ${this.id}`, this.#child?.stdio?.[WATCHDOG_FD]);
    const { startTimeout } = options;
    this.#arm(startTimeout, () => {
      this.#abandon(this.#errorOf(`was not ready after ${startTimeout} ms (startTimeout)`), 0);
    });
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** The process id; undefined when no process could be started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves once it is ready. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Why it ended without ever having been ready; undefined until then. */
  get bootError(): WorkerBootError | undefined {
    return this.#bootError;
  }

  /**
   * For which part of the last second its event loop was busy, 0 to 1; undefined when it has not said so for longer, as a
   * worker that computes.
   */
  get utilization(): number | undefined {
    const silence = performance.now() - this.#utilizationAt;
    return silence < LOAD_SILENCE_MS ? this.#utilization : undefined;
  }

  /** How many requests it had begun when it last said so; undefined where it does not. */
  get begun(): number | undefined {
    return this.#begun;
  }

  /** Resolves when the process is gone; never rejects. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Whole milliseconds since it was started. */
  get age(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  /** It will be told to end, for this reason. The first one counts. */
  endsFor(cause: EndCause): void {
    this.#endCause ??= cause;
  }

  /**
   * Asks it how it is. Undefined when it does not say so within `ms`, as one whose event loop stands still, or when it cannot: before
   * it is ready, at its end, and where it is no Node process.
   */
  measure(ms: number): Promise<Measured | undefined> {
    if (!this.canMeasure) return Promise.resolve(undefined);
    this.#measuring ??= new Promise((resolve) => {
      const settle = (measured: Measured | undefined): void => {
        clearTimeout(timer);
        this.#measuring = undefined;
        this.#settleMeasuring = () => {};
        resolve(measured);
      };
      const timer = setTimeout(settle, ms, undefined);
      this.#settleMeasuring = settle;
      this.#send({ type: 'measure' });
    });
    return this.#measuring;
  }

  /** Whether it can be asked how it is. */
  get canMeasure(): boolean {
    const serves = this.#state === 'ready' || this.#state === 'draining';
    return serves && this.#child?.isForeign !== true;
  }

  /** Tells it that it leads, until it is told to drain or to stop. */
  lead(): void {
    this.#send({ type: 'lead' });
  }

  /** Tells it its back ends, once it is ready. */
  tellBackends(message: Extract<ToWorker, { type: 'backends' }>): void {
    if (this.#readyAt !== undefined) this.#send(message);
  }

  /**
   * Tells it to take nothing more. Resolves when it has answered all it held, or is gone; at once
   * when it is not ready.
   */
  async drain(): Promise<void> {
    if (this.#state !== 'ready') return;
    this.#enter('draining');
    this.#send({ type: 'drain' });
    await Promise.race([this.#drained.promise, this.exited]);
  }

  /**
   * Tells it to finish what it holds and end, and kills it if it has not within `ms`; within a
   * second when it never was ready. Resolves when it is gone. When called several times the
   * earliest end counts.
   */
  async stop(ms: number): Promise<void> {
    if (this.#state === 'exited') return;
    this.#toldToEnd = true;
    this.#profiling.end(); // what there is may still be written
    if (this.#state !== 'stopping') {
      this.#enter('stopping');
      this.#send({ type: 'stop' });
      // It does not listen to messages before it is ready.
      if (this.#readyAt === undefined) this.#child?.kill('SIGTERM');
    }
    this.#killAfter(this.#readyAt === undefined ? Math.min(ms, FAREWELL_MS) : ms);
    await this.exited;
  }

  /** The queue saw it come: that is how a program that knows nothing of us becomes ready. */
  came(): void {
    if (this.#state !== 'starting') return;
    this.#readyAt = performance.now();
    this.#enter('ready');
    this.#silence.start();
    this.#ready.resolve();
    this.#sink.workerReady(this);
  }

  /** Whether it takes requests of HTTP, and not values; known when it is ready. */
  get speaksHttp(): boolean {
    return this.#speaksHttp;
  }

  /** Sends it a signal; SIGKILL as `kill()`. False when it has no process. */
  signal(name: NodeJS.Signals): boolean {
    if (this.#state === 'exited' || this.#child === undefined) return false;
    if (name === 'SIGKILL' || name === 'SIGTERM') this.endsFor('kill');
    if (name === 'SIGKILL') this.kill();
    else this.#child.kill(name);
    return true;
  }

  /** Has a profile of it taken, into a file; resolves when that is there. @throws what `Profiling.take` throws */
  profile(order: ProfileOrder): Promise<TakenProfile> {
    return this.#profiling.take(order);
  }

  /** Has the present profile written as far as it is. False when there is none. */
  endProfile(): boolean {
    return this.#profiling.end();
  }

  /** Ends it at once, by SIGKILL. */
  kill(): void {
    if (this.#state === 'exited') return;
    this.#toldToEnd = true;
    this.#child?.kill('SIGKILL');
  }

  #start(fork: () => WorkerChild): WorkerChild | undefined {
    let child: WorkerChild;
    try {
      child = fork();
    } catch (error) {
      queueMicrotask(() => this.#notStarted(error));
      return undefined;
    }
    child.on('message', (value) => this.#onMessage(value));
    this.#listenToWatchdog(child);
    child.on('disconnect', () => this.#onDisconnect());
    child.on('error', (error) => {
      // With a process id this is a signal or message that found nobody: its exit tells the rest.
      if (child.pid === undefined) this.#notStarted(error);
    });
    child.on('exit', (code, signal) => {
      // What a worker said before it failed to boot may still be in the channel; 'close' comes
      // after.
      const speaks = this.#readyAt === undefined && child.connected;
      if (!speaks) this.#exit(code, signal);
      // 'close' does not come while somebody else holds the output that we read.
      else child.on('disconnect', () => this.#exit(code, signal));
    });
    child.on('close', (code, signal) => this.#exit(code, signal));
    return child;
  }

  #onMessage(value: unknown): void {
    let message: FromWorker;
    try {
      message = parseFromWorker(value);
    } catch (error) {
      // The user's code, or a tool in the worker, uses process.send() for something of its own.
      this.#tellNoise(error);
      return;
    }
    switch (message.type) {
      case 'ready':
        this.#speaksHttp = message.speaksHttp === true;
        this.came();
        return;
      case 'bound':
        this.#sink.workerBound(this, message.endpoint, message.tls);
        return;
      case 'leaving':
        if (this.#state === 'ready') this.#sink.workerLeaving(this);
        return;
      case 'drained':
        this.#drained.resolve();
        return;
      case 'load':
        this.#utilization = message.utilization;
        this.#utilizationAt = performance.now();
        this.#begun = message.begun;
        return;
      case 'measured':
        this.#settleMeasuring(message);
        return;
      case 'backend':
        if (this.#readyAt !== undefined) this.#sink.workerBackend?.(this, message);
        return;
      case 'boot-failed':
        this.#abandon(new WorkerBootError(message.code, message.message), FAREWELL_MS);
        return;
    }
  }

  #listenToWatchdog(child: WorkerChild): void {
    // Without one, as in a process that was not started by `launch.ts`, nobody speaks.
    const pipe = child.stdio?.[WATCHDOG_FD];
    if (!(pipe instanceof Readable)) return;
    pipe.on('error', () => {}); // It breaks when the process dies, and that is told elsewhere.
    createInterface(pipe).on('line', (line) => this.#onWatchdog(line));
  }

  #tellNoise(err: unknown): void {
    if (this.#noiseWasLogged) return;
    this.#noiseWasLogged = true;
    const facts = { worker: this.id, workerPid: this.pid, err };
    this.#logger.warn(facts, 'a worker sent messages that are not ours; they are ignored');
  }

  #onWatchdog(line: string): void {
    let message: FromWatchdog;
    try {
      message = parseFromWatchdog(line);
    } catch (error) {
      // The program of the worker can write to the descriptor as well as its watchdog can.
      this.#tellNoise(error);
      return;
    }
    this.#silence.heard();
    if (message.type === 'alive') return;
    if (message.type === 'profiled' || message.type === 'profile-failed') {
      this.#profiling.settle(message);
      return;
    }
    clearTimeout(this.#captureTimer);
    switch (message.type) {
      case 'stalled':
        this.#captureTimer = setTimeout(
          () => this.#killHung({ ms: message.ms, stack: undefined }),
          CAPTURE_MS,
        );
        return;
      case 'hung':
        this.#killHung({ ms: message.ms, stack: message.stack });
        return;
      case 'debugged':
        return;
    }
  }

  #killHung(hang: Hang): void {
    if (this.#state === 'exited' || this.#hang !== undefined) return;
    this.#hang = hang;
    this.#sink.workerHung(this, hang);
    this.#child?.kill('SIGKILL');
  }

  /** Without its channel a worker ends itself; it is helped if it does not. */
  #onDisconnect(): void {
    if (this.#state === 'exited' || this.#state === 'stopping') return;
    this.#enter('stopping');
    this.#killAfter(FAREWELL_MS);
  }

  /** Gives up on a worker that will not become ready; what it says later changes nothing. */
  #abandon(error: WorkerBootError, farewell: number): void {
    if (this.#state !== 'starting') return;
    this.#failure = error;
    this.#enter('stopping');
    this.#killAfter(farewell);
  }

  #notStarted(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const reason = `could not be started: ${text}${adviceFor(error, this.#folder)}`;
    this.#failure = this.#errorOf(reason, error);
    this.#exit(null, null);
  }

  #exit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#state === 'exited') return;
    this.#enter('exited');
    clearTimeout(this.#captureTimer);
    this.#settleMeasuring(undefined);
    this.#profiling.abandon();
    const expected = this.#toldToEnd;
    const hang = this.#hang;
    const served = this.#readyAt === undefined ? 0 : performance.now() - this.#readyAt;
    const when = this.#readyAt === undefined ? ' before it was ready' : '';
    const error = this.#failure ?? this.#errorOf(howItEnded(code, signal) + when);
    if (this.#readyAt === undefined) this.#bootError = error;
    const machineIsShort = !expected && isShortage(error.cause);
    const failure = expected ? undefined : error;
    const cause = this.#causeOf(expected);
    const exit = { code, signal, expected, served, error: failure, hang, cause, machineIsShort };
    this.#sink.workerExited(this, exit);
    this.#exited.resolve();
  }

  #causeOf(expected: boolean): EndCause {
    if (this.#hang !== undefined) return 'hang';
    if (expected) return this.#endCause ?? 'stop';
    return this.#readyAt === undefined ? 'boot' : 'crash';
  }

  #errorOf(reason: string, cause?: unknown): WorkerBootError {
    const pid = this.pid === undefined ? '' : ` (pid ${this.pid})`;
    const text = `${this.#noun} ${this.id}${pid} ${reason}. It ran ${this.#subject}.`;
    return new WorkerBootError('ZSCALE_ERR_BOOT', text, cause === undefined ? {} : { cause });
  }

  #send(message: ToWorker): void {
    // A worker whose channel is closed is on its way out; the timer of `stopping` sees to the rest.
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  /** Kills it unless it ends before. Of several deadlines the earliest counts. */
  #killAfter(ms: number): void {
    const deadline = performance.now() + ms;
    if (deadline >= this.#deadline) return;
    this.#deadline = deadline;
    this.#arm(ms, () => this.#child?.kill('SIGKILL'));
  }

  #arm(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(act, ms);
  }

  #enter(next: WorkerState): void {
    assert(TRANSITIONS[this.#state].includes(next), `worker process: ${this.#state} -> ${next}`);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (next === 'stopping' || next === 'exited') this.#silence.stop(); // it is killed anyway, or gone
    this.#state = next;
  }
}

/** What `spawn` says when the machine, and not the program, is the reason. */
const SHORTAGES: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

function isShortage(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && SHORTAGES.has(cause.code);
}

/** What to do where a limit of this process or a folder that is gone is the reason, as text behind that. */
function adviceFor(error: unknown, folder: string | undefined): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EMFILE')
    return ', since this process may open no more files (ulimit -n; each worker takes 5, each gateway process 3, each client one). Raise that limit';
  // The system says the same of a program that is not there, and Node names only that.
  if (code === 'ENOENT' && folder !== undefined && !existsSync(folder))
    return `, since the folder that it is to start in is gone: ${folder} (cwd). Make it again, or give another one`;
  return '';
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `was ended by ${signal}`;
  const hint = code === UNSETTLED_AWAIT ? ' (a top-level await that can never settle)' : '';
  return `ended with exit code ${code}${hint}`;
}
