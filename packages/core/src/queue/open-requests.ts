/**
 * What is open: each request from its arrival to its one answer, along the ways that queued-request.ts draws.
 *
 *     place --> waits --> given --> done with      by its worker: worker-replies.ts
 *                 ^         |
 *                 +---------+  its worker was lost, and it may be done again (retry.ts)
 *
 * One that timed out while a worker has it, or whose client is gone, is abandoned: the worker is told, and its ticket stays until the
 * worker is done with it, so that the worker counts as busy for as long as it is. What comes or is answered in several messages is
 * relayed by streams.ts; the ticket lives until the last of the reply. Everything that waits is bounded, in number, bytes and time;
 * each limit answers with its own code.
 */

import { EMPTY_FRAME, keepFrames, type Frames as Message } from '@zscale/transport';
import { encodeControl } from '../messages/control.ts';
import { Waiters } from '../waiting.ts';
import type { Answers } from './answers.ts';
import type { BackEnd, WorkerPeer } from './back-end.ts';
import { InFlight } from './in-flight.ts';
import type { Give } from './pool.ts';
import type { Pools } from './pools.ts';
import type { QueueTrace } from './queue-trace.ts';
import type { QueuedRequest, RequestLine } from './queued-request.ts';
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
import { Streams, type StreamsHost } from './streams.ts';
import { Sweeper } from './sweeper.ts';

/** What bounds open requests. Durations are ms; no limit is Infinity. */
export interface OpenRequestLimits {
  readonly maxQueue: number;
  readonly maxQueueWait: number;
  /** How many times a request may be given to another worker when its own is lost; see retry.ts. */
  readonly retries: number;
}

/** Where requests go. */
export interface OpenRequestWays {
  readonly backEnd: BackEnd;
  readonly pools: Pools;
  readonly answers: Answers;
  readonly trace: QueueTrace | undefined;
}

/** How many times a request that a gateway calls idempotent may be given to another worker, at least. */
const GATEWAY_RETRIES = 2;
const CANCELLED: Buffer = encodeControl({ cancel: true });
/** The message of a request that was given and need not be given again. */
const GIVEN: Message = [];

/** All open requests of a queue. */
export class OpenRequests implements StreamsHost {
  /** Those that a worker has, by ticket. */
  readonly inFlight: InFlight<QueuedRequest> = new InFlight<QueuedRequest>();
  readonly streams: Streams;
  /** Those who wait until something has ended. */
  readonly waiters: Waiters = new Waiters();
  readonly #limits: OpenRequestLimits;
  readonly #backEnd: BackEnd;
  readonly #pools: Pools;
  readonly #answers: Answers;
  readonly #trace: QueueTrace | undefined;
  readonly #sweeper: Sweeper;
  /** In flight without those that were abandoned. */
  #given = 0;
  #cancelled = 0;
  #retried = 0;
  /** When this turn of dispatching began. */
  #now = 0;
  readonly #giveWaiting: Give = (request, worker) => this.#give(request, worker, this.#now);

  constructor(limits: OpenRequestLimits, { backEnd, pools, answers, trace }: OpenRequestWays) {
    this.#limits = limits;
    this.#backEnd = backEnd;
    this.#pools = pools;
    this.#answers = answers;
    this.#trace = trace;
    this.streams = new Streams(this, answers);
    this.#sweeper = new Sweeper(() => this.#sweep());
  }

  /** Those that a worker has and somebody waits for. */
  get given(): number {
    return this.#given;
  }

  /** Those whose clients went, or took them back. Only grows. */
  get cancelled(): number {
    return this.#cancelled;
  }

  /** How many times one was taken from a lost worker to be given to another. Only grows. */
  get retried(): number {
    return this.#retried;
  }

