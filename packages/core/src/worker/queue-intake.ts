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
import type { RequestContext } from '../handlers/request-context.ts';

/** A queue that this worker is connected to. */
export class QueueIntake {
  readonly pipe: Pipe;
  readonly speaksZscale: boolean;
  /** The credit it was last told. */
  told: number;
  /** It said that nothing more comes. */
  drained: boolean;
  /** Its requests whose promise is not settled. */
  waiting: number;
  /** Messages were left in the pipe at the end of a turn. */
  isBehind: boolean;
  /** Requests read and not begun, in order. */
  #ahead: Fifo<Message>;
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
    this.#ahead = new Fifo();
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
    this.#ahead = new Fifo();
  }
}
