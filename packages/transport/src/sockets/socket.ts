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

import type { Authenticator } from '../authenticator.ts';
import { NOT_LONGER, Vigil } from '../busy-poll.ts';
import { type Context, context as defaultContext } from '../context.ts';
import { fail, failType, TransportError } from '../errors.ts';
import { type Message, type MessageLike, toMessage } from '../message.ts';
import type { MonitorEvent } from '../monitor-event.ts';
import { INT32_MAX } from '../option-checks.ts';
import {
  type AnySocketOptions,
  COMMON_OPTION_NAMES,
  type CommonOptions,
  type OptionName,
  READABLE_OPTION_NAMES,
  type ReadableOptions,
  type ResolvedSocketOptions,
  resolveSocketOptions,
  type SecurityMechanism,
  shownOption,
  WRITABLE_OPTION_NAMES,
  type WritableOptions,
  withOption,
  worksLater,
} from '../options.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { SOCKET_TYPE_NUMBERS, type SocketType } from '../socket-type.ts';
import type { MulticastStats } from '../transports/epgm/stats.ts';
import type { PipeHost } from '../transports/transport.ts';
import { bindHook } from './bind-hook.ts';
import { EndpointSet } from './endpoint-set.ts';
import { iterate } from './iterate.ts';
import { Observer } from './monitor.ts';
import { nextTurn, Run } from './run.ts';
import { KeepAlive, Waiters } from './waiters.ts';
import { ZapClient } from './zap-client.ts';

/** What `send()` gives when the message was taken at once: one promise for all. */
const SENT: Promise<void> = Promise.resolve();

/** Who wants to know when a socket can be read or written again: a device. Called from the event loop; see {@link Socket.watch}. */
export interface SocketWatcher {
  /** Messages may have come. */
  readable(): void;
  /** There may be room. */
  writable(): void;
}

/** How a pattern differs from others outside of its messages. */
export interface SocketTraits {
  readonly socketType: SocketType;
  /** Options it takes beside those of every socket. Default: those of sockets that send and receive. */
  readonly options?: readonly OptionName[];
  /** Defaults of its own. */
  readonly defaults?: Partial<ResolvedSocketOptions>;
  /** A second connect to the same endpoint does nothing, as libzmq has it for REQ, DEALER, PUB and SUB. */
  readonly connectsOnce: boolean;
  /** A connection that ended by the peer's fault is tried again like any other; libzmq gives the endpoint up. Default false. */
  readonly redialsAfterFaults?: boolean;
}

/** Options of a socket type: those common to all and its own, each of which is a property too; and its context. */
export type SocketOptions<S extends Socket> = Pick<
  AnySocketOptions,
  Extract<keyof AnySocketOptions, keyof S>
> & {
  /** The scope of inproc names and of the ZAP handler. Default: the one that is exported as `context`. */
  context?: Context;
};

/** What every socket takes when it is made: any option, of which `SocketTraits` names the allowed ones. */
export type OpenOptions = AnySocketOptions & { readonly context?: Context };

/** Sockets that send. @typeParam M what is sent. @typeParam O further arguments of `send`. */
export interface Writable<
  M extends MessageLike | MessageLike[] = MessageLike | MessageLike[],
  O extends [...object[]] = [],
> extends Required<WritableOptions> {
  /**
   * Sends a message. It never blocks the process, and calls may overlap: they are served in order. Resolves when the
   * message was queued, not when it arrived. Buffers are taken by reference: do not write to them afterwards.
   *
   * @throws (rejects) TransportError `EAGAIN` after `sendTimeout` or when closed meanwhile; `EINVAL` for what is no message;
   *   `EBADF` on a closed socket; `EBUSY` with `strictBusy`; what the pattern says (`EHOSTUNREACH`; `EFSM` with a `sendTimeout` of 0).
   */
  send(message: M, ...options: O): Promise<void>;
}

type Received<T> = T extends { receive(): Promise<infer M> } ? M : never;

