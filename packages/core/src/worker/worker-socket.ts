/**
 * The worker's socket: REP on the wire, several requests at once.
 *
 *   request  [envelope...][empty][body...]                from the queue the envelope is one ticket
 *   reply    [envelope...][empty or control][body...]     control only to a queue that announced X-Zscale
 *
 * It keeps each request's envelope while the handler works and sends each reply the way its request came. Towards a queue that
 * speaks zscale it says how many requests it wants (`appetite.ts`); behind a plain DEALER, such as libzmq's own proxy, it
 * simply takes no more than `concurrency` and leaves the rest to TCP. It does not know processes or user modules.
 *
 * A queue that speaks zscale also says of a request how long it may take, what it is called and which trace it belongs to, and
 * takes requests back: one that is not begun is answered ZSCALE_ERR_CANCELLED at once, the signal of one in progress aborts.
 * A handler that takes exchanges (`accept`) gets every request as one: parts and grants go to them by ticket, also while all places
 * are taken, and an exchange gives its place back when its reply has begun (worker-exchange.ts).
 * Where the handler says which requests may be done again, the queue hears it before the handler is begun: judged and told in
 * one turn, begun in a later one, so a handler that takes the process with it finds the word sent.
 */

import { type Frames as Message, type PeerInfo, type Pipe, Socket } from '@zscale/transport';
import { errorReplyOf, ZscaleError } from '../errors.ts';
import type { RequestHandler } from '../handlers/handler.ts';
import { cancelled, RequestContext, type RequestHost } from '../handlers/request-context.ts';
import { announce, speaksZscale } from '../messages/announcement.ts';
import { type Control, decodeControl, encodeControl } from '../messages/control.ts';
import { findDelimiter, sizeOf } from '../messages/frames.ts';
import { heartbeats, PATIENCE_OF_DIALERS } from '../messages/heartbeats.ts';
import type { Codec } from '../messages/payload.ts';
import { socketLimits } from '../messages/size-limits.ts';
import { Appetite } from './appetite.ts';
import { QueueIntake, type TicketedExchange } from './queue-intake.ts';
import { type ExchangePort, WorkerExchange } from './worker-exchange.ts';

/** What a worker's socket is made from. */
export interface WorkerSocketOptions {
  /** Who it is, and how long a request may take unless the queue says. Its number is told to the queue. */
  readonly host: RequestHost;
  /** Which process of the service it is, told to the queue. */
  readonly generation: number;
  /** Requests held at once, at most. */
  readonly concurrency: number;
  /** For error replies. */
  readonly codec: Codec;
  readonly handler: RequestHandler;
  /** Largest message taken or sent, in bytes; Infinity for no limit. */
  readonly maxMessageSize: number;
  /** Called each time the handshake with a queue is done; `endpoint` is what was connected to. */
  readonly onConnected: (endpoint: string, speaksZscale: boolean) => void;
  /** Called when a connection to a queue is gone. */
  readonly onDisconnected?: (endpoint: string) => void;
  /** The machine it belongs to, where that has joined a service elsewhere. */
  readonly machine?: string | undefined;
}

/** A turn that worked for longer than this, in ms, lets its replies leave before it goes on. */
const TURN_MS = 1;
const RECONNECT_MAX_MS = 2000;
/** A back end elsewhere that is no queue of ours is given up after so much silence, in ms. */
const HEARTBEAT_TIMEOUT_MS = 3000;
/** Ticket of a control frame that is about no request. */
const NO_TICKET: Buffer = Buffer.alloc(8);
const EMPTY: Buffer = Buffer.alloc(0);
const FAILED: Buffer = encodeControl({ error: true });
const IDEMPOTENT: Buffer = encodeControl({ idempotent: true });

/** A REP socket that hosts a handler. */
export class WorkerSocket extends Socket implements ExchangePort {
  readonly #options: WorkerSocketOptions;
  readonly #appetite: Appetite;
  readonly #queues = new Map<Pipe, QueueIntake>();
  readonly #drainWaiters: Array<() => void> = [];
  /** What to do when nothing is left of an endpoint. */
  readonly #leaving = new Map<string, () => void>();
  /** Requests that the handler was given. */
  #begun = 0;
  /** Requests whose promise is not settled, and exchanges whose reply has not begun. */
  #waiting = 0;
  /** Busy time of the event loop at the last measurement, in ms since it started. */
  #busyMs = 0;
  #draining = false;
  #turnScheduled = false;
  /** An exchange is being given to the handler. */
  #isAccepting = false;

