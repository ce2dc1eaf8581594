/**
 * The QUEUE device that knows its workers (docs/map.md, "How requests find workers").
 *
 *   client  [id][envelope...][empty][body...]  -> front end -> queued -> [ticket][empty][body...]           worker
 *   client  [id][envelope...][empty][body...]  <- front end <- by ticket  [ticket][empty or control][body...] worker
 *
 * It owns each request from its arrival to its one answer: see queued-request.ts. One that timed out while a
 * worker has it is answered and then abandoned: its ticket stays until the worker is done with it, so that the worker counts
 * as busy for as long as it is. Everything is bounded: requests and bytes waiting, the time a request may wait, the time it
 * may take. Each limit answers with its own code and has its own counter; nothing is dropped silently.
 */

import {
  type AnySocketOptions,
  EMPTY_FRAME,
  type Frames as Message,
  type Socket,
} from '@zscale/transport';
import type { Logger } from '../logger.ts';
import { announce } from '../messages/announcement.ts';
import { decodeControl, encodeControl } from '../messages/control.ts';
import { bytesOf, FRAME_OVERHEAD_BYTES, findDelimiter, sizeOf } from '../messages/frames.ts';
import { heartbeats } from '../messages/heartbeats.ts';
import type { Codec } from '../messages/payload.ts';
import { socketLimits } from '../messages/size-limits.ts';
import { Answers } from './answers.ts';
import { BackEnd, type BackEndSink, type WorkerPeer } from './back-end.ts';
import { Backlog } from './backlog.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { FaultLog } from './fault-log.ts';
import { FrontEnd } from './front-end.ts';
import { InFlight } from './in-flight.ts';
import type { QueueStats } from './queue-stats.ts';
import type { QueuedRequest } from './queued-request.ts';
import {
  NO_DELIMITER,
  type Refusal,
  STOPPING,
  tookTooLong,
  tooLarge,
  WORKER_LOST,
  waitedTooLong,
} from './refusals.ts';
import { WorkerSet } from './worker-set.ts';

/** What a queue is made from. Durations are ms, sizes bytes; no limit is Infinity. */
export interface WorkerQueueOptions {
  readonly bind: readonly string[];
  readonly backend: readonly string[];
  /** The one of `backend` that only our own workers can reach; their numbers are believed there alone. Default: everywhere. */
  readonly ownEndpoint?: string | undefined;
  readonly codec: Codec;
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
  readonly maxQueueWait: number;
  readonly timeout: number;
  readonly maxMessageSize: number;
  /** Where a machine, or a plain worker elsewhere, is silent for so long, it is gone. Default: never. */
  readonly heartbeatTimeout?: number | undefined;
  /** Keys of the service, and who may come in; undefined for no CURVE. `ownEndpoint` never has it. */
  readonly curve?: CurveDoors | undefined;
  readonly logger: Logger;
}

/** CURVE on both sides of a queue; keys are 40 characters of Z85. */
export interface CurveDoors {
  readonly publicKey: string;
  readonly secretKey: string;
  /** Public keys of clients; undefined lets every client in. */
  readonly clients: readonly string[] | undefined;
  /** Public keys of machines and other workers; the service's own pair is always let in. */
  readonly workers: readonly string[];
}

/** Messages read in one go before others get their turn. */
const FAIRNESS_MESSAGES = 512;
/** Timeouts are looked for this often, in ms: so much later than said one may fire. */
const SWEEP_MIN_MS = 5;
const SWEEP_MAX_MS = 250;
const SWEEPS_PER_LIMIT = 20;
/** How long answers may take to leave when the queue closes, in ms. */
const LINGER_MS = 1000;
/** A client has this long for its handshake, in ms: a real one needs a round trip. */
const HANDSHAKE_MS = 10_000;
/** After this much silence, in seconds, TCP asks whether the other machine is still there. */
const KEEPALIVE_IDLE_S = 30;
/** How long a dead worker's last replies may take to be read, in ms. */
const LAST_WORDS_MS = 50;
/** Ticket of a control frame that is about no request. */
const NO_TICKET: Buffer = Buffer.alloc(8);
const DRAINED: Buffer = encodeControl({ drain: true });

/** Takes requests from clients and gives each to the least busy worker. */
export class WorkerQueue implements BackEndSink {
  readonly #options: WorkerQueueOptions;
  readonly #logger: Logger;
  readonly #frontEnd: FrontEnd;
  readonly #backEnd: BackEnd;
  readonly #answers: Answers;
  readonly #faults: FaultLog;
  readonly #endpoints: string[] = [];
  readonly #backendEndpoints: string[] = [];
  readonly #workers = new WorkerSet();
  readonly #backlog: Backlog;
  readonly #inFlight = new InFlight<QueuedRequest>();
  readonly #idleWaiters: Array<{ readonly done: () => boolean; readonly resolve: () => void }> = [];
  /** In flight without those that were abandoned. */
  #open = 0;
  #requests = 0;
  #lateReplies = 0;
  #pumpScheduled = false;
  #stopping = false;
  #sweeper: NodeJS.Timeout | undefined = undefined;

