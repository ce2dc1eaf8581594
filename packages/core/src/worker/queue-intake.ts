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

const TICKET_BYTES = 8;
const TWO_TO_32 = 0x1_0000_0000;

/** A queue that this worker is connected to. */
export class QueueIntake {
  readonly pipe: Pipe;
  readonly speaksZscale: boolean;
  /** The credit it was last told. */
  told: number;
  /** It said that nothing more comes. */
  drained: boolean;
  /** Messages were left in the pipe at the end of a turn. */
  isBehind: boolean;
  /** Requests read and not begun, in order. */
  #ahead: Fifo<Message>;
  /** Requests whose promise is not settled, by ticket; only of a queue that cancels. */
  readonly #inProgress: Map<number, RequestContext>;

  constructor(pipe: Pipe, speaksZscale: boolean) {
    this.pipe = pipe;
    this.speaksZscale = speaksZscale;
    this.told = 1;
    this.drained = false;
    this.isBehind = false;
    this.#ahead = new Fifo();
    this.#inProgress = new Map();
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
  begun(ticket: Buffer, context: RequestContext): void {
    if (ticket.length === TICKET_BYTES) this.#inProgress.set(keyOf(ticket), context);
  }

  /** It is answered. */
  answered(ticket: Buffer): void {
    if (ticket.length === TICKET_BYTES) this.#inProgress.delete(keyOf(ticket));
  }

  /** The context of a request in progress. */
  contextOf(ticket: Buffer): RequestContext | undefined {
    return ticket.length === TICKET_BYTES ? this.#inProgress.get(keyOf(ticket)) : undefined;
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
    for (const context of this.#inProgress.values()) context.cancel();
    this.#inProgress.clear();
    this.#ahead = new Fifo();
  }
}

/** Tickets of zscale's queue are two numbers of 32 bits, the first a small one (queue/in-flight.ts). */
function keyOf(ticket: Buffer): number {
  return ticket.readUInt32BE(0) * TWO_TO_32 + ticket.readUInt32BE(4);
}
