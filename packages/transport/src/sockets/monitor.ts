/**
 * The monitor of a socket, with zeromq.js's face (`Observer`): listeners by event type, or a stream of events for `receive()`
 * and `for await`. Telling never blocks and never throws into the transport; events that nobody takes are dropped.
 */

import { TransportError } from '../errors.ts';
import { Fifo } from '../fifo.ts';
import type { MonitorEvent } from '../monitor-event.ts';
import { KeepAlive, Waiters } from './waiters.ts';

/** Names of events. */
export type MonitorEventType = MonitorEvent['type'];
/** The event behind a name. */
export type MonitorEventOf<T extends MonitorEventType> = Extract<
  MonitorEvent,
  { readonly type: T }
>;

/** What takes listeners for events: zeromq.js's name for it. */
export interface EventSubscriber {
  on<T extends MonitorEventType>(
    type: T,
    listener: (event: MonitorEventOf<T>) => void,
  ): EventSubscriber;
  off<T extends MonitorEventType>(
    type: T,
    listener: (event: MonitorEventOf<T>) => void,
  ): EventSubscriber;
}

/** A socket, as its observers see it. */
export interface Observed {
  /** Tells the observer everything from now on. */
  observe(observer: Observer): void;
}

type Listener = (event: never) => void;

/** Events kept for `receive()`; older ones are dropped beyond it. */
const KEPT_EVENTS = 1000;

/** Tells what happens to a socket's connections. Get one as `socket.events`. */
export class Observer implements EventSubscriber {
  readonly #listeners = new Map<MonitorEventType, Set<Listener>>();
  readonly #keepAlive = new KeepAlive();
  readonly #waiters: Waiters<undefined, MonitorEvent>;
  readonly #events = new Fifo<MonitorEvent>();
  /** Events are kept for `receive()`, unless there are listeners and nobody ever received. */
  #keeping = true;
  #received = false;
  #closed = false;

  constructor(socket: Observed) {
    this.#waiters = new Waiters(this.#keepAlive);
    socket.observe(this);
  }

  /** True after the socket closed or `close()`. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Calls `listener` at each event of this type. What it throws is an uncaught exception of its own. */
  on<T extends MonitorEventType>(type: T, listener: (event: MonitorEventOf<T>) => void): this {
    if (!this.#received) {
      this.#keeping = false;
      this.#events.clear();
    }
    let listeners = this.#listeners.get(type);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(type, listeners);
    }
    listeners.add(listener as Listener); // only called with events of its type
    return this;
  }

  off<T extends MonitorEventType>(type: T, listener: (event: MonitorEventOf<T>) => void): this {
    this.#listeners.get(type)?.delete(listener as Listener); // as above
    return this;
  }

  /**
   * The next event. Events are kept from the moment the observer was asked for, {@link KEPT_EVENTS} at the most.
   *
   * @throws (rejects) TransportError `EBADF` after the last event of a closed socket.
   */
  receive(): Promise<MonitorEvent> {
    this.#received = true;
    this.#keeping = true;
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve(event);
    if (this.#closed)
      return Promise.reject(new TransportError('EBADF', 'The monitored socket is closed.'));
    return this.#waiters.wait(undefined, -1, 'receive an event');
  }

  /** Events until the socket closes. */
  async *[Symbol.asyncIterator](): AsyncIterator<MonitorEvent, undefined> {
    for (;;) {
      if (this.#closed && this.#events.length === 0) return undefined;
      const event = await this.receive();
      yield event;
      if (event.type === 'end') return undefined;
    }
  }

  /** Tells nothing more. The socket goes on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#waiters.refuseAll(new TransportError('EAGAIN', 'The observer was closed.'));
    this.#keepAlive.stop();
  }

  /** For the socket: tells an event. */
  emit(event: MonitorEvent): void {
    if (this.#closed) return;
    if (this.#waiters.length > 0) this.#waiters.serve(event);
    else if (this.#keeping) this.#keep(event);
    const listeners = this.#listeners.get(event.type);
    if (listeners !== undefined) {
      for (const listener of listeners) process.nextTick(listener, event as never); // of the listener's type
    }
    if (event.type === 'end') this.close();
  }

  #keep(event: MonitorEvent): void {
    this.#events.push(event);
    if (this.#events.length > KEPT_EVENTS) this.#events.shift();
  }
}