  constructor(options: WorkerQueueOptions) {
    const { maxMessageSize } = options;
    this.#options = options;
    this.#logger = options.logger;
    this.#backlog = new Backlog(options);
    const limits = {
      linger: LINGER_MS,
      handshakeInterval: HANDSHAKE_MS,
      tcpKeepalive: 1,
      tcpKeepaliveIdle: KEEPALIVE_IDLE_S,
      ...socketLimits(maxMessageSize),
      metadata: announce({ maxMessageSize }),
    };
    const { curve } = options;
    const clients = curve?.clients === undefined ? undefined : new Doorkeeper(curve.clients);
    const workers =
      curve === undefined ? undefined : new Doorkeeper([curve.publicKey, ...curve.workers]);
    const forClients = { ...limits, ...curveServer(curve) };
    const forWorkers = { ...limits, ...heartbeats(options.heartbeatTimeout) };
    this.#frontEnd = new FrontEnd(() => this.#schedulePump(), forClients, clients);
    this.#backEnd = new BackEnd(this, options.ownEndpoint, forWorkers, workers);
    this.#answers = new Answers(this.#frontEnd, options.codec);
    this.#faults = new FaultLog(options.logger);
    this.#tellFaultsOf(this.#frontEnd, 'client');
    this.#tellFaultsOf(this.#backEnd, 'worker');
  }

