/**
 * Reads the body of one request: whole where that is short, else in parts, as fast as its worker takes it.
 *
 *     gathering --> whole                       a length that is known and short, or all of it came at once
 *         |
 *         +-------> streaming --> ended         everything else
 *                       |
 *                       +-------> discarding    nobody wants the rest
 *
 * A short body that comes slowly holds no worker meanwhile, and one that is whole can be given to another worker when its own is
 * lost.
 */

import type { IncomingMessage } from 'node:http';

/** The longest body that is gathered, in bytes. */
const GATHER_BYTES = 64 * 1024;

/** Whoever passes the body on. Called from the event loop, never from inside `start`, but for `bodyWhole` of an empty one. */
export interface BodySink {
  /** So many bytes more are kept until the rest comes. May lead to `discard`. */
  bodyGathers(bytes: number): void;
  /** All there is, once; undefined for nothing. */
  bodyWhole(bytes: Buffer | undefined): void;
  /** More than is gathered; parts follow. */
  bodyBegins(bytes: Buffer | undefined): void;
  /** @returns false to hear no more until `resume` */
  bodyPart(bytes: Buffer): boolean;
  /** @param rawTrailers name, value, name, value ... */
  bodyEnds(rawTrailers: readonly string[]): void;
  /** It is longer than it may be. Nothing more is told. */
  bodyTooLarge(): void;
}

/** What is known of a body before it is read. */
export interface BodyPlan {
  /** Bytes; undefined when it is chunked. */
  readonly contentLength: number | undefined;
  readonly maxBodySize: number;
  /** The client waits to be told that it may send (Expect: 100-continue): nothing is gathered. */
  readonly isAwaited: boolean;
  /** It is gathered whatever its length. */
  readonly isWhole: boolean;
}

/** The body of one request. */
export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #sink: BodySink;
  readonly #plan: BodyPlan;
  #state: 'gathering' | 'streaming' | 'ended' | 'discarding';
  #gathered: Buffer[];
  #bytes: number;

  constructor(request: IncomingMessage, sink: BodySink, plan: BodyPlan) {
    this.#request = request;
    this.#sink = sink;
    this.#plan = plan;
    this.#state = 'gathering';
    this.#gathered = [];
    this.#bytes = 0;
  }

  /** Bytes that came. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether all of it came. */
  get isOver(): boolean {
    return this.#plan.contentLength === 0 || this.#request.complete;
  }

  /** Whether more is expected from the client now. */
  get isReading(): boolean {
    return !this.#request.complete && !this.#request.isPaused() && this.#state !== 'ended';
  }

  /** Begins to read. */
  start(): void {
    const { contentLength, isAwaited, isWhole, maxBodySize } = this.#plan;
    if (contentLength === 0) {
      this.#state = 'ended';
      this.#sink.bodyWhole(undefined);
      return;
    }
    if (contentLength !== undefined && contentLength > maxBodySize) {
      this.discard();
      this.#sink.bodyTooLarge();
      return;
    }
    this.#request.on('data', (bytes: Buffer) => this.#onData(bytes));
    this.#request.on('end', () => this.#onEnd());
    if (isWhole) return;
    if (isAwaited) this.#stream();
    // What came together with the head is read by then.
    else if (contentLength === undefined || contentLength > GATHER_BYTES) {
      setImmediate(() => {
        if (this.#state === 'gathering' && !this.#request.destroyed) this.#stream();
      });
    }
  }

  /** Goes on after `bodyPart` said false. */
  resume(): void {
    this.#request.resume();
  }

  /** The rest is read and thrown away: the connection can be used again only behind it. */
  discard(): void {
    if (this.#state === 'ended') return;
    this.#state = 'discarding';
    this.#gathered = [];
    this.#request.resume();
  }

  #onData(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#state === 'discarding') return;
    if (this.#bytes > this.#plan.maxBodySize) {
      this.discard();
      this.#sink.bodyTooLarge();
    } else if (this.#state === 'streaming') {
      if (!this.#sink.bodyPart(bytes)) this.#request.pause();
    } else {
      this.#gathered.push(bytes);
      if (!this.#request.complete) this.#sink.bodyGathers(bytes.length);
      if (this.#state !== 'gathering') return;
      if (this.#bytes > GATHER_BYTES && !this.#plan.isWhole) this.#stream();
    }
  }

  #onEnd(): void {
    const { rawTrailers } = this.#request;
    if (this.#state === 'gathering' && (rawTrailers.length === 0 || this.#plan.isWhole)) {
      this.#state = 'ended';
      this.#sink.bodyWhole(this.#take());
      return;
    }
    if (this.#state === 'gathering') this.#stream();
    if (this.#state !== 'streaming') return;
    this.#state = 'ended';
    this.#sink.bodyEnds(rawTrailers);
  }

  #stream(): void {
    this.#state = 'streaming';
    this.#sink.bodyBegins(this.#take());
  }

  #take(): Buffer | undefined {
    const gathered = this.#gathered;
    this.#gathered = [];
    return gathered.length > 1 ? Buffer.concat(gathered) : gathered[0];
  }
}
