/**
 * The QUEUE device that knows its workers (docs/map.md, "How requests find workers").
 *
 *   client  [id][envelope...][empty][body...]  -> front end -> queued -> [ticket][empty][body...]           worker
 *   client  [id][envelope...][empty][body...]  <- front end <- by ticket  [ticket][empty or control][body...] worker
 *
 * It puts the rooms together and hears of clients and workers that come and go. What clients send is read by intake.ts, what workers
 * send by worker-replies.ts; between the two each request is owned by open-requests.ts. Everything is bounded: requests and
 * bytes waiting, the time a request may wait, the time it may take, the answers that are not read. Each limit answers with its own
 * code and has its own counter; nothing is dropped silently.
 */

import type { AnySocketOptions, Pipe, Socket } from '@zscale/transport';
import type { Logger } from '../logger.ts';
import { announce } from '../messages/announcement.ts';
import { heartbeats } from '../messages/heartbeats.ts';
import type { Codec } from '../messages/payload.ts';
import { socketLimits } from '../messages/size-limits.ts';
import { Answers } from './answers.ts';
import { BackEnd, type BackEndSink, type Door, type WorkerPeer } from './back-end.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { FaultLog } from './fault-log.ts';
import { FrontEnd, type FrontEndSink } from './front-end.ts';
import { HeldByProcess } from './held-by-process.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { OpenRequests } from './open-requests.ts';
import { Outcomes, type WorkerOutcomes } from './outcomes.ts';
import { Pools } from './pools.ts';
import type { HeldRequests, PoolTimes, QueueStats, QueueTraffic } from './queue-stats.ts';
import type { QueueTrace } from './queue-trace.ts';
import type { Client } from './queued-request.ts';
import { WorkerReplies } from './worker-replies.ts';

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

/** Takes requests from clients and gives each to a worker. */
export class WorkerQueue implements BackEndSink, FrontEndSink {
  readonly #options: WorkerQueueOptions;
  readonly #logger: Logger;
  readonly #frontEnd: FrontEnd;
  readonly #backEnd: BackEnd;
  readonly #answers: Answers;
  readonly #faults: FaultLog;
  readonly #endpoints: string[] = [];
  readonly #backendEndpoints: string[] = [];
  readonly #pools: Pools;
  readonly #requests: OpenRequests;
  readonly #intake: Intake;
  readonly #replies: WorkerReplies;
  readonly #held: HeldByProcess;
  readonly #outcomes = new Outcomes();
  #pumpScheduled = false;
  #hasToldUselessWord = false;

  constructor(options: WorkerQueueOptions) {
    const { maxMessageSize } = options;
    this.#options = options;
    this.#logger = options.logger;
    this.#pools = new Pools(options.pools, options.balance, options);
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
    const ways = {
      answers: this.#answers,
      backEnd: this.#backEnd,
      faults: this.#faults,
      pools: this.#pools,
      trace: options.trace,
    };
    const requests = new OpenRequests(options, ways);
    this.#requests = requests;
    this.#held = new HeldByProcess(requests.inFlight);
    this.#replies = new WorkerReplies({
      ...ways,
      requests,
      onRetired: () => this.#workersChanged(),
    });
    this.#intake = new Intake(options, this.#answers, this.#faults, requests.streams, (request) => {
      requests.cancel(request);
      requests.waiters.look();
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
      this.#options.trace?.watch(() => this.stats());
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
      lateReplies: this.#replies.late,
      undelivered: this.#frontEnd.undelivered,
      cancelled: this.#requests.cancelled + this.#intake.orphans,
      retried: this.#requests.retried,
      slowClients: this.#frontEnd.slowClients,
      unfinishedBytes: this.#frontEnd.unfinishedBytes,
      queued: this.#pools.queued,
      queuedBytes: this.#pools.queuedBytes,
      longestWait: this.#pools.longestWait(performance.now()),
      keptBytes: this.#pools.keptBytes,
      inFlight: this.#requests.given,
      streams: this.#requests.streams.open,
      streamParts: this.#requests.streams.parts,
      lateParts: this.#requests.streams.lateParts,
      streamFaults: this.#requests.streams.faults,
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
    return this.#requests.waiters.until(() =>
      workers.every(({ held, streams }) => held + streams === 0),
    );
  }

  /** Answers new requests with ZSCALE_ERR_STOPPING; resolves when every earlier one is answered. */
  drain(): Promise<void> {
    this.#intake.stop();
    return this.#requests.waiters.until(
      () => this.#pools.queued === 0 && this.#requests.given === 0,
    );
  }

  /** Answers what is left with ZSCALE_ERR_STOPPING and lets go of every address. Idempotent. */
  async close(): Promise<void> {
    this.#intake.stop();
    this.#options.trace?.close();
    this.#requests.close();
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
    const now = performance.now(); // once for all that came: it is the end of what is answered, and the beginning of what is given
    for (let message = worker.pipe.read(); message !== undefined; message = worker.pipe.read()) {
      this.#replies.read(worker, message, now);
    }
    this.#requests.dispatch(now);
    this.#rest();
  }

  workerWritable(_worker: WorkerPeer): void {
    this.#dispatch();
  }

  workerDisconnected(worker: WorkerPeer): void {
    if (worker.held + worker.streams > 0 && worker.generation !== undefined)
      this.#held.went(worker.generation);
    this.#pools.ofWorker(worker).remove(worker);
    const { lost, again } = this.#requests.lose(worker);
    this.#outcomes.keep(worker, this.#pools.ofWorker(worker).name);
    const level = lost + again.length > 0 ? 'warn' : 'debug';
    this.#logger[level](
      { ...factsOf(worker), lost, retried: again.length },
      'a worker disconnected',
    );
    this.#requests.giveAgain(again);
    this.#dispatch();
    this.#requests.waiters.look();
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
      this.#requests.cancel(request);
    }
    this.#requests.waiters.look();
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
      if (request !== undefined) this.#requests.place(request, now);
    }
    this.#pumpScheduled = true;
    setImmediate(pump, this);
  }

  /** With requests in flight the next message is near: asleep, the queue would have to be woken for each (bench: queue). */
  #rest(): void {
    const { given, streams } = this.#requests;
    if (given > streams.begun) this.#frontEnd.rest();
  }

  #dispatch(): void {
    this.#requests.dispatch(performance.now());
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
