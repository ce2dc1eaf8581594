/**
 * Callers of `send()` and `receive()` that wait for room or for a message, in the order they came.
 *
 * While anyone waits, the process stays alive, as it does with zeromq.js: sockets themselves do not hold it. Each line
 * of waiters is bounded; who comes after that is turned away with EAGAIN.
 */

import { TransportError } from '../errors.ts';
import { Fifo } from '../fifo.ts';

/** How many callers may wait in one line. */
export const WAITERS_MAX = 100_000;

/** The longest delay of a Node timer, in ms. */
const TIMER_MAX_MS = 0x7fff_ffff;

/** One caller that waits. `item` is what it wants to send; undefined for a receiver. */
class Waiter<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout | undefined = undefined;
  gone = false;

  constructor(item: Item, resolve: (result: Result) => void, reject: (error: Error) => void) {
    this.item = item;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Holds the process open while anyone waits. */
export class KeepAlive {
  #count = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  acquire(): void {
    this.#count += 1;
    if (this.#count > 1) return;
    this.#timer ??= setInterval(noop, TIMER_MAX_MS);
    this.#timer.ref();
  }

  release(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#timer?.unref();
  }

  /** No more waiters will come. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** A line of waiting callers. */
export class Waiters<Item, Result> {
  readonly #line = new Fifo<Waiter<Item, Result>>();
  readonly #keepAlive: KeepAlive;
  /** Of those in line, how many still wait. */
  #waiting = 0;

  constructor(keepAlive: KeepAlive) {
    this.#keepAlive = keepAlive;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting;
  }

  /**
   * Joins the line.
   *
   * @param timeout ms until the promise rejects with EAGAIN; 0 at once, -1 never.
   * @param reason what it rejects with in place of that, where more is known.
   */
  wait(item: Item, timeout: number, doing: string, reason?: Error): Promise<Result> {
    if (timeout === 0) return Promise.reject(timedOut(doing, 0));
    if (this.#waiting >= WAITERS_MAX) {
      return Promise.reject(
        new TransportError(
          'EAGAIN',
          `${WAITERS_MAX} callers wait to ${doing} already. Await each before the next.`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const waiter = new Waiter<Item, Result>(item, resolve, reject);
      if (timeout > 0) {
        waiter.timer = setTimeout(
          () => this.#leave(waiter, reason ?? timedOut(doing, timeout)),
          timeout,
        );
      }
      this.#line.push(waiter);
      this.#waiting += 1;
      this.#keepAlive.acquire();
    });
  }

  /** What the first in line wants to send; undefined when nobody waits. */
  first(): Item | undefined {
    this.#skipGone();
    return this.#line.peek()?.item;
  }

  /** Serves the first in line. */
  serve(result: Result): void {
    const waiter = this.#next();
    waiter?.resolve(result);
  }

  /** Turns the first in line away. */
  refuse(error: Error): void {
    this.#next()?.reject(error);
  }

  /** Turns everybody away. */
  refuseAll(error: Error): void {
    while (this.#waiting > 0) this.refuse(error);
    this.#line.clear();
  }

  #next(): Waiter<Item, Result> | undefined {
    this.#skipGone();
    const waiter = this.#line.shift();
    if (waiter === undefined) return undefined;
    clearTimeout(waiter.timer);
    waiter.gone = true;
    this.#waiting -= 1;
    this.#keepAlive.release();
    return waiter;
  }

  /** A caller whose time is over; its place in line is skipped later. */
  #leave(waiter: Waiter<Item, Result>, error: Error): void {
    waiter.gone = true;
    this.#waiting -= 1;
    this.#keepAlive.release();
    waiter.reject(error);
    if (this.#waiting === 0) this.#line.clear();
  }

  #skipGone(): void {
    while (this.#line.peek()?.gone) this.#line.shift();
  }
}

function timedOut(doing: string, timeout: number): TransportError {
  return new TransportError(
    'EAGAIN',
    `Operation was not possible or timed out: could not ${doing} within ${timeout} ms.`,
  );
}

function noop(): void {}
