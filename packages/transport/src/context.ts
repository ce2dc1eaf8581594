/**
 * A context: the scope of inproc names, of the ZAP handler and of a few defaults (zmq_ctx_set(3)). There are no I/O threads
 * behind it; options that are about them are accepted and have no effect.
 *
 * The default context is the one that the threads of a process share: what is bound to `inproc://` in one thread can be
 * connected from another. A context that a program makes itself belongs to its thread.
 */

import { availableParallelism } from 'node:os';
import { Blocks } from './blocks.ts';
import { BusyPoll } from './busy-poll.ts';
import { fail, failType } from './errors.ts';
import { boolean, type Check, integer, number } from './option-checks.ts';
import { Slab } from './slab.ts';

/** What `new Context()` takes. Each is also a property. */
export interface ContextOptions {
  /** When false, sockets made from then on have a `linger` of 0 unless they say otherwise. Default true. `ZMQ_BLOCKY`. */
  blocky?: boolean;
  /** Without effect: there are no I/O threads. 0 or more, default 1. `ZMQ_IO_THREADS`. */
  ioThreads?: number;
  /** Largest message that sockets of this context send, in bytes over all frames; a larger one fails with EINVAL. Default 2147483647. `ZMQ_MAX_MSGSZ`. */
  maxMessageSize?: number;
  /** Sockets that may be open at once; one more fails with EMFILE. 1 to `maxSocketsLimit`, default 1023. `ZMQ_MAX_SOCKETS`. */
  maxSockets?: number;
  /** The default of the option `ipv6` of sockets made from then on. Default false. `ZMQ_IPV6`. */
  ipv6?: boolean;
  /**
   * How long a `receive()` that has to wait may keep the event loop turning instead of letting the process sleep, in ms: a reply that
   * comes soon is then there without the system waking anybody. Sockets whose messages do not come soon do not do it. 0 for
   * never, up to 1000. Default 0.1; 0 on a machine with one CPU. Not in libzmq.
   */
  busyPoll?: number;
  /** Without effect. 0 or more. `ZMQ_THREAD_PRIORITY`. */
  threadPriority?: number;
  /** Without effect. 0 or more. `ZMQ_THREAD_SCHED_POLICY`. */
  threadSchedulingPolicy?: number;
}

const MAX_SOCKETS_LIMIT = 65_535;
const BUSY_POLL_MS = 0.1;
const BUSY_POLL_MAX_MS = 1000;

const CHECKS: Readonly<Record<keyof ContextOptions, Check>> = {
  blocky: boolean,
  ioThreads: integer(0),
  maxMessageSize: integer(0),
  maxSockets: integer(1, MAX_SOCKETS_LIMIT),
  ipv6: boolean,
  busyPoll: number(0, BUSY_POLL_MAX_MS),
  threadPriority: integer(0),
  threadSchedulingPolicy: integer(0),
};

export interface Context extends Required<ContextOptions> {}

/** The scope of sockets; see the top of the file. */
export class Context {
  readonly #values: Required<ContextOptions> = {
    blocky: true,
    ioThreads: 1,
    maxMessageSize: 0x7fff_ffff,
    maxSockets: 1023,
    ipv6: false,
    busyPoll: availableParallelism() > 1 ? BUSY_POLL_MS : 0, // with one CPU the peer could not run meanwhile
    threadPriority: -1,
    threadSchedulingPolicy: -1,
  };
  /** For sockets: what keeps the event loop turning. */
  readonly poll: BusyPoll = new BusyPoll();
  /** For connections: where batches are put together. */
  readonly slab: Slab = new Slab();
  /** Memory of large frames that its connections pass on. */
  readonly blocks: Blocks = new Blocks();
  #sockets = 0;

  /**
   * @throws TransportError `EINVAL` for a value out of range.
   * @throws TypeError for a wrong type or an unknown option.
   */
  constructor(options: ContextOptions = {}) {
    this.poll.limit = this.#values.busyPoll;
    for (const [name, value] of Object.entries(options)) {
      if (!Object.hasOwn(CHECKS, name))
        failType(`A context has no option ${JSON.stringify(name)}.`);
      if (value !== undefined) this.#set(name as keyof ContextOptions, value); // own key of CHECKS
    }
  }

  /** The largest value of `maxSockets`. `ZMQ_SOCKET_LIMIT`. */
  get maxSocketsLimit(): number {
    return MAX_SOCKETS_LIMIT;
  }

  /** Sockets that are open. */
  get sockets(): number {
    return this.#sockets;
  }

  /** For sockets: one more is open. @throws TransportError `EMFILE`. */
  socketOpened(): void {
    if (this.#sockets >= this.#values.maxSockets) {
      fail(
        'EMFILE',
        `Too many open files: ${this.#sockets} sockets are open in this context. Close some, or raise context.maxSockets.`,
      );
    }
    this.#sockets += 1;
  }

  /** For sockets: one was closed. */
  socketClosed(): void {
    this.#sockets -= 1;
  }

  #set(name: keyof ContextOptions, value: unknown): void {
    CHECKS[name](name, value);
    Object.assign(this.#values, { [name]: value });
    this.poll.limit = this.#values.busyPoll;
  }

  static {
    for (const name of Object.keys(CHECKS) as (keyof ContextOptions)[]) {
      Object.defineProperty(Context.prototype, name, {
        get(this: Context) {
          return this.#values[name];
        },
        set(this: Context, value: unknown) {
          this.#set(name, value);
        },
      });
    }
  }
}

/** What sockets belong to that were given no other. */
export const context: Context = new Context();