  constructor(options: WorkerSocketOptions) {
    const { host, generation, handler, machine, maxMessageSize } = options;
    const idempotent = handler.isIdempotent !== undefined;
    super(
      { socketType: 'REP', connectsOnce: true, redialsAfterFaults: true },
      {
        immediate: true, // a reply belongs to the connection that its request came by
        linger: 1000,
        sendHighWaterMark: 0, // never more than `concurrency` replies, and a window of each that streams
        reconnectMaxInterval: RECONNECT_MAX_MS,
        ipv6: true,
        ...(machine === undefined
          ? {}
          : { ...heartbeats(HEARTBEAT_TIMEOUT_MS), ...PATIENCE_OF_DIALERS }),
        ...socketLimits(maxMessageSize),
        metadata: announce({
          workerId: host.worker.id,
          generation,
          maxMessageSize,
          idempotent,
          machine,
        }),
      },
    );
    this.#options = options;
    this.#appetite = new Appetite(options.concurrency);
  }

  /** Requests that the handler was given so far. */
  get begun(): number {
    return this.#begun;
  }

  /** Largest message sent, in bytes; Infinity for no limit. */
  get messageLimit(): number {
    return this.#options.maxMessageSize;
  }

  /** Requests that the handler is waiting on. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Takes nothing more from the queues and resolves when everything that was given is answered; close()
   * then sends what is still on its way. A queue that speaks zscale is asked first, so that requests
   * that are just coming are answered too.
   */
  drain(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      for (const queue of this.#queues.values()) this.#askToDrain(queue);
    }
    return new Promise((resolve) => {
      this.#drainWaiters.push(resolve);
      this.#settle();
    });
  }