  /**
   * Listens, first for workers and then for clients.
   *
   * @throws (rejects) TransportError as `Socket.bind`; nothing is left listening then.
   */
  async start(): Promise<void> {
    const { backend, bind, curve, ownEndpoint } = this.#options;
    try {
      if (ownEndpoint === undefined) this.#backEnd.secure(curveServer(curve));
      for (const endpoint of backend) {
        await this.#backEnd.bind(endpoint);
        this.#backendEndpoints.push(this.#backEnd.lastEndpoint ?? endpoint);
        if (endpoint === ownEndpoint) this.#backEnd.secure(curveServer(curve));
      }
      for (const endpoint of bind) {
        await this.#frontEnd.bind(endpoint);
        this.#endpoints.push(this.#frontEnd.lastEndpoint ?? endpoint);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Where clients connect; wildcards resolved. */
  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Where workers connect; wildcards resolved. */
  get backendEndpoints(): readonly string[] {
    return this.#backendEndpoints;
  }

  /** A snapshot; cheap enough to take every second. */
  stats(): QueueStats {
    return {
      requests: this.#requests,
      replies: this.#answers.replies,
      errors: this.#answers.errors,
      lateReplies: this.#lateReplies,
      undelivered: this.#frontEnd.undelivered,
      queued: this.#backlog.length,
      queuedBytes: this.#backlog.bytes,
      inFlight: this.#open,
      workers: this.#workers.stats(),
    };
  }

  /** A worker process is dead: its connections get nothing more, and what it held is answered as soon as its last replies are read. */
  workerExited(workerId: number): void {
    for (const worker of this.#workers.withId(workerId)) {
      worker.retired = true;
      // The system closes a dead process's connection, which ends all this; the timer is for a socket that somebody inherited.
      setTimeout(() => this.#backEnd.drop(worker), LAST_WORDS_MS).unref();
    }
  }

  /** Gives a worker nothing more; resolves when it holds nothing. */
  drainWorker(workerId: number): Promise<void> {
    const workers = this.#workers.withId(workerId);
    for (const worker of workers) worker.retired = true;
    return this.#until(() => workers.every((worker) => worker.held === 0));
  }

  /** Answers new requests with ZSCALE_ERR_STOPPING; resolves when every earlier one is answered. */
  drain(): Promise<void> {
    this.#stopping = true;
    return this.#until(() => this.#backlog.length === 0 && this.#open === 0);
  }

  /** Answers what is left with ZSCALE_ERR_STOPPING and lets go of every address. Idempotent. */
  async close(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sweeper);
    for (
      let request = this.#backlog.shift();
      request !== undefined;
      request = this.#backlog.shift()
    ) {
      this.#refuseWaiting(request, STOPPING);
    }
    for (const request of this.#inFlight.entries()) {
      if (request.state === 'given') this.#refuseGiven(request, STOPPING);
    }
    this.#frontEnd.close();
    this.#backEnd.close();
    await Promise.all([this.#frontEnd.ended, this.#backEnd.ended]);
  }

  // From the back end.

  workerConnected(worker: WorkerPeer): void {
    this.#workers.add(worker);
    this.#logger.debug(factsOf(worker), 'a worker connected');
    this.#dispatch();
  }

  machineJoined(machine: string, address: string): void {
    this.#logger.info({ machine, address }, 'a machine joined');
  }

  machineGone(machine: string, address: string, workers: number): void {
    if (workers === 0) this.#logger.info({ machine, address }, 'a machine left');
    else this.#logger.warn({ machine, address, workers }, 'lost a machine with all its workers');
  }

  workerRefused(address: string, socketType: string): void {
    this.#faults.tell(
      { address, socketType },
      'disconnected a client from the back end: workers are REP sockets, clients connect to the front end',
    );
  }

  workerReadable(worker: WorkerPeer): void {
    this.#frontEnd.wake();
    for (let message = worker.pipe.read(); message !== undefined; message = worker.pipe.read()) {
      this.#fromWorker(worker, message);
    }
    this.#dispatch();
    this.#rest();
  }

  workerWritable(_worker: WorkerPeer): void {
    this.#dispatch();
  }

  workerDisconnected(worker: WorkerPeer): void {
    this.#workers.remove(worker);
    let lost = 0;
    for (const request of this.#inFlight.entries()) {
      if (request.worker !== worker) continue;
      if (request.state === 'given') {
        lost += 1;
        this.#refuseGiven(request, WORKER_LOST);
      }
      this.#inFlight.remove(request.ticket);
    }
    worker.held = 0;
    const level = lost > 0 ? 'warn' : 'debug';
    this.#logger[level]({ ...factsOf(worker), lost }, 'a worker disconnected');
    this.#settle();
  }

  #tellFaultsOf(socket: Socket, peer: string): void {
    socket.events.on('handshake:error:protocol', ({ address, remoteAddress, error }) => {
      const facts = { endpoint: address, remoteAddress, code: error.code };
      this.#faults.tell(facts, `disconnected a ${peer}: ${error.message}`);
    });
  }

  // Clients.

  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    process.nextTick(pump, this);
  }

  /** Takes what clients sent, as much as is fair in one go. Called by its own schedule only. */
  pump(): void {
    this.#pumpScheduled = false;
    this.#frontEnd.wake();
    this.#workers.startTurn();
    const now = performance.now();
    for (let count = 0; count < FAIRNESS_MESSAGES; count++) {
      const message = this.#frontEnd.tryReceive();
      if (message === undefined) {
        this.#rest();
        return;
      }
      this.#fromClient(message, now);
    }
    this.#pumpScheduled = true;
    setImmediate(pump, this);
  }

  /** With requests in flight the next message is near: asleep, the queue would have to be woken for each (bench: queue). */
  #rest(): void {
    if (this.#open > 0) this.#frontEnd.rest();
  }

  #fromClient(message: Message, now: number): void {
    this.#requests += 1;
    const delimiter = findDelimiter(message, 1);
    if (delimiter < 0) {
      this.#answers.refuseBare([message[0] ?? EMPTY_FRAME], NO_DELIMITER);
      return;
    }
    const toWorker: Message = [NO_TICKET, EMPTY_FRAME];
    for (let i = delimiter + 1; i < message.length; i++) toWorker.push(message[i] as Buffer); // i < length
    message.length = delimiter + 1;
    const request: QueuedRequest = {
      state: 'queued',
      envelope: message,
      message: toWorker,
      bytes: sizeOf(toWorker, 2),
      memory:
        bytesOf(message) +
        bytesOf(toWorker) +
        FRAME_OVERHEAD_BYTES * (message.length + toWorker.length),
      arrived: now,
      worker: undefined,
      ticket: NO_TICKET,
    };
    if (this.#stopping) {
      this.#refuse(request, STOPPING);
    } else if (request.bytes > this.#options.maxMessageSize) {
      this.#refuse(request, tooLarge(request.bytes, this.#options.maxMessageSize));
    } else if (this.#backlog.length > 0 || !this.#giveToNext(request)) {
      this.#enqueue(request);
    }
  }

  #enqueue(request: QueuedRequest): void {
    const refusal = this.#backlog.push(request);
    if (refusal !== undefined) this.#refuse(request, refusal);
    else this.#watchTheClock();
  }

  // Workers.

  #dispatch(): void {
    this.#workers.startTurn();
    while (this.#backlog.length > 0) {
      const request = this.#backlog.peek();
      if (request === undefined || !this.#giveToNext(request)) return;
      this.#backlog.shift();
    }
  }

