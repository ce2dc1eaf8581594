/**
 * The QUEUE device that knows its workers (docs/map.md, "How requests find workers").
 *
 *   client  [id][envelope...][empty][body...]  -> front end -> queued -> [ticket][empty][body...]           worker
 *   client  [id][envelope...][empty][body...]  <- front end <- by ticket  [ticket][empty or control][body...] worker
 *
 * It owns each request from its arrival to its one answer: see queued-request.ts. One that timed out while a worker has it,
 * or whose client is gone, is abandoned: the worker is told, and its ticket stays until the worker is done with it, so that the
 * worker counts as busy for as long as it is. What a lost worker held is answered, or goes to another one (retry.ts).
 * What comes or is answered in several messages is relayed by streams.ts; the ticket lives until the last of the reply.
 * Everything is bounded: requests and bytes waiting, the time a request may wait, the time it may take, the answers that are
 * not read. Each limit answers with its own code and has its own counter; nothing is dropped silently.
 */

import {
  type AnySocketOptions,
  EMPTY_FRAME,
  keepFrames,
  type Frames as Message,
  type Pipe,
  type Socket,
} from '@zscale/transport';
import type { Logger } from '../logger.ts';
import { announce } from '../messages/announcement.ts';
import { type Control, decodeControl, encodeControl } from '../messages/control.ts';
import { heartbeats } from '../messages/heartbeats.ts';
import type { Codec } from '../messages/payload.ts';
import { socketLimits } from '../messages/size-limits.ts';
import { Waiters } from '../waiting.ts';
import { Answers } from './answers.ts';
import { BackEnd, type BackEndSink, type Door, type WorkerPeer } from './back-end.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { FaultLog } from './fault-log.ts';
import { FrontEnd, type FrontEndSink } from './front-end.ts';
import { HeldByProcess } from './held-by-process.ts';
import { InFlight } from './in-flight.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { Outcomes, type WorkerOutcomes } from './outcomes.ts';
import type { Give } from './pool.ts';
import { Pools } from './pools.ts';
import type { HeldRequests, PoolTimes, QueueStats, QueueTraffic } from './queue-stats.ts';
import type { QueueTrace } from './queue-trace.ts';
import type { Client, QueuedRequest, RequestLine } from './queued-request.ts';
import {
  lostEachTime,
  type Refusal,
  STOPPING,
  TAKES_WHOLE,
  tookTooLong,
  tooManyWaiting,
  WORKER_LOST,
  waitedTooLong,
} from './refusals.ts';
import { wordsFor } from './request-words.ts';
import { mayRetry } from './retry.ts';
import { isAboutStream, Streams, type StreamsHost } from './streams.ts';
import { Sweeper } from './sweeper.ts';

