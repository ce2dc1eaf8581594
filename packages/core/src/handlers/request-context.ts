/**
 * The context of one request, made for each and used by few: what costs something is made when it is first asked for.
 *
 * Whoever gives a request to a handler makes its context, tells it when nobody waits any more (`cancel`), and when the request
 * is answered (`end`). The clock for its deadline is its own, and runs only where the signal is used.
 */

import type { HandlerContext, TraceContext, WorkerIdentity } from '../current-context.ts';
import { ZscaleError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Control } from '../messages/control.ts';

/** The longest a timer of Node can wait; above that it fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * The queue counts from the arrival at the queue and the worker from the arrival here: a cancellation that comes so much before
 * the deadline, in ms, is that the time is up.
 */
const EARLY_MS = 100;

/** What is the same for all requests of a worker. */
export class RequestHost {
  readonly worker: WorkerIdentity;
  /** The service's limit for a request, in ms; `Infinity` for none. */
  readonly timeout: number;
  readonly #makeLogger: () => Logger;
  /** Distinguishes this process from others that had its process id. */
  readonly #startedAt: number;
  #logger: Logger | undefined;
  #named: number;

  /** @param makeLogger called when a handler first asks for its logger */
  constructor(worker: WorkerIdentity, timeout: number, makeLogger: () => Logger) {
    this.worker = worker;
    this.timeout = timeout;
    this.#makeLogger = makeLogger;
    this.#startedAt = Date.now();
    this.#logger = undefined;
    this.#named = 0;
  }

  /** The logger of the worker. */
  get logger(): Logger {
    this.#logger ??= this.#makeLogger().child({ worker: this.worker.id });
    return this.#logger;
  }

  /** A name for a request that came without a ticket. */
  nextId(): string {
    this.#named += 1;
    return `${this.#startedAt.toString(36)}-${this.worker.pid}-${this.#named}`;
  }
}

/** What a handler gets beside its request. */
export class RequestContext implements HandlerContext {
  /** Its place among those in progress; whoever keeps them says it. */
  place: number;
  readonly #host: RequestHost;
  readonly #ticket: Buffer | undefined;
  /** When the worker took it, or heard of it last where it streams, on the clock of `performance.now()`. */
  #arrived: number;
  /** How long it may take from then on, in ms; `Infinity` for no limit. */
  #limit: number;
  readonly #control: Control | undefined;
  #requestId: string | undefined;
  #deadline: number | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reason: ZscaleError | undefined;
  #logger: Logger | undefined;
  #ended: boolean;

  /**
   * @param ticket the queue's name for the request; undefined where the queue has none
   * @param arrived when the worker took it, on the clock of `performance.now()`
   * @param control what the queue said of it
   */
  constructor(
    host: RequestHost,
    ticket: Buffer | undefined,
    arrived: number,
    control: Control | undefined,
  ) {
    this.place = -1;
    this.#host = host;
    this.#ticket = ticket;
    this.#arrived = arrived;
    this.#limit = control?.deadline ?? host.timeout;
    this.#control = control;
    this.#requestId = undefined;
    this.#deadline = undefined;
    this.#controller = undefined;
    this.#timer = undefined;
    this.#reason = undefined;
    this.#logger = undefined;
    this.#ended = false;
  }

  get requestId(): string {
    this.#requestId ??= this.#control?.id ?? this.#ticket?.toString('hex') ?? this.#host.nextId();
    return this.#requestId;
  }

  get worker(): WorkerIdentity {
    return this.#host.worker;
  }

  get attempt(): number {
    return this.#control?.attempt ?? 1;
  }

  get trace(): TraceContext | undefined {
    const traceparent = this.#control?.trace;
    return traceparent === undefined
      ? undefined
      : { traceparent, tracestate: this.#control?.state };
  }

  get baggage(): string | undefined {
    return this.#control?.baggage;
  }

  get deadline(): number {
    this.#deadline ??= Date.now() + this.remaining;
    return this.#deadline;
  }

  /** How many ms are left, below 0 when the time is up. */
  get remaining(): number {
    return this.#limit + this.#arrived - performance.now();
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#startController();
    return this.#controller.signal;
  }

  get logger(): Logger {
    this.#logger ??= this.#host.logger.child({ requestId: this.requestId });
    return this.#logger;
  }

  /** Whether the queue gave it this ticket. */
  isOf(ticket: Buffer): boolean {
    return this.#ticket?.equals(ticket) === true;
  }

  /** Whether it has a trace, or baggage, that goes on with what it asks; without making the object that says which. */
  get isTraced(): boolean {
    const control = this.#control;
    return control !== undefined && (control.trace !== undefined || control.baggage !== undefined);
  }

  /** Why nobody waits for the reply any more; undefined while somebody does. */
  get reason(): ZscaleError | undefined {
    return this.#reason;
  }

  /** It streams, and went on: its time begins anew. */
  renew(): void {
    this.#arrived = performance.now();
    this.#restart();
  }

  /** Its reply has begun: it may take as long as it likes from now on. */
  openEnded(): void {
    this.#limit = Infinity;
    this.#restart();
  }

  /** Nobody waits for the reply any more: the time is up, or the client gave up. */
  cancel(): void {
    if (this.#reason !== undefined || this.#ended) return;
    this.#reason = this.remaining <= EARLY_MS ? timedOut() : cancelled();
    clearTimeout(this.#timer);
    this.#controller?.abort(this.#reason);
  }

  /** The request is answered: its signal says nothing any more. */
  end(): void {
    this.#ended = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }

  #startController(): AbortController {
    const controller = new AbortController();
    if (this.#reason !== undefined) controller.abort(this.#reason);
    else this.#startTimer();
    return controller;
  }

  #startTimer(): void {
    if (this.#ended || this.remaining > MAX_TIMER_MS) return;
    this.#timer = setTimeout(cancel, Math.max(0, this.remaining), this).unref();
  }

  #restart(): void {
    this.#deadline = undefined;
    if (this.#timer === undefined || this.#reason !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#startTimer();
  }
}

function cancel(context: RequestContext): void {
  context.cancel();
}

function timedOut(): ZscaleError {
  return new ZscaleError(
    'ZSCALE_ERR_TIMEOUT',
    'The time for this request is up: its client was answered without the reply.',
  );
}

/** Why a request is not worked on: also the answer to one that was not begun. */
export function cancelled(): ZscaleError {
  return new ZscaleError(
    'ZSCALE_ERR_CANCELLED',
    'Nobody waits for the reply to this request any more: its client gave up or is gone.',
  );
}