  /** Gives a new request to a worker, or lets it wait, or refuses it. @param now in ms of `performance.now()`. */
  place(request: QueuedRequest, now: number): void {
    this.#trace?.came(request);
    if (now >= request.expires) {
      this.refuse(request, tookTooLong(0));
      return;
    }
    const worker = this.#pools.of(request).workerFor(request);
    if (worker === undefined || !this.#give(request, worker, now)) this.#enqueue(request);
  }

  /** Gives out what waits, as far as workers have room. @param now in ms of `performance.now()`. */
  dispatch(now: number): void {
    this.#now = now;
    this.#pools.dispatch(this.#giveWaiting);
  }

  /** Nobody waits for it any more. */
  cancel(request: QueuedRequest): void {
    this.#cancelled += 1;
    this.#trace?.cancelled(request);
    if (request.state === 'given') {
      request.worker?.failed('cancelled');
      this.#abandon(request);
      return;
    }
    this.#pools.of(request).backlog.remove(request);
    request.client.closed(request);
    this.streams.closed(request);
    request.state = 'cancelled';
  }

  /** Its worker does not have it any more. */
  doneWith(request: QueuedRequest, worker: WorkerPeer): void {
    this.inFlight.remove(request.ticket);
    if (request.stream?.hasBegun === true) worker.streams -= 1;
    else worker.held -= 1;
    if (request.state === 'given') this.#given -= 1;
  }

  /** It is answered. */
  end(request: QueuedRequest): void {
    request.state = 'answered';
    request.client.closed(request);
    if (request.stream !== undefined) this.streams.closed(request);
    this.letGo(request);
  }

  /** Its message need not be kept for another worker any more. */
  letGo(request: QueuedRequest): void {
    if (!request.isKept) return;
    request.isKept = false;
    this.#pools.of(request).backlog.letGo(request);
  }

  /** Ends it with an answer in place of a worker's; nobody has it. */
  refuse(request: QueuedRequest, refusal: Refusal): void {
    this.end(request);
    request.worker?.failed(refusal.code);
    this.#trace?.refused(request, refusal.code);
    this.#answers.refuse(request.client, request.envelope, refusal);
  }

  /** Ends an open request in whatever state it is, with an answer in place of a worker's. */
  breakOff(request: QueuedRequest, refusal: Refusal): void {
    if (request.line !== undefined) {
      this.#refuseWaiting(request, refusal);
    } else if (request.state === 'given') {
      this.#trace?.refused(request, refusal.code);
      this.#answers.refuse(request.client, request.envelope, refusal);
      request.worker?.failed(refusal.code);
      this.#abandon(request);
    } else {
      this.refuse(request, refusal);
    }
    this.waiters.look();
  }

  growWaiting(request: QueuedRequest, bytes: number): Refusal | undefined {
    return this.#pools.of(request).backlog.grow(request, bytes);
  }

  /**
   * A worker is gone: what it held is answered, or waits for another one, in front of all that wait.
   *
   * @returns how many were answered, and those that wait again; see {@link giveAgain}.
   */
  lose(worker: WorkerPeer): { readonly lost: number; readonly again: QueuedRequest[] } {
    const again: QueuedRequest[] = [];
    let lost = 0;
    for (const request of this.inFlight.entries()) {
      if (request.worker !== worker) continue;
      this.inFlight.remove(request.ticket);
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
    return { lost, again };
  }

  /** Puts what a lost worker held in front of all that wait, as it came: its time goes on. */
  giveAgain(requests: QueuedRequest[]): void {
    requests.sort((one, other) => other.number - one.number);
    for (const request of requests) {
      this.#given -= 1;
      this.#retried += 1;
      this.letGo(request);
      this.#trace?.lost(request);
      request.state = 'queued';
      request.isIdempotent = false;
      request.worker = undefined;
      const pool = this.#pools.of(request);
      pool.backlog.putBack(request, pool.lineFor(request));
    }
  }

  /** Answers all of it with ZSCALE_ERR_STOPPING. */
  close(): void {
    this.#sweeper.stop();
    for (const line of this.#pools.lines()) {
      for (let request = line.first; request !== undefined; request = line.first) {
        this.#refuseWaiting(request, STOPPING);
      }
    }
    for (const request of this.inFlight.entries()) {
      if (request.state === 'given') this.#refuseGiven(request, STOPPING);
    }
  }

  #enqueue(request: QueuedRequest): void {
    const pool = this.#pools.of(request);
    const { backlog } = pool;
    const line = pool.lineFor(request);
    let refusal = backlog.push(request, line);
    const other = refusal && backlog.placeFor(request);
    if (other !== undefined) {
      this.#refuseWaiting(other, tooManyWaiting(this.#limits.maxQueue));
      refusal = backlog.push(request, line);
    }
    if (refusal !== undefined) this.refuse(request, refusal);
    else this.#watchTheClock(request);
  }

  /** False when the worker cannot take it: nothing has changed then. */
  #give(request: QueuedRequest, worker: WorkerPeer, now: number): boolean {
    const { message, stream } = request;
    if (stream !== undefined && !worker.speaksZscale) {
      this.breakOff(request, TAKES_WHOLE);
      return true;
    }
    const ticket = this.inFlight.add(request);
    message[0] = ticket;
    message[1] = worker.speaksZscale ? wordsFor(request, now) : EMPTY_FRAME;
    const isForOneOnly =
      request.attempts >= this.#retriesOf(request) ||
      request.control?.idempotent === false ||
      stream !== undefined;
    if (!isForOneOnly) keepFrames(message);
    if (!this.#backEnd.give(worker, isForOneOnly ? message : message.slice())) {
      this.inFlight.remove(ticket);
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
    this.#given += 1;
    this.#watchTheClock(request);
    this.#trace?.given(request, worker);
    if (stream !== undefined) this.streams.given(request);
    return true;
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
    const { retries } = this.#limits;
    const isSafe = client.isGateway && control?.idempotent === true;
    return isSafe ? Math.max(retries, GATEWAY_RETRIES) : retries;
  }

  #refuseWaiting(request: QueuedRequest, refusal: Refusal): void {
    this.#pools.of(request).backlog.remove(request);
    this.refuse(request, refusal);
    this.waiters.look();
  }

  /** The ticket stays until the worker is gone. */
  #refuseGiven(request: QueuedRequest, refusal: Refusal): void {
    this.#given -= 1;
    this.refuse(request, refusal);
    request.state = 'abandoned';
    this.waiters.look();
  }

  /** A worker has it for nothing, and hears so. The ticket stays until the worker is done or gone. */
  #abandon(request: QueuedRequest): void {
    const { worker, ticket } = request;
    this.#given -= 1;
    this.end(request);
    request.state = 'abandoned';
    if (worker?.speaksZscale) worker.pipe.writeBeyondMark([Buffer.from(ticket), CANCELLED]);
  }

  /** Runs the sweeper while anything is open. */
  #watchTheClock(request: QueuedRequest): void {
    this.#sweeper.watch(Math.min(request.expires - request.arrived, this.#limits.maxQueueWait));
  }

  /** Answers what is over time. */
  #sweep(): void {
    const now = performance.now();
    for (const line of this.#pools.lines()) this.#sweepLine(line, now);
    for (const request of this.inFlight.entries()) {
      if (request.state !== 'given' || now < request.expires) continue;
      const { stream, expires, arrived } = request;
      this.breakOff(request, tookTooLong(stream?.limit ?? expires - arrived));
    }
    if (this.#pools.queued === 0 && this.#given === 0) this.#sweeper.stop();
  }

  #sweepLine(line: RequestLine, now: number): void {
    const { maxQueueWait } = this.#limits;
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