/** What a queue is made from. Durations are ms, sizes bytes; no limit is Infinity. */
export interface WorkerQueueOptions extends IntakeOptions {
  readonly bind: readonly string[];
  readonly backend: readonly string[];
  /** Where gateways of the service come in, and nobody else can; they may stream. Default: nowhere. */
  readonly gatewayEndpoint?: string | undefined;
  /** The one of `backend` that only our own workers can reach; their numbers are believed there alone. Default: everywhere. */
  readonly ownEndpoint?: string | undefined;
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
  readonly maxQueueWait: number;
  /** What answers that clients do not read may amount to, in all. */
  readonly maxUnsentBytes: number;
  /** How many times a request may be given to another worker when its own is lost; see retry.ts. */
  readonly retries: number;
  /** Where a machine, or a plain worker elsewhere, is silent for so long, it is gone. Default: never. */
  readonly heartbeatTimeout?: number | undefined;
  /** Keys of the service, and who may come in; undefined for no CURVE. `ownEndpoint` never has it. */
  readonly curve?: CurveDoors | undefined;
  readonly logger: Logger;
  /** Where an OpenTelemetry SDK is registered: what it is told. Default: nothing. */
  readonly trace?: QueueTrace | undefined;
  /** A process connected by the door that was opened for it: see {@link WorkerQueue.openDoor}. */
  readonly onWorkerCame?: (generation: number) => void;
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
/** How long answers may take to leave when the queue closes, in ms. */
const LINGER_MS = 1000;
/** A client has this long for its handshake, in ms: a real one needs a round trip. */
const HANDSHAKE_MS = 10_000;
/** After this much silence, in seconds, TCP asks whether the other machine is still there. */
const KEEPALIVE_IDLE_S = 30;
/** How long a dead worker's last replies may take to be read, in ms. */
const LAST_WORDS_MS = 50;
/** How many times a request that a gateway calls idempotent may be given to another worker, at least. */
const GATEWAY_RETRIES = 2;
/** Ticket of a control frame that is about no request. */
const NO_TICKET: Buffer = Buffer.alloc(8);
const DRAINED: Buffer = encodeControl({ drain: true });
const CANCELLED: Buffer = encodeControl({ cancel: true });
/** The message of a request that was given and need not be given again. */
const GIVEN: Message = [];

/** Takes requests from clients and gives each to a worker. */
export class WorkerQueue implements BackEndSink, FrontEndSink, StreamsHost {
  readonly #options: WorkerQueueOptions;
  readonly #logger: Logger;
  readonly #frontEnd: FrontEnd;
  readonly #backEnd: BackEnd;
  readonly #answers: Answers;
  readonly #faults: FaultLog;
  readonly #endpoints: string[] = [];
  readonly #backendEndpoints: string[] = [];
  readonly #pools: Pools;
  readonly #intake: Intake;
  readonly #streams: Streams;
  readonly #sweeper: Sweeper;
  readonly #trace: QueueTrace | undefined;
  readonly #inFlight = new InFlight<QueuedRequest>();
  readonly #held = new HeldByProcess(this.#inFlight);
  readonly #outcomes = new Outcomes();
  readonly #waiters = new Waiters();
  /** In flight without those that were abandoned. */
  #open = 0;
  #lateReplies = 0;
  #cancelled = 0;
  #retried = 0;
  #pumpScheduled = false;
  #hasToldUselessWord = false;
  /** When this turn of dispatching began. */
  #now = 0;
  readonly #giveWaiting: Give = (request, worker) => this.#give(request, worker, this.#now);

