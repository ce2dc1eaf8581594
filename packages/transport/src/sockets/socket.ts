/**
 * The base of every pattern: what zeromq.js users call a socket.
 *
 * A pattern is the three members `writable`, `trySend` and `tryReceive` over a few sets of pipes, and the five calls of
 * `PipeHost` that keep those sets. Promises, timeouts, iteration, options, endpoints and the monitor are added here, once.
 * Devices and workers use the two verbs and pay for no promise.
 *
 * "Write your own pattern": extend this class, call `wakeReceivers` from `pipeReadable` and `wakeSenders` from
 * `pipeWritable` and `attach`.
 */

import { fail, TransportError } from '../errors.ts';
import { type Message, type MessageLike, toMessage } from '../message.ts';
import type { MonitorEvent } from '../monitor-event.ts';
import {
  type OptionName,
  type PatternOptionName,
  type PatternOptions,
  type ResolvedSocketOptions,
  resolveSocketOptions,
  SOCKET_OPTION_NAMES,
  type SocketOptions,
  withOption,
} from '../options.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { SOCKET_TYPE_NUMBERS, type SocketType } from '../socket-type.ts';
import type { PipeHost } from '../transports/transport.ts';
import { EndpointSet } from './endpoint-set.ts';
import { Observer } from './monitor.ts';
import { KeepAlive, Waiters } from './waiters.ts';

/** What `send()` gives when the message was taken at once: one promise for all. */
const SENT: Promise<void> = Promise.resolve();

/** How a pattern differs from others outside of its messages. */
export interface SocketTraits {
  readonly socketType: SocketType;
  /** The pattern's own options. */
  readonly patternOptions: readonly PatternOptionName[];
  /** A second connect to the same endpoint does nothing, as libzmq has it for REQ, DEALER, PUB and SUB. */
  readonly connectsOnce: boolean;
  /** A connection that ended by the peer's fault is tried again like any other; libzmq gives the endpoint up. Default false. */
  readonly redialsAfterFaults?: boolean;
}

/** Every option is a property too. Most work for later binds and connects; linger, timeouts and high-water marks at once. */
export interface Socket extends Required<SocketOptions> {}

/** A ZeroMQ socket. Extend it to make a pattern. */
export abstract class Socket implements PipeHost {
  /** As it is announced to peers. */
  readonly socketType: SocketType;
  readonly #connectsOnce: boolean;
  /** See {@link SocketTraits}. */
  readonly redialsAfterFaults: boolean;
  readonly #endpoints: EndpointSet;
  readonly #observer = new Observer();
  readonly #keepAlive = new KeepAlive();
  readonly #senders: Waiters<Message, void>;
  readonly #receivers: Waiters<undefined, Message>;
  /** Every pipe that is open, for marks that change. */
  readonly #pipes = new Set<Pipe>();
  #options: ResolvedSocketOptions;
  #closed = false;
  /** When a closed socket has let go of everything. */
  #ended: Promise<void> | undefined = undefined;

  /** @throws TransportError `EINVAL` for an option that is unknown, foreign to the pattern or out of range. */
  protected constructor(traits: SocketTraits, options: SocketOptions & PatternOptions) {
    this.socketType = traits.socketType;
    this.#connectsOnce = traits.connectsOnce;
    this.redialsAfterFaults = traits.redialsAfterFaults ?? false;
    this.#options = resolveSocketOptions(options, traits.patternOptions);
    this.#endpoints = new EndpointSet(this);
    this.#senders = new Waiters(this.#keepAlive);
    this.#receivers = new Waiters(this.#keepAlive);
  }

  /** Whether `trySend` would take a message now. */
  abstract readonly writable: boolean;

  /**
   * Sends a message if that is possible at once. True: array and Buffers belong to the socket. False: nothing happened.
   *
   * @throws TransportError where a message can never be sent now: `EFSM`, `EHOSTUNREACH`.
   */
  abstract trySend(message: Message): boolean;

