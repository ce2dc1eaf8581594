/**
 * The gateway's way to the queues of a service: opens exchanges there, whole or streamed, and tells what comes back.
 *
 *   request  [id(6)][control][frames...]             then [id][part, more?][bytes][trailers?] ..., [id][grant], [id][cancel]
 *   reply    [id(6)][empty or control][frames...]    then the same
 *
 * It owns each exchange until its one end: the reply's, an error, or a cancellation. It connects to the gateway endpoints of one
 * queue or several, and gives an exchange to the queue that has the fewest of its own. What it holds is bounded by
 * `maxExchanges`, each with one window in either direction and one message of up to `maxMessageSize`. An exchange whose queue is
 * lost fails at once: only the one who opened it knows whether it may be done again.
 */

import type { Pipe } from '@zscale/transport';
import { ZscaleError } from '../errors.ts';
import { announce } from '../messages/announcement.ts';
import { sizeOf } from '../messages/frames.ts';
import type { Codec } from '../messages/payload.ts';
import { socketLimits } from '../messages/size-limits.ts';
import { Waiters } from '../waiting.ts';
import {
  ID_BYTES,
  OpenExchange,
  type Refusal,
  RefusedExchange,
  type UpstreamExchange,
  type UpstreamRequest,
  type UpstreamSink,
} from './upstream-exchange.ts';
import { UpstreamSocket } from './upstream-socket.ts';

export type { UpstreamExchange, UpstreamRequest, UpstreamSink } from './upstream-exchange.ts';

/** What an upstream is made from. */
export interface UpstreamOptions {
  /** Gateway endpoints of one queue or several; each is connected to for as long as the upstream lives. */
  readonly endpoints: readonly string[];
  /** Of the service: error replies are read by it. */
  readonly codec: Codec;
  /** Largest message taken or sent, in bytes; Infinity for no limit. */
  readonly maxMessageSize: number;
  /** Exchanges open at once; beyond it `open` ends with `ZSCALE_ERR_BUSY`. Default 65 536. */
  readonly maxExchanges?: number;
}

/** Counters of an upstream. */
export interface UpstreamStats {
  /** Exchanges that were opened. */
  readonly exchanges: number;
  /** Those that are not over. */
  readonly open: number;
  /** Messages whose exchange was over. */
  readonly late: number;
  /** Exchanges that ended because the service broke the rules of streams. */
  readonly faults: number;
}

const MAX_EXCHANGES = 65_536;
const RECONNECT_MAX_MS = 2000;
const LINGER_MS = 1000;
/** Ids begin anew after so many. */
const IDS = 2 ** (8 * ID_BYTES);

const CLOSED = 'The upstream was closed.';

/** A gateway's connections to the queues of a service. */
export class Upstream {
  readonly #socket: UpstreamSocket;
  readonly #endpoints: readonly string[];
  readonly #maxMessageSize: number;
  readonly #maxExchanges: number;
  readonly #waiters = new Waiters();
  #number = 0;
  #exchanges = 0;
  #isDraining = false;
  #isClosed = false;

  constructor(options: UpstreamOptions) {
    const { codec, endpoints, maxMessageSize, maxExchanges = MAX_EXCHANGES } = options;
    this.#endpoints = endpoints;
    this.#maxMessageSize = maxMessageSize;
    this.#maxExchanges = maxExchanges;
    this.#socket = new UpstreamSocket(
      codec,
      {
        immediate: true, // an exchange belongs to one connection
        linger: LINGER_MS,
        sendHighWaterMark: 0, // bounded by the windows of `maxExchanges`
        reconnectMaxInterval: RECONNECT_MAX_MS,
        ...socketLimits(maxMessageSize),
        metadata: announce({ maxMessageSize }),
      },
      () => this.#waiters.look(),
    );
  }

  /**
   * Connects, and stays connected until it is closed. Resolves when the first queue is there.
   *
   * @throws (rejects) TransportError as `Socket.connect`; ZscaleError `ZSCALE_ERR_CLOSED` when it is closed before.
   */
  async start(): Promise<void> {
    for (const endpoint of this.#endpoints) this.#socket.connect(endpoint);
    await this.#waiters.until(() => this.#socket.writable || this.#isClosed);
    if (this.#isClosed) throw new ZscaleError('ZSCALE_ERR_CLOSED', CLOSED);
  }

  /** A snapshot. */
  stats(): UpstreamStats {
    const { open, late, faults } = this.#socket;
    return { exchanges: this.#exchanges, open, late, faults };
  }

  /**
   * Opens an exchange. Never throws for load or loss: `sink.onError` is called then, when the caller's turn is over, with
   * `ZSCALE_ERR_BUSY` for more than `maxExchanges`, `ZSCALE_ERR_CONNECTION_LOST` when no queue is connected, `EMSGSIZE` for a
   * first message over `maxMessageSize`, `ZSCALE_ERR_STOPPING` or `ZSCALE_ERR_CLOSED` at the end, or with what the service says.
   */
  open(request: UpstreamRequest, sink: UpstreamSink): UpstreamExchange {
    const queue = this.#queueFor(request);
    if ('code' in queue) return new RefusedExchange(sink, queue);
    this.#number = (this.#number + 1) % IDS;
    this.#exchanges += 1;
    const exchange = new OpenExchange(
      this.#socket,
      this.#number,
      queue,
      request,
      sink,
      this.#maxMessageSize,
    );
    this.#socket.opened(exchange);
    return exchange;
  }

  /** Opens nothing more; resolves when nothing is open. */
  drain(): Promise<void> {
    this.#isDraining = true;
    return this.#waiters.until(() => this.#socket.open === 0);
  }

  /** Ends what is open with ZSCALE_ERR_CLOSED, and the connections. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket.failAll('ZSCALE_ERR_CLOSED', CLOSED);
    this.#waiters.look();
    this.#socket.close();
    await this.#socket.ended;
  }

  /** Where a request goes, or why nowhere. */
  #queueFor({ frames, more }: UpstreamRequest): Pipe | Refusal {
    if (this.#isClosed) return { code: 'ZSCALE_ERR_CLOSED', text: CLOSED };
    if (this.#isDraining) {
      return {
        code: 'ZSCALE_ERR_STOPPING',
        text: 'The gateway is stopping and takes nothing new.',
      };
    }
    const queue = this.#socket.nextQueue();
    if (queue === undefined) {
      return {
        code: 'ZSCALE_ERR_CONNECTION_LOST',
        text: 'The gateway is not connected to the service. Try again; if it lasts, look whether the service runs.',
      };
    }
    if (this.#socket.open >= this.#maxExchanges) {
      return {
        code: 'ZSCALE_ERR_BUSY',
        text: `${this.#maxExchanges} exchanges are open already (maxExchanges). Try again later.`,
      };
    }
    const size = more ? (frames[0]?.length ?? 0) : sizeOf(frames);
    if (size <= this.#maxMessageSize) return queue;
    return {
      code: 'EMSGSIZE',
      text: `A request may have ${this.#maxMessageSize} bytes (maxMessageSize); this one has ${size}. Send less, or raise maxMessageSize.`,
    };
  }
}