  /** False when no worker wants a request now. */
  #giveToNext(request: QueuedRequest): boolean {
    const worker = this.#workers.next();
    if (worker === undefined) return false;
    const ticket = this.#inFlight.add(request);
    request.message[0] = ticket;
    if (!this.#backEnd.give(worker, request.message)) {
      this.#inFlight.remove(ticket);
      return false;
    }
    request.state = 'given';
    request.worker = worker;
    request.ticket = ticket;
    worker.held += 1;
    worker.requests += 1;
    this.#open += 1;
    this.#watchTheClock();
    return true;
  }

  #fromWorker(worker: WorkerPeer, message: Message): void {
    const ticket = message[0];
    const delimiter = message[1];
    if (ticket === undefined || delimiter === undefined) {
      this.#lateReplies += 1;
      return;
    }
    const isControl = delimiter.length > 0 && worker.speaksZscale;
    const control = isControl ? decodeControl(delimiter) : undefined;
    if (isControl && control === undefined) {
      this.#faults.tell(
        { worker: worker.id, address: worker.address },
        'disconnected a worker: it sent a control frame that cannot be read',
      );
      this.#backEnd.drop(worker);
      return;
    }
    if (control?.credit !== undefined) worker.credit = control.credit;
    if (control?.drain === true) this.#retire(worker);
    if (message.length === 2 && ticket.equals(NO_TICKET)) return;
    const request = this.#inFlight.find(ticket);
    if (request === undefined || request.worker !== worker || message.length < 3) {
      this.#lateReplies += 1;
      return;
    }
    this.#inFlight.remove(ticket);
    worker.held -= 1;
    if (request.state === 'abandoned') {
      this.#lateReplies += 1;
    } else {
      this.#open -= 1;
      request.state = 'answered';
      this.#answers.reply(request.envelope, message, control?.error === true);
    }
    if (this.#idleWaiters.length > 0) this.#settle();
  }

  /** The worker wants to go: it gets nothing more, and is told when it has seen everything. */
  #retire(worker: WorkerPeer): void {
    worker.retired = true;
    worker.pipe.writeBeyondMark([NO_TICKET, DRAINED]);
  }

  // Answers in place of a worker: exactly one for each request.

  #refuse(request: QueuedRequest, refusal: Refusal): void {
    request.state = 'answered';
    this.#answers.refuse(request.envelope, refusal);
  }

  #refuseWaiting(request: QueuedRequest, refusal: Refusal): void {
    this.#refuse(request, refusal);
    this.#settle();
  }

  /** The ticket stays until the worker is done or gone. */
  #refuseGiven(request: QueuedRequest, refusal: Refusal): void {
    this.#open -= 1;
    this.#refuse(request, refusal);
    request.state = 'abandoned';
    this.#settle();
  }

  // Time.

  /** Runs the sweeper while anything is open. */
  #watchTheClock(): void {
    if (this.#sweeper !== undefined) return;
    const limit = Math.min(this.#options.timeout, this.#options.maxQueueWait);
    if (limit === Infinity) return;
    const every = Math.min(Math.max(limit / SWEEPS_PER_LIMIT, SWEEP_MIN_MS), SWEEP_MAX_MS);
    this.#sweeper = setInterval(sweep, every, this).unref();
  }

  /** Answers what is over time. Called by its own timer only. */
  sweep(): void {
    const now = performance.now();
    const { timeout, maxQueueWait } = this.#options;
    // Requests wait in the order they came, so the first that is in time ends the search.
    for (
      let request = this.#backlog.peek();
      request !== undefined;
      request = this.#backlog.peek()
    ) {
      const waited = now - request.arrived;
      if (waited < timeout && waited < maxQueueWait) break;
      this.#backlog.shift();
      if (waited >= maxQueueWait) this.#refuseWaiting(request, waitedTooLong(maxQueueWait));
      else this.#refuseWaiting(request, tookTooLong(timeout));
    }
    for (const request of this.#inFlight.entries()) {
      if (request.state === 'given' && now - request.arrived >= timeout) {
        this.#refuseGiven(request, tookTooLong(timeout));
      }
    }
    if (this.#backlog.length > 0 || this.#open > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  // Waiting for an end.

  #until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push({ done, resolve }));
  }

  #settle(): void {
    for (let i = this.#idleWaiters.length - 1; i >= 0; i--) {
      const waiter = this.#idleWaiters[i];
      if (waiter === undefined || !waiter.done()) continue;
      this.#idleWaiters.splice(i, 1);
      waiter.resolve();
    }
  }
}

/** Socket options of a CURVE server. */
function curveServer(curve: CurveDoors | undefined): AnySocketOptions {
  if (curve === undefined) return {};
  const { publicKey, secretKey } = curve;
  return { curvePublicKey: publicKey, curveSecretKey: secretKey, curveServer: true };
}

/** What logs say of a worker. */
function factsOf({ id, address, machine }: WorkerPeer): Record<string, unknown> {
  return { worker: id, address, ...(machine === undefined ? {} : { machine }) };
}

function pump(queue: WorkerQueue): void {
  queue.pump();
}

function sweep(queue: WorkerQueue): void {
  queue.sweep();
}
