/**
 * An exchange of a worker that makes spans: passes everything on, and ends the span with the exchange.
 */

import type { Exchange, ExchangeSink } from '../handlers/exchange.ts';
import type { RequestContext } from '../handlers/request-context.ts';
import { decodeResponseHead } from '../messages/http-message.ts';
import { FAILED, type Span } from '../tracing/open-telemetry.ts';

const EMPTY: Buffer = Buffer.alloc(0);
const ERRORS_FROM = 500;
const CANCELLED = 'ZSCALE_ERR_CANCELLED';

/** See the top of the file. */
export class TracedExchange implements Exchange, ExchangeSink {
  readonly head: Buffer;
  readonly frames: readonly Buffer[];
  readonly #exchange: Exchange;
  readonly #span: Span;
  readonly #speaksHttp: boolean;
  #sink: ExchangeSink | undefined;
  #isOver: boolean;

  /** @param head what the handler finds in place of the exchange's own */
  constructor(exchange: Exchange, head: Buffer, span: Span, speaksHttp: boolean) {
    this.head = head;
    this.frames = [head, ...exchange.frames.slice(1)];
    this.#exchange = exchange;
    this.#span = span;
    this.#speaksHttp = speaksHttp;
    this.#sink = undefined;
    this.#isOver = false;
  }

  get body(): Buffer | undefined {
    return this.#exchange.body;
  }

  get isWhole(): boolean {
    return this.#exchange.isWhole;
  }

  get context(): RequestContext {
    return this.#exchange.context;
  }

  get sink(): ExchangeSink | undefined {
    return this.#sink;
  }

  set sink(sink: ExchangeSink | undefined) {
    this.#sink = sink;
    this.#exchange.sink = sink && this;
  }

  grant(bytes: number): void {
    this.#exchange.grant(bytes);
  }

  interim(head: Buffer): void {
    this.#exchange.interim(head);
  }

  reply(frames: Buffer[], isPart: boolean, more: boolean): boolean {
    if (!isPart && this.#speaksHttp) this.#tellStatus(frames[0] ?? EMPTY);
    if (!more) this.#end();
    return this.#exchange.reply(frames, isPart, more);
  }

  fail(error: unknown): void {
    this.failed(error);
    this.#exchange.fail(error);
  }

  // From the exchange.

  onPart(bytes: Buffer): void {
    this.#sink?.onPart(bytes);
  }

  onEnd(trailers: Buffer | undefined): void {
    this.#sink?.onEnd(trailers);
  }

  onWindow(): void {
    this.#sink?.onWindow();
  }

  onAbort(reason: Error): void {
    // A client that goes, as those of event streams do, is no fault.
    if (Reflect.get(reason, 'code') === CANCELLED) this.#end();
    else this.failed(reason);
    this.#sink?.onAbort(reason);
  }

  /** Ends the span: the handler failed, or nobody waits any more. */
  failed(thrown: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    fail(this.#span, thrown);
  }

  #tellStatus(head: Buffer): void {
    const { status } = decodeResponseHead(head);
    this.#span.setAttribute('http.response.status_code', status);
    if (status >= ERRORS_FROM) this.#span.setStatus({ code: FAILED });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#span.end();
  }
}

/** Ends the span of a request whose handler failed. */
export function fail(span: Span, thrown: unknown): void {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code: unknown = Reflect.get(error, 'code');
  span.recordException(error);
  span.setAttribute('error.type', typeof code === 'string' ? code : error.name);
  span.setStatus({ code: FAILED, message: error.message });
  span.end();
}
