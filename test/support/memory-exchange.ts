/**
 * An exchange without a queue: gives a handler one request, part by part, and keeps what it replies. It holds the handler to the rules
 * that a worker's exchange has: no message after the last one, heads before parts, nothing beyond the window.
 */
import type { Exchange, ExchangeSink } from '../../packages/core/src/handlers/exchange.ts';
import { RequestContext, RequestHost } from '../../packages/core/src/handlers/request-context.ts';
import type { Logger } from '../../packages/core/src/logger.ts';
import {
  decodeResponseHead,
  decodeTrailers,
  encodeRequestHead,
  encodeTrailers,
  type RequestHead,
  type ResponseHead,
} from '../../packages/core/src/messages/http-message.ts';
import { until } from './until.ts';

const HOST = new RequestHost({ id: 0, pid: process.pid, service: 'test' }, Infinity, () => {
  throw new Error('nobody logs here');
});

/** Keeps what a handler logs. */
function hostOf(logged: unknown[]): RequestHost {
  const logger = {
    error: (facts: unknown) => logged.push(facts),
    child: () => logger,
  } as unknown as Logger; // as much of one as handlers of tests use
  return new RequestHost({ id: 0, pid: process.pid, service: 'test' }, Infinity, () => logger);
}

/** What was asked; what is left out is a plain GET without a body. */
export interface Asked extends Partial<RequestHead> {
  readonly body?: string | Buffer;
  /** Further parts follow by `part` and `end`. */
  readonly more?: boolean;
  /** How many bytes of a reply are taken before somebody calls `open`. Default: all. */
  readonly window?: number;
  /** Gets what the handler logs. Default: it must not. */
  readonly logged?: unknown[];
}

/** One request, and what came of it. */
export class MemoryExchange implements Exchange {
  readonly head: Buffer;
  readonly body: Buffer | undefined;
  readonly frames: readonly Buffer[];
  readonly isWhole: boolean;
  readonly context: RequestContext;
  sink: ExchangeSink | undefined;
  /** Heads before the one that counts. */
  readonly informational: ResponseHead[] = [];
  response: ResponseHead | undefined;
  readonly parts: Buffer[] = [];
  trailers: string[] | undefined;
  messages = 0;
  granted = 0;
  isEnded = false;
  error: unknown;
  #window: number;

  constructor(asked: Asked = {}) {
    const { body, more = false, window = Infinity, logged } = asked;
    const host = logged === undefined ? HOST : hostOf(logged);
    this.head = encodeRequestHead({
      method: 'GET',
      target: '/',
      httpVersion: '1.1',
      isUpgrade: false,
      isEncrypted: false,
      remoteAddress: '10.1.2.3',
      remotePort: 5678,
      localAddress: '10.0.0.1',
      localPort: 80,
      rawHeaders: ['Host', 'test'],
      ...asked,
    });
    this.body = body === undefined ? undefined : Buffer.from(body);
    this.frames = this.body === undefined ? [this.head] : [this.head, this.body];
    this.isWhole = !more;
    this.context = new RequestContext(host, undefined, performance.now(), undefined);
    this.#window = window;
  }

  /** Gives the request to a handler; resolves at once. */
  give(handler: { accept(exchange: Exchange): void }): this {
    handler.accept(this);
    return this;
  }

  grant(bytes: number): void {
    this.granted += bytes;
  }

  interim(head: Buffer): void {
    if (this.response !== undefined) throw new Error('a head after the head');
    this.informational.push(decodeResponseHead(head));
  }

  reply(frames: Buffer[], isPart: boolean, more: boolean): boolean {
    if (this.isEnded) throw new Error('a message after the last one');
    if (this.#window <= 0) throw new Error('a message beyond the window');
    if (isPart && this.response === undefined) throw new Error('a part before a head');
    if (!isPart && this.response !== undefined) throw new Error('a head after a head');
    this.messages += 1;
    const [head] = frames;
    const [bytes, trailers] = isPart ? frames : frames.slice(1);
    if (!isPart) {
      this.response = decodeResponseHead(head ?? Buffer.alloc(0));
    }
    if (bytes === undefined) throw new Error('a message without a body');
    if (bytes.length > 0) this.parts.push(Buffer.from(bytes));
    if (trailers !== undefined) this.trailers = decodeTrailers(trailers);
    this.#window -= bytes.length;
    this.isEnded = !more;
    return this.#window > 0;
  }

  fail(error: unknown): void {
    if (this.isEnded) return;
    this.error = error;
    this.isEnded = true;
  }

  part(bytes: string | Buffer): void {
    this.sink?.onPart(Buffer.from(bytes));
  }

  end(trailers?: string[]): void {
    this.sink?.onEnd(trailers === undefined ? undefined : encodeTrailers(trailers));
  }

  /** The reader took so much. */
  open(bytes: number): void {
    this.#window += bytes;
    this.sink?.onWindow();
  }

  /** The client went. */
  abort(): void {
    this.context.cancel();
    this.isEnded = true;
    this.sink?.onAbort(new Error('cancelled'));
  }

  get text(): string {
    return Buffer.concat(this.parts).toString('latin1');
  }

  /** The values of a header of the response. */
  header(name: string): string[] {
    const raw = this.response?.rawHeaders ?? [];
    return raw.filter((_value, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name);
  }

  /** Resolves when the reply has ended. */
  async ended(): Promise<this> {
    await until(() => this.isEnded);
    return this;
  }
}