  /**
   * Takes nothing more from one endpoint, answers what came from there, and disconnects. Resolves when that is done, or the
   * connection was lost.
   */
  leave(endpoint: string): Promise<void> {
    for (const queue of this.#queues.values()) {
      if (queue.pipe.endpoint === endpoint && !this.#draining) this.#askToDrain(queue);
    }
    return new Promise((resolve) => {
      this.#leaving.set(endpoint, () => {
        this.#leaving.delete(endpoint);
        this.disconnect(endpoint);
        resolve();
      });
      this.#settle();
    });
  }

  /** Gives up the connection to an endpoint, and what came by it. */
  abandon(endpoint: string): void {
    const { linger } = this;
    const left = this.#leaving.get(endpoint);
    this.linger = 0;
    if (left === undefined) this.disconnect(endpoint);
    else left();
    this.linger = linger;
    for (const pipe of [...this.#queues.keys()]) {
      if (pipe.endpoint === endpoint) this.#forget(pipe);
    }
  }

  /** A queue of ours knows by the machine's presence whether its workers are there, also when they are busy. */
  pings(peer: PeerInfo): boolean {
    return !speaksZscale(peer.metadata);
  }

  /** Never: a reply goes out when its handler is done. */
  override get writable(): boolean {
    return false;
  }

  override trySend(_message: Message): boolean {
    throw new ZscaleError(
      'ENOTSUP',
      'A worker socket sends the replies of its handler and nothing else.',
    );
  }

  /** Never: requests go to the handler. */
  override tryReceive(): Message | undefined {
    return undefined;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
  }

  override pipeConnected(pipe: Pipe): void {
    const queue = new QueueIntake(pipe, speaksZscale(pipe.peer?.metadata));
    this.#queues.set(pipe, queue);
    this.#busyMs = performance.eventLoopUtilization().active; // what came before was loading
    if (this.#draining) this.#askToDrain(queue);
    this.#options.onConnected(pipe.endpoint ?? '', queue.speaksZscale);
  }

  override pipeReadable(_pipe: Pipe): void {
    this.#scheduleTurn();
  }

  override pipeWritable(_pipe: Pipe): void {}

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#forget(pipe);
  }

  #forget(pipe: Pipe): void {
    this.#queues.get(pipe)?.closed();
    if (this.#queues.delete(pipe)) this.#options.onDisconnected?.(pipe.endpoint ?? '');
    this.#settle();
  }

  #askToDrain(queue: QueueIntake): void {
    if (queue.speaksZscale) queue.pipe.write([NO_TICKET, encodeControl({ drain: true })]);
    else queue.drained = true;
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(turn, this);
  }

  /** Starts what came, as much as fits. Called by its own schedule only. */
  turn(): void {
    this.#turnScheduled = false;
    const { concurrency, handler } = this.#options;
    const started = performance.now();
    let requests = 0;
    let now = started;
    for (const queue of this.#queues.values()) {
      if (queue.drained && !queue.speaksZscale) continue;
      const judges = queue.speaksZscale && handler.isIdempotent !== undefined;
      let judged = queue.ahead; // in an earlier turn
      const isFull = this.#waiting >= concurrency;
      if (judges || (queue.speaksZscale && (queue.isBehind || isFull))) this.#readAhead(queue);
      if (!judges) judged = queue.ahead;
      while (this.#waiting < concurrency && now - started < TURN_MS) {
        if (judges && judged-- <= 0) break;
        const message = queue.takeKept() ?? queue.pipe.read();
        if (message === undefined) break;
        if (this.#begin(queue, message, now)) requests += 1;
        now = performance.now();
      }
      queue.isBehind = queue.unbegun > 0;
      if (queue.isBehind && (this.#waiting < concurrency || this.#mayReadAhead(queue))) {
        this.#scheduleTurn();
      }
    }
    this.#rotate();
    this.#begun += requests;
    if (requests > 0) this.#measure(requests);
    this.#tellCredit();
    this.#settle();
  }

  /** Whether a turn can look at more of what came, also when it can begin nothing. */
  #mayReadAhead(queue: QueueIntake): boolean {
    const { concurrency } = this.#options;
    return queue.speaksZscale && queue.pipe.unread > 0 && queue.ahead <= concurrency;
  }

  /** Looks at what came and cannot be begun yet: for cancellations, and for requests that may be done again. */
  #readAhead(queue: QueueIntake): void {
    const { concurrency, handler } = this.#options;
    // A queue that speaks zscale gives no more than it was told; one that does is left to TCP.
    while (queue.ahead <= concurrency) {
      const message = queue.pipe.read();
      if (message === undefined) return;
      const [ticket, mark] = message;
      if (ticket === undefined || mark === undefined) continue;
      if (message.length === 2 && mark.length > 0) {
        this.#obey(queue, ticket, decodeControl(mark));
        continue;
      }
      if (handler.accept !== undefined && this.#isOfStream(queue, message, mark)) continue;
      if (handler.isIdempotent?.(message.slice(2)) === true) {
        queue.pipe.write([ticket, IDEMPOTENT]);
      }
      queue.keep(message);
    }
  }

  /** Takes a message that is not begun, where it is a part, or the first of several: these are kept with what came of them. */
  #isOfStream(queue: QueueIntake, message: Message, mark: Buffer): boolean {
    const control = mark.length > 0 ? decodeControl(mark) : undefined;
    if (control?.part === true) {
      queue.exchangeOf(message[0] ?? NO_TICKET)?.partCame(message, control.more === true);
      return true;
    }
    if (control?.more !== true) return false;
    queue.exchangeCame(this.#exchangeOf(queue, message, 1, control, performance.now()));
    queue.keep(message);
    return true;
  }

  /** Another queue is the first of the next turn: one turn may be over before all had theirs. */
  #rotate(): void {
    if (this.#queues.size < 2) return;
    for (const [pipe, queue] of this.#queues) {
      this.#queues.delete(pipe);
      this.#queues.set(pipe, queue);
      return;
    }
  }

  #measure(requests: number): void {
    const { active } = performance.eventLoopUtilization();
    this.#appetite.measure(requests, active - this.#busyMs, this.#waiting);
    this.#busyMs = active;
  }

  /** One message of a queue. True when it was a request. */
  #begin(queue: QueueIntake, message: Message, now: number): boolean {
    const delimiter = queue.speaksZscale ? 1 : findDelimiter(message, 0);
    const mark = message[delimiter];
    if (delimiter < 0 || mark === undefined) return false;
    let control: Control | undefined;
    if (mark.length > 0) {
      control = decodeControl(mark);
      if (message.length === 2) this.#obey(queue, message[0] ?? NO_TICKET, control);
      if (control === undefined || message.length === 2) return false;
      if (control.part === true) {
        queue.exchangeOf(message[0] ?? NO_TICKET)?.partCame(message, control.more === true);
        return false;
      }
      message[delimiter] = EMPTY; // the reply is a whole message
    }
    if (this.#options.handler.accept !== undefined) {
      const kept = message.length === 2 ? queue.exchangeOf(message[0] ?? NO_TICKET) : undefined;
      this.#accept(kept ?? this.#exchangeOf(queue, message, delimiter, control, now));
      return true;
    }
    const body = takeBody(message, delimiter + 1);
    const ticket = queue.speaksZscale ? message[0] : undefined;
    const context = new RequestContext(this.#options.host, ticket, now, control);
    if (control?.more === true) {
      this.#replyError(queue, message, takesWhole());
      return true;
    }
    try {
      const result = this.#options.handler.handle(body, context);
      if (Array.isArray(result)) {
        context.end();
        this.#reply(queue, message, result);
      } else {
        if (queue.speaksZscale) queue.begun(context);
        this.#await(queue, message, result, context);
      }
    } catch (error) {
      context.end();
      this.#replyError(queue, message, error);
    }
    return true;
  }

  /** Makes an exchange of a message, of which the envelope is left. */
  #exchangeOf(
    queue: QueueIntake,
    message: Message,
    delimiter: number,
    control: Control | undefined,
    now: number,
  ): WorkerExchange {
    const body = message.splice(delimiter + 1);
    message[delimiter] = EMPTY;
    const ticket = queue.speaksZscale ? message[0] : undefined;
    const context = new RequestContext(this.#options.host, ticket, now, control);
    return new WorkerExchange(this, queue, message, body, context, control);
  }

  #accept(exchange: TicketedExchange): void {
    const { queue } = exchange;
    if (queue.speaksZscale) queue.exchangeCame(exchange);
    this.#waiting += 1;
    queue.waiting += 1;
    this.#isAccepting = true;
    exchange.open(this.#options.handler);
    this.#isAccepting = false;
  }

  /** It needs no place any more. */
  exchangeBegun({ queue }: WorkerExchange): void {
    this.#waiting -= 1;
    queue.waiting -= 1;
    queue.streams += 1;
    if (!this.#isAccepting) this.#scheduleTurn();
  }

  exchangeOver(exchange: WorkerExchange, was: 'kept' | 'open' | 'begun'): void {
    const { queue } = exchange;
    if (was === 'begun') {
      queue.streams -= 1;
    } else if (was === 'open') {
      this.#waiting -= 1;
      queue.waiting -= 1;
    }
    if (queue.speaksZscale) queue.exchangeOver(exchange);
    if (!this.#isAccepting) this.#scheduleTurn();
  }

  replyError(queue: QueueIntake, envelope: Message, error: unknown): void {
    this.#replyError(queue, envelope, error);
  }

  /** A control frame that came alone. */
  #obey(queue: QueueIntake, ticket: Buffer, control: Control | undefined): void {
    if (control?.drain === true) queue.drained = true;
    if (control?.grant !== undefined) queue.exchangeOf(ticket)?.granted(control.grant);
    if (control?.cancel !== true) return;
    queue.contextOf(ticket)?.cancel();
    const message = queue.withdraw(ticket);
    const exchange = queue.exchangeOf(ticket);
    if (exchange !== undefined) {
      exchange.cancelled();
      return;
    }
    if (message === undefined) return;
    // The queue counts it as held until it is answered.
    message.length = 2;
    message[1] = EMPTY;
    this.#replyError(queue, message, cancelled());
  }

  #await(
    queue: QueueIntake,
    envelope: Message,
    result: Promise<Message>,
    context: RequestContext,
  ): void {
    result.then(
      (body) => {
        this.#afterWait(queue, context);
        this.#reply(queue, envelope, body);
      },
      (error: unknown) => {
        this.#afterWait(queue, context);
        this.#replyError(queue, envelope, error);
      },
    );
    this.#waiting += 1;
    queue.waiting += 1;
  }

  /** A place is free: what waits in the pipes may start, at the end of this turn. */
  #afterWait(queue: QueueIntake, context: RequestContext): void {
    this.#waiting -= 1;
    queue.waiting -= 1;
    context.end();
    if (queue.speaksZscale) queue.answered(context);
    this.#scheduleTurn();
  }

  #reply(queue: QueueIntake, envelope: Message, body: Message): void {
    const bytes = sizeOf(body);
    if (bytes > this.#options.maxMessageSize) {
      const text = `A reply may have ${this.#options.maxMessageSize} bytes (maxMessageSize); the handler's has ${bytes}. Return less, or raise maxMessageSize.`;
      this.#replyError(queue, envelope, new ZscaleError('EMSGSIZE', text));
      return;
    }
    for (let i = 0; i < body.length; i++) envelope.push(body[i] as Buffer); // i < length
    queue.pipe.write(envelope); // refused only by a connection that is gone, and the queue has answered then
  }

  #replyError(queue: QueueIntake, envelope: Message, error: unknown): void {
    const { code, message } = errorReplyOf(error);
    if (queue.speaksZscale) envelope[envelope.length - 1] = FAILED;
    envelope.push(...this.#options.codec.encodeError(code, message));
    queue.pipe.write(envelope);
  }

  /** Tells the queues how much is wanted, where that changed by enough to be worth a message. */
  #tellCredit(): void {
    if (this.#draining) return;
    const wanted = this.#appetite.credit(this.#waiting);
    const { spare } = this.#appetite;
    for (const queue of this.#queues.values()) {
      const { told, toldSpare } = queue;
      if (!queue.speaksZscale || (wanted === told && spare === toldSpare)) continue;
      // More is told at once. Less only when it is much less: a little too much in stock costs less than the messages.
      const isALittleLess = wanted <= told && wanted > told >> 1 && wanted > 1;
      if (isALittleLess && spare === toldSpare) continue;
      queue.told = wanted;
      queue.toldSpare = spare;
      const words = spare === 0 ? { credit: wanted } : { credit: wanted, spare };
      queue.pipe.write([NO_TICKET, encodeControl(words)]);
    }
  }

  /** Called whenever something that a drain waits for may have happened. */
  #settle(): void {
    if (this.#leaving.size > 0) this.#settleLeaving();
    if (this.#drainWaiters.length === 0 || this.#waiting > 0) return;
    for (const queue of this.#queues.values()) {
      if (!queue.drained || queue.streams > 0) return;
      if (queue.speaksZscale && queue.unbegun > 0) return;
    }
    for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }

  #settleLeaving(): void {
    for (const [endpoint, left] of [...this.#leaving]) {
      const queues = [...this.#queues.values()].filter(({ pipe }) => pipe.endpoint === endpoint);
      if (queues.every(isThrough)) left();
    }
  }
}

function turn(socket: WorkerSocket): void {
  socket.turn();
}

/** Nothing more comes from this queue, and all that came is answered. */
function isThrough(queue: QueueIntake): boolean {
  if (!queue.drained || queue.waiting > 0 || queue.streams > 0) return false;
  return !queue.speaksZscale || queue.unbegun === 0;
}

/** Takes the body out of a message: the envelope is left. */
function takeBody(message: Message, start: number): Message {
  if (message.length !== start + 1) return message.splice(start);
  const only = message.pop();
  return only === undefined ? [] : [only];
}

/** For a request in several messages, where the handler takes one. */
function takesWhole(): ZscaleError {
  return new ZscaleError(
    'ENOTSUP',
    'This service takes a request in one message, and got one in several. Send it whole.',
  );
}