  constructor(options: WorkerQueueOptions) {
    const { maxMessageSize } = options;
    this.#options = options;
    this.#logger = options.logger;
    this.#pools = new Pools(options.pools, options.balance, options);
    this.#sweeper = new Sweeper(() => this.#sweep());
    this.#trace = options.trace;
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
    const forWorkers = { ...limits, ...heartbeats(options.heartbeatTimeout) };
    this.#frontEnd = new FrontEnd(this, options, limits, clients);
    this.#backEnd = new BackEnd(this, options.ownEndpoint, forWorkers, workers);
    this.#answers = new Answers(this.#frontEnd, options.codec);
    this.#faults = new FaultLog(options.logger);
    this.#streams = new Streams(this, this.#answers);
    this.#intake = new Intake(options, this.#answers, this.#faults, this.#streams, (request) => {
      this.#cancel(request);
      this.#waiters.look();
    });
    this.#tellFaultsOf(this.#frontEnd, 'client');
    this.#tellFaultsOf(this.#backEnd, 'worker');
  }

  /**
   * Listens, first for workers and then for clients.
   *
   * @throws (rejects) TransportError as `Socket.bind`; nothing is left listening then.
   */
  async start(): Promise<void> {
    const { backend, bind, curve, gatewayEndpoint, ownEndpoint } = this.#options;
    try {
      if (ownEndpoint === undefined) this.#backEnd.secure(curveServer(curve));
      for (const endpoint of backend) {
        await this.#backEnd.bind(endpoint);
        this.#backendEndpoints.push(this.#backEnd.lastEndpoint ?? endpoint);
        if (endpoint === ownEndpoint) this.#backEnd.secure(curveServer(curve));
      }
      if (gatewayEndpoint !== undefined) await this.#frontEnd.bind(gatewayEndpoint);
      this.#frontEnd.secure(curveServer(curve));
      await this.bindFrontEnd(bind);
      this.#trace?.watch(() => this.stats());
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Listens for clients at further endpoints; for services that learn from their workers where that is.
   *
   * @throws (rejects) TransportError as `Socket.bind`
   */
  async bindFrontEnd(endpoints: readonly string[]): Promise<void> {
    for (const endpoint of endpoints) {
      await this.#frontEnd.bind(endpoint);
      this.#endpoints.push(this.#frontEnd.lastEndpoint ?? endpoint);
    }
  }

  /** Answers errors in another codec from now on: what the service is was learnt from its workers. */
  useCodec(codec: Codec): void {
    this.#answers.codec = codec;
  }

  /**
   * Opens an endpoint for one process alone, so that a plain REP socket is known by where it comes in. `onWorkerCame` is called
   * for each connection there.
   *
   * @throws TransportError as `Socket.bindSync`
   */
  openDoor(door: Door, endpoint: string): void {
    this.#backEnd.openDoor(endpoint, door);
  }

  /**
   * Ends a door and whoever came in by it; that of a process that ended is closed by `workerExited`. Idempotent, also on a
   * closed queue.
   */
  closeDoor(endpoint: string): void {
    this.#backEnd.closeDoor(endpoint);
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
      requests: this.#intake.requests,
      replies: this.#answers.replies,
      errors: this.#answers.errors,
      lateReplies: this.#lateReplies,
      undelivered: this.#frontEnd.undelivered,
      cancelled: this.#cancelled + this.#intake.orphans,
      retried: this.#retried,
      slowClients: this.#frontEnd.slowClients,
      unfinishedBytes: this.#frontEnd.unfinishedBytes,
      queued: this.#pools.queued,
      queuedBytes: this.#pools.queuedBytes,
      longestWait: this.#pools.longestWait(performance.now()),
      keptBytes: this.#pools.keptBytes,
      inFlight: this.#open,
      streams: this.#streams.open,
      streamParts: this.#streams.parts,
      lateParts: this.#streams.lateParts,
      streamFaults: this.#streams.faults,
      workers: this.#pools.stats(),
    };
  }

  /** What requests waited and took, for each pool. Counts only grow. */
  times(): readonly PoolTimes[] {
    return this.#pools.times(performance.now());
  }

  /** Connections of clients and of workers, and what went over them. Gateways are none. */
  traffic(): QueueTraffic {
    return {
      front: this.#frontEnd.traffic.stats(),
      back: this.#backEnd.traffic.stats(),
      machines: this.#backEnd.machines,
    };
  }

  /** How the requests ended that workers had, by worker, with those of workers that are gone. Counts only grow. */
  outcomes(): readonly WorkerOutcomes[] {
    return this.#outcomes.read(this.#pools.workers());
  }

  /** A worker process is dead: its connections get nothing more, and what it held is answered as soon as its last replies are read. */
  workerExited(generation: number): void {
    const doors = this.#backEnd.doorsOf(generation);
    if (doors.length > 0) {
      const closeDoors = (): void => {
        for (const door of doors) this.closeDoor(door);
      };
      setTimeout(closeDoors, LAST_WORDS_MS).unref();
    }
    for (const worker of this.#pools.ofGeneration(generation)) {
      worker.retired = true;
      // The system closes a dead process's connection, which ends all this; the timer is for a socket that somebody inherited.
      setTimeout(() => this.#backEnd.drop(worker), LAST_WORDS_MS).unref();
    }
    this.#workersChanged();
  }

  /** What a worker process of ours holds, or held when it disconnected. Looks at all that is in flight. */
  heldBy(generation: number): HeldRequests {
    return this.#held.by(generation);
  }

  /** What a process holds, the oldest first, at most 100; ages in ms. */
  requestsOf(generation: number): { id: string; age: number }[] {
    return this.#held.requestsOf(generation);
  }

  /** Gives a worker process nothing more; resolves when it holds nothing. */
  drainWorker(generation: number): Promise<void> {
    const workers = this.#pools.ofGeneration(generation);
    for (const worker of workers) worker.retired = true;
    this.#workersChanged();
    return this.#waiters.until(() => workers.every(({ held, streams }) => held + streams === 0));
  }

  /** Answers new requests with ZSCALE_ERR_STOPPING; resolves when every earlier one is answered. */
  drain(): Promise<void> {
    this.#intake.stop();
    return this.#waiters.until(() => this.#pools.queued === 0 && this.#open === 0);
  }

  /** Answers what is left with ZSCALE_ERR_STOPPING and lets go of every address. Idempotent. */
  async close(): Promise<void> {
    this.#intake.stop();
    this.#sweeper.stop();
    this.#trace?.close();
    for (const line of this.#pools.lines()) {
      for (let request = line.first; request !== undefined; request = line.first) {
        this.#refuseWaiting(request, STOPPING);
      }
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
    this.#pools.ofWorker(worker).add(worker);
    this.#logger.debug(factsOf(worker), 'a worker connected');
    if (worker.generation !== undefined) this.#held.came(worker.generation);
    if (worker.saysIdempotent && this.#options.retries === 0) this.#tellUselessWord();
    if (worker.cameByDoor && worker.generation !== undefined)
      this.#options.onWorkerCame?.(worker.generation);
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
    this.#now = performance.now(); // once for all that came: it is the end of what is answered, and the beginning of what is given
    for (let message = worker.pipe.read(); message !== undefined; message = worker.pipe.read()) {
      this.#fromWorker(worker, message);
    }
    this.#pools.dispatch(this.#giveWaiting);
    this.#rest();
  }

  workerWritable(_worker: WorkerPeer): void {
    this.#dispatch();
  }

  workerDisconnected(worker: WorkerPeer): void {
    if (worker.held + worker.streams > 0 && worker.generation !== undefined)
      this.#held.went(worker.generation);
    this.#pools.ofWorker(worker).remove(worker);
    const again: QueuedRequest[] = [];
    let lost = 0;
    for (const request of this.#inFlight.entries()) {
      if (request.worker !== worker) continue;
      this.#inFlight.remove(request.ticket);
      if (request.state !== 'given') continue;
      if (this.#mayRetry(request)) {
        again.push(request);
        continue;
      }
      lost += 1;
      const { attempts } = request;
      this.#refuseGiven(request, attempts > 1 ? lostEachTime(attempts) : WORKER_LOST);
    }
    worker.held = 0;
    worker.streams = 0;
    this.#outcomes.keep(worker, this.#pools.ofWorker(worker).name);
    const level = lost + again.length > 0 ? 'warn' : 'debug';
    this.#logger[level](
      { ...factsOf(worker), lost, retried: again.length },
      'a worker disconnected',
    );
    this.#giveAgain(again);
    this.#waiters.look();
  }

  #tellUselessWord(): void {
    if (this.#hasToldUselessWord) return;
    this.#hasToldUselessWord = true;
    this.#logger.warn(
      'the handler says what may be done again (idempotent), and nothing is: retries is 0. Set it to 1 or more.',
    );
  }

  /** Workers that shall get no more: what is pinned to them goes elsewhere. */
  #workersChanged(): void {
    this.#pools.lineUp();
    this.#dispatch();
  }

  #mayRetry(request: QueuedRequest): boolean {
    const { isKept, attempts, control, worker, isIdempotent } = request;
    return (
      isKept &&
      mayRetry({
        attempts,
        retries: this.#retriesOf(request),
        clientSays: control?.idempotent,
        workerJudges: worker?.saysIdempotent === true,
        workerSays: isIdempotent,
      })
    );
  }

  /** How many times it may be given to another worker. What a gateway calls idempotent is by the rules of its protocol. */
  #retriesOf({ client, control }: QueuedRequest): number {
    const { retries } = this.#options;
    const isSafe = client.isGateway && control?.idempotent === true;
    return isSafe ? Math.max(retries, GATEWAY_RETRIES) : retries;
  }

  /** In front of all that wait, as they came: their time goes on. */
  #giveAgain(requests: QueuedRequest[]): void {
    requests.sort((one, other) => other.number - one.number);
    for (const request of requests) {
      this.#open -= 1;
      this.#retried += 1;
      this.#letGo(request);
      this.#trace?.lost(request);
      request.state = 'queued';
      request.isIdempotent = false;
      request.worker = undefined;
      const pool = this.#pools.of(request);
      pool.backlog.putBack(request, pool.lineFor(request));
    }
    this.#dispatch();
  }

  #tellFaultsOf(socket: Socket, peer: string): void {
    socket.events.on('handshake:error:protocol', ({ address, remoteAddress, error }) => {
      const facts = { endpoint: address, remoteAddress, code: error.code };
      if (error.code === 'EMSGSIZE') this.#answers.count('EMSGSIZE');
      this.#faults.tell(facts, `disconnected a ${peer}: ${error.message}`);
    });
  }

  // From the front end.

  clientReadable(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    process.nextTick(pump, this);
  }

  clientGone(client: Client): void {
    for (let request = client.oldest; request !== undefined; request = client.oldest) {
      this.#cancel(request);
    }
    this.#waiters.look();
  }

  clientUnfinished(pipe: Pipe): void {
    this.#faults.tell(
      { address: pipe.peer?.address },
      `disconnected a client that does not end its request: of unfinished ones there are over ${this.#options.maxQueueBytes} bytes in all (maxQueueBytes), and it has the most`,
    );
  }

  clientTooSlow(client: Client, bytes: number): void {
    this.#faults.tell(
      { address: client.pipe.peer?.address, unsentBytes: bytes },
      `disconnected a client that does not read: answers over ${this.#options.maxUnsentBytes} bytes wait in all (maxUnsentBytes), and it has the most`,
    );
  }

  // Clients.

  /** Takes what clients sent, as much as is fair in one go. Called by its own schedule only. */
  pump(): void {
    this.#pumpScheduled = false;
    this.#frontEnd.wake();
    this.#pools.startTurn();
    const now = performance.now();
    for (let count = 0; count < FAIRNESS_MESSAGES; count++) {
      const message = this.#frontEnd.nextMessage();
      const client = this.#frontEnd.lastClient;
      if (message === undefined || client === undefined) {
        this.#rest();
        return;
      }
      const request = this.#intake.read(client, message, now);
      if (request !== undefined) this.#place(request, now);
    }
    this.#pumpScheduled = true;
    setImmediate(pump, this);
  }

  /** With requests in flight the next message is near: asleep, the queue would have to be woken for each (bench: queue). */
  #rest(): void {
    if (this.#open > this.#streams.begun) this.#frontEnd.rest();
  }

  /** Gives a new request to a worker, or lets it wait, or refuses it. */
  #place(request: QueuedRequest, now: number): void {
    this.#trace?.came(request);
    if (now >= request.expires) {
      this.#refuse(request, tookTooLong(0));
      return;
    }
    const worker = this.#pools.of(request).workerFor(request);
    if (worker === undefined || !this.#give(request, worker, now)) this.#enqueue(request);
  }

  #enqueue(request: QueuedRequest): void {
    const pool = this.#pools.of(request);
    const { backlog } = pool;
    const line = pool.lineFor(request);
    let refusal = backlog.push(request, line);
    const other = refusal && backlog.placeFor(request);
    if (other !== undefined) {
      this.#refuseWaiting(other, tooManyWaiting(this.#options.maxQueue));
      refusal = backlog.push(request, line);
    }
    if (refusal !== undefined) this.#refuse(request, refusal);
    else this.#watchTheClock(request);
  }

  /** Nobody waits for it any more. */
  #cancel(request: QueuedRequest): void {
    this.#cancelled += 1;
    this.#trace?.cancelled(request);
    if (request.state === 'given') {
      request.worker?.failed('cancelled');
      this.#abandon(request);
      return;
    }
    this.#pools.of(request).backlog.remove(request);
    request.client.closed(request);
    this.#streams.closed(request);
    request.state = 'cancelled';
  }

  // Workers.

  #dispatch(): void {
    if (this.#pools.queued > 0) this.#now = performance.now();
    this.#pools.dispatch(this.#giveWaiting);
  }

  /** False when the worker cannot take it: nothing has changed then. */
  #give(request: QueuedRequest, worker: WorkerPeer, now: number): boolean {
    const { message, stream } = request;
    if (stream !== undefined && !worker.speaksZscale) {
      this.breakOff(request, TAKES_WHOLE);
      return true;
    }
    const ticket = this.#inFlight.add(request);
    message[0] = ticket;
    message[1] = worker.speaksZscale ? wordsFor(request, now) : EMPTY_FRAME;
    const isForOneOnly =
      request.attempts >= this.#retriesOf(request) ||
      request.control?.idempotent === false ||
      stream !== undefined;
    if (!isForOneOnly) keepFrames(message);
    if (!this.#backEnd.give(worker, isForOneOnly ? message : message.slice())) {
      this.#inFlight.remove(ticket);
      return false;
    }
    const pool = this.#pools.of(request);
    if (request.line !== undefined) pool.backlog.remove(request);
    request.isKept = !isForOneOnly && pool.backlog.keep(request);
    if (request.attempts === 0) pool.waits.observe(now - request.arrived);
    request.given = now;
    if (!request.isKept) request.message = GIVEN;
    request.state = 'given';
    request.worker = worker;
    request.ticket = ticket;
    request.attempts += 1;
    worker.held += 1;
    worker.requests += 1;
    this.#open += 1;
    this.#watchTheClock(request);
    this.#trace?.given(request, worker);
    if (stream !== undefined) this.#streams.given(request);
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
    if (control?.credit !== undefined) {
      worker.credit = control.credit;
      worker.spare = control.spare ?? 0;
    }
    if (control?.drain === true) this.#retire(worker);
    if (message.length === 2 && ticket.length === NO_TICKET.length && ticket.equals(NO_TICKET))
      return;
    const request = this.#inFlight.find(ticket);
    if (control?.idempotent !== undefined && message.length === 2) {
      if (request?.worker === worker) request.isIdempotent = control.idempotent;
      return;
    }
    if (request === undefined || request.worker !== worker) {
      this.#lateReplies += 1;
      return;
    }
    if (control !== undefined && isAboutStream(control)) {
      this.#streamed(worker, request, message, control);
      return;
    }
    if (message.length < 3) {
      this.#lateReplies += 1;
      return;
    }
    this.#doneWith(request, worker);
    if (request.state === 'abandoned') {
      this.#lateReplies += 1;
    } else if (request.stream?.hasBegun === true && control?.error !== true) {
      this.#open -= 1;
      this.#refuse(request, this.#streams.answeredTwice());
    } else {
      this.#open -= 1;
      const { client, envelope } = request;
      this.#end(request);
      this.#trace?.answered(request, control?.error === true);
      this.#pools.of(request).services.observe(this.#now - request.given);
      const failed = control?.error === true;
      const code = this.#answers.reply(client, envelope, message, failed);
      if (code !== undefined) worker.failed(code);
      else if (failed) worker.failed('handler');
      else worker.answered += 1;
    }
    if (!this.#waiters.isEmpty) this.#waiters.look();
  }

  /** A message of a worker about a request that comes or is answered in several. */
  #streamed(worker: WorkerPeer, request: QueuedRequest, message: Message, control: Control): void {
    const isLast = control.more !== true && control.grant === undefined;
    if (isLast) this.#doneWith(request, worker);
    if (request.state === 'abandoned') {
      this.#streams.wasLate();
      if (isLast) this.#waiters.look();
      return;
    }
    this.#letGo(request);
    const fault = this.#streams.fromWorker(request, message, control);
    if (!isLast) {
      if (fault !== undefined) this.breakOff(request, fault);
      return;
    }
    this.#open -= 1;
    if (fault !== undefined) {
      this.#refuse(request, fault);
    } else {
      this.#end(request);
      this.#pools.of(request).services.observe(this.#now - request.given);
      worker.answered += 1;
      this.#trace?.answered(request, false);
      this.#answers.relayed();
    }
    this.#waiters.look();
  }

  /** The worker does not have it any more. */
  #doneWith(request: QueuedRequest, worker: WorkerPeer): void {
    this.#inFlight.remove(request.ticket);
    if (request.stream?.hasBegun === true) worker.streams -= 1;
    else worker.held -= 1;
  }

  /** The worker wants to go: it gets nothing more, and is told when it has seen everything. */
  #retire(worker: WorkerPeer): void {
    worker.retired = true;
    worker.pipe.writeBeyondMark([NO_TICKET, DRAINED]);
    this.#workersChanged();
  }

  // From the streams.

  growWaiting(request: QueuedRequest, bytes: number): Refusal | undefined {
    return this.#pools.of(request).backlog.grow(request, bytes);
  }

  // Answers in place of a worker: exactly one for each request.

  /** Ends an open request in whatever state it is. */
  breakOff(request: QueuedRequest, refusal: Refusal): void {
    if (request.line !== undefined) {
      this.#refuseWaiting(request, refusal);
    } else if (request.state === 'given') {
      this.#trace?.refused(request, refusal.code);
      this.#answers.refuse(request.client, request.envelope, refusal);
      request.worker?.failed(refusal.code);
      this.#abandon(request);
    } else {
      this.#refuse(request, refusal);
    }
    this.#waiters.look();
  }

  #refuse(request: QueuedRequest, refusal: Refusal): void {
    this.#end(request);
    request.worker?.failed(refusal.code);
    this.#trace?.refused(request, refusal.code);
    this.#answers.refuse(request.client, request.envelope, refusal);
  }

  #refuseWaiting(request: QueuedRequest, refusal: Refusal): void {
    this.#pools.of(request).backlog.remove(request);
    this.#refuse(request, refusal);
    this.#waiters.look();
  }

  /** The ticket stays until the worker is gone. */
  #refuseGiven(request: QueuedRequest, refusal: Refusal): void {
    this.#open -= 1;
    this.#refuse(request, refusal);
    request.state = 'abandoned';
    this.#waiters.look();
  }

  /** A worker has it for nothing, and hears so. The ticket stays until the worker is done or gone. */
  #abandon(request: QueuedRequest): void {
    const { worker, ticket } = request;
    this.#open -= 1;
    this.#end(request);
    request.state = 'abandoned';
    if (worker?.speaksZscale) worker.pipe.writeBeyondMark([Buffer.from(ticket), CANCELLED]);
  }

  #end(request: QueuedRequest): void {
    request.state = 'answered';
    request.client.closed(request);
    if (request.stream !== undefined) this.#streams.closed(request);
    this.#letGo(request);
  }

  /** Its message need not be kept for another worker any more. */
  #letGo(request: QueuedRequest): void {
    if (!request.isKept) return;
    request.isKept = false;
    this.#pools.of(request).backlog.letGo(request);
  }

  // Time.

  /** Runs the sweeper while anything is open. */
  #watchTheClock(request: QueuedRequest): void {
    this.#sweeper.watch(Math.min(request.expires - request.arrived, this.#options.maxQueueWait));
  }

  /** Answers what is over time. */
  #sweep(): void {
    const now = performance.now();
    for (const line of this.#pools.lines()) this.#sweepLine(line, now);
    for (const request of this.#inFlight.entries()) {
      if (request.state !== 'given' || now < request.expires) continue;
      const { stream, expires, arrived } = request;
      this.breakOff(request, tookTooLong(stream?.limit ?? expires - arrived));
    }
    if (this.#pools.queued === 0 && this.#open === 0) this.#sweeper.stop();
  }

  #sweepLine(line: RequestLine, now: number): void {
    const { maxQueueWait } = this.#options;
    for (let request = line.first, next = request; request !== undefined; request = next) {
      next = request.behind;
      const { arrived, expires } = request;
      // One that was given out before has waited enough already.
      const mayWaitUntil = request.attempts > 0 ? Infinity : arrived + maxQueueWait;
      if (now >= mayWaitUntil) this.#refuseWaiting(request, waitedTooLong(maxQueueWait));
      else if (now >= expires) this.#refuseWaiting(request, tookTooLong(expires - arrived));
      // Requests wait in the order they came, so the first that is in time ends the search; but for those with an end of their own.
      else if (this.#pools.of(request).backlog.hurried === 0 && request.attempts === 0) return;
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
