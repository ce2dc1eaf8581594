/**
 * One queue as its worker sees it: what it gave, from the pipe until a handler has it and until it is answered.
 *
 *   pipe --> ahead --> (handler) --> in progress --> answered
 *     \________________/
 *
 * Requests are mostly begun straight from the pipe. They are read ahead where that is worth it: when the worker could not take
 * them at once, for a cancellation may stand behind them, and when the handler is asked first what may be done again. It does
 * not begin or answer anything: that is the socket's.
 */

import { Fifo, type Frames as Message, type Pipe } from '@zscale/transport';
import type { RequestHandler } from '../handlers/handler.ts';
import type { RequestContext } from '../handlers/request-context.ts';

/** An exchange, as its queue has it in hands. */
export interface TicketedExchange {
  readonly queue: QueueIntake;
  /** The queue's name for it. */
  readonly ticket: Buffer;
  /** Gives it to the handler, with what came meanwhile. */
  open(handler: RequestHandler): void;
  /** A part of the request: `[ticket][control][bytes][trailers?]`. */
  partCame(message: Message, more: boolean): void;
  /** The client took so many bytes of the reply. */
  granted(bytes: number): void;
  /** Nobody waits for it any more; it is answered. */
  cancelled(): void;
  /** The connection is gone. */
  lost(): void;
}

/** A queue that this worker is connected to. */
export class QueueIntake {
  readonly pipe: Pipe;
  readonly speaksZscale: boolean;
  /** The credit it was last told. */
  told: number;
  /** How many more it was told that may wait here. */
  toldSpare = 0;
  /** It said that nothing more comes. */
  drained: boolean;
  /** Its requests whose promise is not settled. */
  waiting: number;
  /** Messages were left in the pipe at the end of a turn. */
  isBehind: boolean;
  /** Exchanges whose reply has begun: they wait for nothing that has a place. */
  streams: number;
  /** Requests read and not begun, in order. */
  #ahead: Fifo<Message>;
  /** Exchanges by ticket, those among them that are not begun. */
  readonly #exchanges: Map<string, TicketedExchange>;
  /**
   * Requests whose promise is not settled; only of a queue that cancels. In no order, each knows its place: a Map by ticket cost
   * every request that awaits 7 % of the rate, for the few that are cancelled.
   */
  readonly #inProgress: RequestContext[];

  constructor(pipe: Pipe, speaksZscale: boolean) {
    this.pipe = pipe;
    this.speaksZscale = speaksZscale;
    this.told = 1;
    this.drained = false;
    this.waiting = 0;
    this.isBehind = false;
    this.streams = 0;
    this.#ahead = new Fifo();
    this.#exchanges = new Map();
    this.#inProgress = [];
  }

  /** Requests read and not begun. */
  get ahead(): number {
    return this.#ahead.length;
  }

  /** Messages that nobody has looked at, or that are not begun. */
  get unbegun(): number {
    return this.#ahead.length + this.pipe.unread;
  }

  /** Keeps a request for later. */
  keep(message: Message): void {
    this.#ahead.push(message);
  }

  /** The oldest that is kept. */
  takeKept(): Message | undefined {
    return this.#ahead.shift();
  }

  /** A request is waited on: it may be cancelled. */
  begun(context: RequestContext): void {
    context.place = this.#inProgress.length;
    this.#inProgress.push(context);
  }

  /** It is answered. */
  answered(context: RequestContext): void {
    const all = this.#inProgress;
    if (all[context.place] !== context) return; // the connection was closed meanwhile
    const last = all.pop();
    if (last === undefined || last === context) return;
    all[context.place] = last;
    last.place = context.place;
  }

  /** An exchange has a ticket from here on. */
  exchangeCame(exchange: TicketedExchange): void {
    this.#exchanges.set(exchange.ticket.toString('latin1'), exchange);
  }

  /** It has ended. */
  exchangeOver(exchange: TicketedExchange): void {
    this.#exchanges.delete(exchange.ticket.toString('latin1'));
  }

  /** The exchange of a ticket. */
  exchangeOf(ticket: Buffer): TicketedExchange | undefined {
    return this.#exchanges.get(ticket.toString('latin1'));
  }

  /** The context of a request in progress. */
  contextOf(ticket: Buffer): RequestContext | undefined {
    return this.#inProgress.find((context) => context.isOf(ticket));
  }

  /** Takes a request out of those that are kept; undefined when it is not there. */
  withdraw(ticket: Buffer): Message | undefined {
    const kept = this.#ahead;
    let found: Message | undefined;
    for (let i = kept.length; i > 0; i--) {
      const message = kept.shift() as Message; // i counts its length
      if (found === undefined && message[0]?.equals(ticket) === true) found = message;
      else kept.push(message);
    }
    return found;
  }

  /** The connection is gone: nobody waits for anything of it. */
  closed(): void {
    for (const context of this.#inProgress.splice(0)) context.cancel();
    for (const exchange of [...this.#exchanges.values()]) exchange.lost();
    this.#ahead = new Fifo();
  }
}
