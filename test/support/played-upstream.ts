/*
 * The queue as a gateway sees it, played by the test: what the gateway opens is there to look at, and the test says what comes
 * back.
 */
import { STATUS_CODES } from 'node:http';
import type { ExchangeOpener } from '../../packages/core/src/gateway/gateway-rules.ts';
import type {
  UpstreamExchange,
  UpstreamRequest,
  UpstreamSink,
} from '../../packages/core/src/gateway/upstream.ts';
import type { Control } from '../../packages/core/src/messages/control.ts';
import {
  decodeRequestHead,
  encodeResponseHead,
  encodeTrailers,
  type RequestHead,
} from '../../packages/core/src/messages/http-message.ts';
import { until } from './until.ts';

/** One exchange that the gateway opened. */
export class PlayedExchange implements UpstreamExchange {
  readonly request: UpstreamRequest;
  readonly #sink: UpstreamSink;
  readonly parts: Buffer[] = [];
  trailers: Buffer | undefined = undefined;
  hasEnded: boolean;
  isCancelled = false;
  granted = 0;
  /** What `send` returns. */
  window = true;

  constructor(request: UpstreamRequest, sink: UpstreamSink) {
    this.request = request;
    this.#sink = sink;
    const [, first] = request.frames;
    if (first !== undefined) this.parts.push(first);
    this.hasEnded = !request.more;
  }

  get head(): RequestHead {
    return decodeRequestHead(this.request.frames[0] ?? Buffer.alloc(0));
  }

  get control(): Control {
    return this.request.control ?? {};
  }

  /** The body as far as it came. */
  get body(): string {
    return Buffer.concat(this.parts).toString();
  }

  send(bytes: Buffer, more: boolean, trailers?: Buffer): boolean {
    if (bytes.length > 0) this.parts.push(bytes);
    this.trailers = trailers;
    this.hasEnded = !more;
    return this.window;
  }

  grant(bytes: number): void {
    this.granted += bytes;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  /** Answers with all of it. */
  reply(status: number, rawHeaders: string[] = [], body = '', trailers?: string[]): void {
    const head = headOf(status, rawHeaders);
    const frames = [head, Buffer.from(body)];
    if (trailers !== undefined) frames.push(encodeTrailers(trailers));
    this.#sink.onHead(frames, true);
  }

  /** Sends a head that is not the last. */
  interim(status: number, rawHeaders: string[] = []): void {
    this.#sink.onInterim(headOf(status, rawHeaders));
  }

  /** Begins an answer. */
  begin(status: number, rawHeaders: string[] = [], body?: string): void {
    const head = headOf(status, rawHeaders);
    this.#sink.onHead(body === undefined ? [head] : [head, Buffer.from(body)], false);
  }

  /** Replies as a handler of values does. */
  answer(...frames: Buffer[]): void {
    this.#sink.onHead(frames, true);
  }

  part(bytes: string | Buffer): void {
    this.#sink.onPart(Buffer.from(bytes));
  }

  end(trailers?: string[]): void {
    this.#sink.onEnd(trailers && encodeTrailers(trailers));
  }

  fail(code: string, message = 'it failed'): void {
    this.#sink.onError(code, message);
  }

  /** Opens the window again. */
  take(): void {
    this.window = true;
    this.#sink.onWindow();
  }
}

/** A queue with nothing behind it. */
export class PlayedUpstream implements ExchangeOpener {
  readonly exchanges: PlayedExchange[] = [];
  /** What happens to each exchange that is opened; default nothing. */
  onOpen: (exchange: PlayedExchange) => void = () => {};

  open(request: UpstreamRequest, sink: UpstreamSink): UpstreamExchange {
    const exchange = new PlayedExchange(request, sink);
    this.exchanges.push(exchange);
    setImmediate(() => this.onOpen(exchange));
    return exchange;
  }

  /** The nth exchange, from 0, as soon as it is there. */
  async exchange(n = 0): Promise<PlayedExchange> {
    return until(() => this.exchanges[n], `exchange ${n} of the gateway`);
  }
}

function headOf(status: number, rawHeaders: string[]): Buffer {
  return encodeResponseHead({ status, statusMessage: STATUS_CODES[status] ?? '', rawHeaders });
}