/** Sockets that receive. @typeParam M what is received. */
export interface Readable<M extends object[] = Buffer[]> extends Required<ReadableOptions> {
  /**
   * The next message, as its frames. Calls may overlap: they are served in order.
   *
   * @throws (rejects) TransportError `EAGAIN` after `receiveTimeout` or when closed meanwhile; `EBADF` on a closed socket; `EBUSY`
   *   with `strictBusy`; what the pattern says (`EFSM` with a `receiveTimeout` of 0).
   */
  receive(): Promise<M>;
  /** Messages until the socket is closed. */
  [Symbol.asyncIterator](): AsyncIterator<Received<this>, undefined>;
}

/** Every common option is a property too. Those that work at once are marked in the reference; others work on later binds and connects. */
export interface Socket extends Required<CommonOptions> {}

/** Only the class can reach its protected members: set in its static block. */
let lendSend: (prototype: Socket) => void;
let lendReceive: (prototype: Socket) => void;

/** A ZeroMQ socket. Extend it to make a pattern. */
export abstract class Socket implements PipeHost {
  /** As it is announced to peers. */
  readonly socketType: SocketType;
  readonly #connectsOnce: boolean;
  /** See {@link SocketTraits}. */
  readonly redialsAfterFaults: boolean;
  readonly #endpoints: EndpointSet;
  /** What `events` gives, once it was asked for. */
  #events: Observer | undefined = undefined;
  readonly #observers = new Set<Observer>();
  readonly #keepAlive = new KeepAlive();
  readonly #senders: Waiters<Message, void>;
  readonly #receivers: Waiters<undefined, Message>;
  /** Every pipe that is open, for marks that change. */
  readonly #pipes = new Set<Pipe>();
  readonly #zap: ZapClient;
  /** The scope of inproc names. */
  readonly context: Context;
  #options: ResolvedSocketOptions;
  #watcher: SocketWatcher | undefined = undefined;
  readonly #run = new Run();
  /** Of those who wait to receive. */
  readonly #vigil: Vigil;
  /** unbind() calls under way. */
  #unbinding = 0;
  #closed = false;
  /** The last event was told. */
  #told = false;
  /** When a closed socket has let go of everything. */
  #ended: Promise<void> | undefined = undefined;