  /** The next message, if there is one. It belongs to the caller. @throws TransportError `EFSM`. */
  abstract tryReceive(): Message | undefined;

  abstract attach(pipe: Pipe): void;
  abstract pipeReadable(pipe: Pipe): void;
  abstract pipeWritable(pipe: Pipe): void;
  abstract pipeClosed(pipe: Pipe): void;

  /** Most patterns need not know. */
  pipeConnected(_pipe: Pipe): void {}

  /** Options as they are now. */
  get options(): ResolvedSocketOptions {
    return this.#options;
  }

  /** libzmq's number of the socket type (`ZMQ_TYPE`). */
  get type(): number {
    return SOCKET_TYPE_NUMBERS[this.socketType];
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The real address of the last bind, or the endpoint of the last connect; null before any (`ZMQ_LAST_ENDPOINT`). */
  get lastEndpoint(): string | null {
    return this.#endpoints.lastEndpoint;
  }

  /** Tells what happens to the connections. */
  get events(): Observer {
    return this.#observer;
  }

  /**
   * Resolves when a closed socket has let go of everything: lingering is over, addresses are free. Who asks for it keeps
   * the process alive until then.
   *
   * @throws (rejects) TransportError `EINVAL` on an open socket.
   */
  get ended(): Promise<void> {
    const ended = this.#ended;
    if (ended === undefined) {
      return Promise.reject(
        new TransportError('EINVAL', 'The socket is open: call close() first.'),
      );
    }
    const keepAlive = new KeepAlive();
    keepAlive.acquire();
    return ended.finally(() => keepAlive.stop());
  }

  /** Messages that wait to be sent, over all peers, and callers of `send()` that wait. For counters and limits. */
  get unsent(): { readonly messages: number; readonly callers: number } {
    let messages = 0;
    for (const pipe of this.#pipes) messages += pipe.unsent;
    return { messages, callers: this.#senders.length };
  }

  /**
   * Listens at an endpoint (`tcp://*:5555`, `tcp://127.0.0.1:*`, `ipc:///tmp/x.sock`).
   *
   * @throws (rejects) TransportError `EINVAL`, `EPROTONOSUPPORT`, `EADDRINUSE`, `EADDRNOTAVAIL`, `ENODEV`, `EACCES`, `ENOENT`,
   *   `ENAMETOOLONG`; `EBADF` on a closed socket.
   */
  async bind(endpoint: string): Promise<void> {
    this.#refuseClosed();
    await this.#endpoints.bind(endpoint);
  }

  /**
   * Stops listening; connections accepted there end too. Resolves when the address is free.
   *
   * @throws (rejects) TransportError `ENOENT` when it is not bound.
   */
  async unbind(endpoint: string): Promise<void> {
    this.#refuseClosed();
    await this.#endpoints.unbind(endpoint, this.#options.linger);
  }

  /**
   * Connects, now or whenever somebody listens there; messages can be sent at once and wait.
   *
   * @throws TransportError `EINVAL`, `EPROTONOSUPPORT`, `ENAMETOOLONG`; `EBADF` on a closed socket. Never for network problems:
   *   those are told by `events`.
   */
  connect(endpoint: string): void {
    this.#refuseClosed();
    this.#endpoints.connect(endpoint, this.#connectsOnce);
  }

  /** Takes a connect back; what is unsent there still goes within `linger`. @throws TransportError `ENOENT`. */
  disconnect(endpoint: string): void {
    this.#refuseClosed();
    this.#endpoints.disconnect(endpoint, this.#options.linger);
  }

  /**
   * Sends a message. It never blocks the process, and calls may overlap: they are served in order. Resolves when the
   * message was queued, not when it arrived. Buffers are taken by reference: do not write to them afterwards.
   *
   * @throws (rejects) TransportError `EAGAIN` after `sendTimeout` or when closed meanwhile; `EINVAL` for what is no message; `EBADF`
   *   on a closed socket; what the pattern says (`EFSM`, `EHOSTUNREACH`).
   */
  send(message: MessageLike | readonly MessageLike[]): Promise<void> {
    try {
      this.#refuseClosed();
      const frames = toMessage(message);
      if (this.#senders.length === 0 && this.trySend(frames)) return SENT;
      return this.#senders.wait(frames, this.#options.sendTimeout, 'send');
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * The next message, as its frames. Calls may overlap: they are served in order.
   *
   * @throws (rejects) TransportError `EAGAIN` after `receiveTimeout` or when closed meanwhile; `EBADF` on a closed socket; what the
   *   pattern says (`EFSM`).
   */
  receive(): Promise<Message> {
    try {
      this.#refuseClosed();
      const message = this.#receivers.length === 0 ? this.tryReceive() : undefined;
      if (message !== undefined) return Promise.resolve(message);
      return this.#receivers.wait(undefined, this.#options.receiveTimeout, 'receive');
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Messages until the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, undefined> {
    while (!this.closed) {
      let message: Message;
      try {
        message = await this.receive();
      } catch (error) {
        if (this.closed) return undefined;
        throw error;
      }
      yield message;
    }
    return undefined;
  }

  /**
   * Closes the socket. What is queued is still sent for `linger` ms; the process stays alive for that. Waiting callers are
   * turned away with EAGAIN. Idempotent; see `ended`.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = new TransportError(
      'EAGAIN',
      'Operation was not possible or timed out: the socket was closed.',
    );
    this.#senders.refuseAll(error);
    this.#receivers.refuseAll(error);
    this.#keepAlive.stop();
    this.#ended = this.#endpoints
      .close(this.#options.linger)
      .then(() => this.report({ type: 'end' }));
  }

  /** Closes, and resolves when everything is let go of. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.ended;
  }

  /** From the transports. */
  report(event: MonitorEvent): void {
    this.#observer.emit(event);
  }

  /** For patterns: a pipe was attached. Call it from `attach`. */
  protected pipeAttached(pipe: Pipe): void {
    this.#pipes.add(pipe);
  }

  /** For patterns: a pipe is gone. Call it from `pipeClosed`. */
  protected pipeDetached(pipe: Pipe): void {
    this.#pipes.delete(pipe);
  }

  /** For patterns: there may be messages for those who wait. */
  protected wakeReceivers(): void {
    while (this.#receivers.length > 0) {
      let message: Message | undefined;
      try {
        message = this.tryReceive();
      } catch {
        return; // EFSM: not their turn yet; they keep their places
      }
      if (message === undefined) return;
      this.#receivers.serve(message);
    }
  }

  /** For patterns: there may be room for those who wait. */
  protected wakeSenders(): void {
    for (
      let message = this.#senders.first();
      message !== undefined;
      message = this.#senders.first()
    ) {
      try {
        if (!this.trySend(message)) return;
        this.#senders.serve();
      } catch (error) {
        this.#senders.refuse(error as Error); // a TransportError of the pattern
      }
    }
  }

  /** For option properties. @throws TransportError `EINVAL`. */
  protected setOption(name: OptionName, value: unknown): void {
    this.#options = withOption(this.#options, name, value);
    if (name !== 'sendHighWaterMark' && name !== 'receiveHighWaterMark') return;
    for (const pipe of this.#pipes) pipe.setMarks(this.#options);
  }

  #refuseClosed(): void {
    if (this.#closed) fail('EBADF', 'Socket is closed');
  }
}

/** Makes options readable and settable as properties, as zeromq.js has them. */
export function defineOptionProperties(prototype: Socket, names: readonly OptionName[]): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: false,
      get(this: Socket) {
        return this.options[name];
      },
      set(this: Socket, value: unknown) {
        this.setOption(name, value);
      },
    });
  }
}

defineOptionProperties(Socket.prototype, SOCKET_OPTION_NAMES);