  /**
   * @throws TransportError `EINVAL` for an option out of range; `EMFILE` when the context has too many sockets.
   * @throws TypeError for an option that is unknown, foreign to the pattern or of a wrong type.
   */
  protected constructor(traits: SocketTraits, options: OpenOptions) {
    const given: unknown = options; // callers without types
    if (typeof given !== 'object' || given === null) failType('Options must be an object.');
    const { context = defaultContext, ...settings } = options;
    this.socketType = traits.socketType;
    this.#connectsOnce = traits.connectsOnce;
    this.redialsAfterFaults = traits.redialsAfterFaults ?? false;
    this.context = context;
    this.#options = resolveSocketOptions(settings, {
      options: traits.options ?? [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES],
      defaults: {
        ...(context.ipv6 ? { ipv6: true } : {}),
        ...(context.blocky ? {} : { linger: 0 }),
        ...traits.defaults,
      },
    });
    this.#endpoints = new EndpointSet(this);
    this.#senders = new Waiters(this.#keepAlive);
    this.#receivers = new Waiters(this.#keepAlive);
    this.#vigil = new Vigil(context.poll);
    this.#zap = new ZapClient(context);
    context.socketOpened();
  }

  /** For those who bound what peers make them keep: see {@link PipeHost}. */
  unfinished?(pipe: Pipe, bytes: number): void;

  /**
   * For those who write a device: whether large frames may come in pieces, because it passes them on unread. Such a frame has
   * a `length` and can be sent; whoever wants its bytes calls `wholeFrame` first. Default false.
   */
  get forwards(): boolean {
    return false;
  }

  /** Whether `trySend` would take a message now; false for sockets that do not send. */
  get writable(): boolean {
    return false;
  }

  /** Whether `tryReceive` would give a message now; false for sockets that do not receive. */
  get readable(): boolean {
    return false;
  }

  /**
   * Sends a message if that is possible at once. True: array and Buffers belong to the socket. False: nothing happened.
   *
   * @throws TransportError where a message can never be sent now: `EFSM`, `EHOSTUNREACH`; `ENOTSUP` where the pattern does not send.
   */
  trySend(_message: Message): boolean {
    return fail('ENOTSUP', `Operation not supported: a ${this.socketType} socket does not send.`);
  }

  /** The next message, if there is one. It belongs to the caller. @throws TransportError `EFSM`; `ENOTSUP` where the pattern does not receive. */
  tryReceive(): Message | undefined {
    return fail(
      'ENOTSUP',
      `Operation not supported: a ${this.socketType} socket does not receive.`,
    );
  }

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

  /** The mechanism that the options choose (`ZMQ_MECHANISM`); null for none. */
  get securityMechanism(): SecurityMechanism {
    return this.#options.securityMechanism;
  }

  /** Always false: a socket belongs to one thread (`ZMQ_THREAD_SAFE`). */
  get threadSafe(): boolean {
    return false;
  }

  /** For the transports: the way to the ZAP handler of the context. */
  get authenticator(): Authenticator {
    return this.#zap;
  }

  /** The real address of the last bind, or the endpoint of the last connect; null before any (`ZMQ_LAST_ENDPOINT`). */
  get lastEndpoint(): string | null {
    return bindHook()?.endpointOf(this) ?? this.#endpoints.lastEndpoint;
  }

  /** Whether anything is bound or connected. */
  get hasEndpoints(): boolean {
    return this.#endpoints.inUse;
  }

  /** Tells what happens to the connections. */
  get events(): Observer {
    this.#events ??= new Observer(this);
    return this.#events;
  }

  /** For observers: tells this one everything that happens from now on. Of a closed socket there is nothing to tell but the end. */
  observe(observer: Observer): void {
    if (this.#told) observer.emit({ type: 'end' });
    else this.#observers.add(observer);
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

  /** What the multicast endpoints (`epgm://`) that are open now have counted, together; undefined when there is none. */
  get multicast(): MulticastStats | undefined {
    return this.#endpoints.multicastStats;
  }

  /**
   * Listens at an endpoint (`tcp://*:5555`, `tcp://127.0.0.1:*`, `ipc:///tmp/x.sock`).
   *
   * @throws (rejects) TransportError `EINVAL`, `EPROTONOSUPPORT`, `EADDRINUSE`, `EADDRNOTAVAIL`, `ENODEV`, `EACCES`, `ENOENT`,
   *   `ENAMETOOLONG`; `EBADF` on a closed socket.
   */
  async bind(endpoint: string): Promise<void> {
    this.#refuseClosed();
    if (bindHook()?.bind(this, endpoint) === true) return;
    await this.#endpoints.bind(endpoint, this.#options);
  }

  /**
   * As {@link bind}, but before it returns. Names are not looked up: give `*`, an address, `localhost` or an interface.
   *
   * @throws TransportError as `bind`; `ENOTSUP` where the runtime cannot (Bun, Deno, `node:cluster` workers).
   */
  bindSync(endpoint: string): void {
    this.#refuseClosed();
    if (bindHook()?.bind(this, endpoint) === true) return;
    this.#endpoints.bindSync(endpoint, this.#options);
  }

  /**
   * Stops listening. Connections accepted there end too, except by inproc. Resolves when the address is free.
   *
   * @throws (rejects) TransportError `ENOENT` when it is not bound.
   */
  async unbind(endpoint: string): Promise<void> {
    this.#refuseClosed();
    if (bindHook()?.unbind(this, endpoint) === true) return;
    this.#unbinding += 1;
    try {
      await this.#endpoints.unbind(endpoint, this.#options.linger);
    } finally {
      this.#unbinding -= 1;
    }
  }

  /** As {@link unbind}; the address is free when it returns, connections end soon after. @throws TransportError `ENOENT`. */
  unbindSync(endpoint: string): void {
    this.#refuseClosed();
    if (bindHook()?.unbind(this, endpoint) === true) return;
    this.#endpoints.unbindSync(endpoint, this.#options.linger);
  }

  /**
   * Connects, now or whenever somebody listens there; messages can be sent at once and wait.
   *
   * @throws TransportError `EINVAL`, `EPROTONOSUPPORT`, `ENAMETOOLONG`; `EBADF` on a closed socket. Never for network problems:
   *   those are told by `events`.
   */
  connect(endpoint: string): void {
    this.#refuseClosed();
    this.#endpoints.connect(endpoint, this.#options, this.#connectsOnce);
  }

  /** Takes a connect back; what is unsent there still goes within `linger`. @throws TransportError `ENOENT`. */
  disconnect(endpoint: string): void {
    this.#refuseClosed();
    this.#endpoints.disconnect(endpoint, this.#options.linger);
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
    if (this.#watcher !== undefined) process.nextTick(() => this.#watcher?.readable());
    this.#keepAlive.stop();
    this.context.socketClosed();
    this.#ended = this.#endpoints.close(this.#options.linger).then(() => {
      this.#zap.close();
      this.report({ type: 'end' });
      this.#told = true;
      this.#observers.clear();
    });
  }

  /** Closes, and resolves when everything is let go of. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.ended;
  }

  /** From the transports. */
  report(event: MonitorEvent): void {
    for (const observer of this.#observers) observer.emit(event);
  }

  /** For patterns: a pipe was attached. Call it from `attach`. */
  protected pipeAttached(pipe: Pipe): void {
    this.#pipes.add(pipe);
    pipe.setMarks(this.#options); // the marks work at once, so those of the bind may be old
  }

  /** For patterns: a pipe is gone. Call it from `pipeClosed`. */
  protected pipeDetached(pipe: Pipe): void {
    this.#pipes.delete(pipe);
  }

  /**
   * For devices, which use `trySend` and `tryReceive`: calls when it may be worth while to try again, also when it is not.
   * Also when the socket was closed. One watcher at a time; undefined for none.
   */
  watch(watcher: SocketWatcher | undefined): void {
    this.#watcher = watcher;
  }

  /** For patterns that serve nobody's `receive()` but many peers: messages are expected soon, so it may pay to stay awake (busy-poll.ts). */
  protected expectMessages(): void {
    this.#vigil.begins(NOT_LONGER);
  }

  /** The same patterns: what was expected came. */
  protected messagesCame(): void {
    this.#vigil.ends();
  }

  /** For patterns: there may be messages for those who wait. */
  protected wakeReceivers(): void {
    this.#watcher?.readable();
    while (this.#receivers.length > 0) {
      let message: Message | undefined;
      try {
        message = this.tryReceive();
      } catch {
        return; // EFSM: not their turn yet; they keep their places
      }
      if (message === undefined) return;
      this.#vigil.ends();
      this.#receivers.serve(message);
    }
  }

  /** For patterns: there may be room for those who wait. */
  protected wakeSenders(): void {
    this.#watcher?.writable();
    for (
      let message = this.#senders.first();
      message !== undefined;
      message = this.#senders.first()
    ) {
      try {
        if (!this.trySend(message)) return;
        this.#senders.serve();
      } catch (error) {
        if (isOutOfTurn(error)) return; // they keep their places
        this.#senders.refuse(error as Error); // a TransportError of the pattern
      }
    }
  }

  /** For patterns whose turn to send has come inside `tryReceive`: as {@link wakeSenders}, when that has returned. */
  protected wakeSendersLater(): void {
    if (this.#senders.length > 0) process.nextTick(() => this.wakeSenders());
  }

  /** For patterns with a `send()` of their own: queues a message of frames, or waits for room. */
  protected sendFrames(frames: Message): Promise<void> {
    let reason: TransportError | undefined;
    try {
      this.#refuseClosed();
      if (this.#senders.length === 0) {
        this.#checkSize(frames);
        if (this.trySend(frames)) return this.#run.isOver() ? nextTurn() : SENT;
      } else if (this.#options.strictBusy) {
        fail(
          'EBUSY',
          'Socket is busy writing; only one send operation may be in progress at any time',
        );
      }
    } catch (error) {
      if (!isOutOfTurn(error) || this.#options.sendTimeout === 0) return Promise.reject(error);
      reason = error;
    }
    this.#run.end();
    return this.#senders.wait(frames, this.#options.sendTimeout, 'send', reason);
  }

  /** For patterns with a `receive()` of their own: the next message, or a wait for it. */
  protected receiveFrames(): Promise<Message> {
    let reason: TransportError | undefined;
    try {
      this.#refuseClosed();
      if (this.#receivers.length === 0) {
        const message = this.tryReceive();
        if (message !== undefined)
          return this.#run.isOver() ? nextTurn(message) : Promise.resolve(message);
      } else if (this.#options.strictBusy) {
        fail(
          'EBUSY',
          'Socket is busy reading; only one receive operation may be in progress at any time',
        );
      }
    } catch (error) {
      if (!isOutOfTurn(error) || this.#options.receiveTimeout === 0) return Promise.reject(error);
      reason = error;
    }
    this.#run.end();
    this.#vigil.begins();
    return this.#receivers.wait(undefined, this.#options.receiveTimeout, 'receive', reason);
  }

  /** For option properties. @throws TransportError `EINVAL`. */
  protected setOption(name: OptionName, value: unknown): void {
    this.#options = withOption(this.#options, name, value);
    if (name === 'sendHighWaterMark' || name === 'receiveHighWaterMark') {
      for (const pipe of this.#pipes) pipe.setMarks(this.#options);
    } else if (worksLater(name) && this.#endpoints.inUse) {
      process.emitWarning('Socket option will not take effect until next connect/bind.');
    }
  }

  /** For patterns: options of what is bound and connected from now on; what is there keeps its own, and nobody is warned of that. */
  protected setOptionsForLater(options: AnySocketOptions): void {
    for (const [name, value] of Object.entries(options)) {
      this.#options = withOption(this.#options, name as OptionName, value); // names of that interface
    }
  }

  #refuseClosed(): void {
    if (this.#closed) fail('EBADF', 'Socket is closed');
    if (this.#options.strictBusy && (this.#endpoints.blocked || this.#unbinding > 0)) {
      fail('EBUSY', 'Socket is blocked by a bind or unbind operation');
    }
  }

  #checkSize(frames: Message): void {
    const limit = this.context.maxMessageSize;
    if (limit === INT32_MAX) return; // the default: nothing to count
    let bytes = 0;
    for (let i = 0; i < frames.length; i++) bytes += (frames[i] as Buffer).length; // i < length
    if (bytes > limit) {
      fail(
        'EINVAL',
        `A message of this context has at most ${limit} bytes; got ${bytes}. Raise context.maxMessageSize.`,
      );
    }
  }

  static {
    lendSend = (prototype) => {
      Object.assign(prototype, {
        send(this: Socket, message: MessageLike | MessageLike[]): Promise<void> {
          try {
            return this.sendFrames(toMessage(message));
          } catch (error) {
            return Promise.reject(error);
          }
        },
      });
    };
    lendReceive = (prototype) => {
      Object.assign(prototype, {
        receive(this: Socket): Promise<Message> {
          return this.receiveFrames();
        },
        [Symbol.asyncIterator](this: Socket & Readable): AsyncIterator<unknown, undefined> {
          return iterate(this);
        },
      });
    };
  }
}

/** Gives a socket class zeromq.js's `send()` and the options of senders. */
export function defineWritable(prototype: Socket & Writable): void {
  lendSend(prototype);
  defineOptionProperties(prototype, WRITABLE_OPTION_NAMES);
}

/** Gives a socket class zeromq.js's `receive()`, its iterator and the options of receivers. */
export function defineReadable(prototype: Socket & Readable): void {
  lendReceive(prototype);
  defineOptionProperties(prototype, READABLE_OPTION_NAMES);
}

/** The pattern's order of sends and receives says "not now", which passes: who can wait, waits, as with zeromq.js. */
function isOutOfTurn(error: unknown): error is TransportError {
  return error instanceof TransportError && error.code === 'EFSM';
}

/** Makes options readable and settable as properties, as zeromq.js has them. */
export function defineOptionProperties(prototype: Socket, names: readonly OptionName[]): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: false,
      get(this: Socket) {
        return shownOption(this.options, name);
      },
      set(this: Socket, value: unknown) {
        this.setOption(name, value);
      },
    });
  }
}

defineOptionProperties(Socket.prototype, COMMON_OPTION_NAMES);
