/*
 * Both ends of streamed exchanges: a queue with a gateway endpoint, an upstream of it, a sink that keeps what it is told, and a
 * handler that hands its exchanges to the test.
 */
import { randomUUID } from 'node:crypto';
import {
  Upstream,
  type UpstreamExchange,
  type UpstreamOptions,
  type UpstreamRequest,
  type UpstreamSink,
} from '../../packages/core/src/gateway/upstream.ts';
import type { Exchange, ExchangeSink } from '../../packages/core/src/handlers/exchange.ts';
import type { RequestHandler } from '../../packages/core/src/handlers/handler.ts';
import { createCodec } from '../../packages/core/src/messages/payload.ts';
import type {
  WorkerQueue,
  WorkerQueueOptions,
} from '../../packages/core/src/queue/worker-queue.ts';
import type { WorkerSocket } from '../../packages/core/src/worker/worker-socket.ts';
import { closing } from './closing.ts';
import { until } from './until.ts';
import { startQueue, type WorkerOptions, zscaleWorker } from './worker-queue.ts';

/** A queue, and where its gateways connect. */
export async function startGatewayQueue(
  options: Partial<WorkerQueueOptions> = {},
): Promise<{ readonly queue: WorkerQueue; readonly gatewayEndpoint: string }> {
  const gatewayEndpoint = options.gatewayEndpoint ?? `inproc://gateway-${randomUUID()}`;
  const queue = await startQueue({ ...options, gatewayEndpoint });
  return { queue, gatewayEndpoint };
}

/** An upstream that is connected, closed when the test ends. */
export async function startUpstream(
  endpoints: string | readonly string[],
  options: Partial<UpstreamOptions> = {},
): Promise<Upstream> {
  const upstream = closing(
    new Upstream({
      endpoints: typeof endpoints === 'string' ? [endpoints] : endpoints,
      codec: createCodec('raw'),
      maxMessageSize: Infinity,
      ...options,
    }),
  );
  await upstream.start();
  return upstream;
}

/** Keeps what it is told of an exchange. Grants what it gets, unless it was made to read by hand. */
export class RecordingUpstreamSink implements UpstreamSink {
  readonly interims: string[] = [];
  head: string | undefined = undefined;
  readonly chunks: Buffer[] = [];
  bytes = 0;
  trailers: string | undefined = undefined;
  hasEnded = false;
  windows = 0;
  error: string | undefined = undefined;
  errorText = '';
  /** Everything it was told, in order. */
  readonly told: string[] = [];
  exchange: UpstreamExchange | undefined = undefined;
  readonly #reads: boolean;
  readonly #keeps: boolean;

  constructor({ reads = true, keeps = true } = {}) {
    this.#reads = reads;
    this.#keeps = keeps;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get isOver(): boolean {
    return this.hasEnded || this.error !== undefined;
  }

  onInterim(head: Buffer): void {
    this.told.push(`interim ${head}`);
    this.interims.push(head.toString());
  }

  onHead([head, bytes, trailers]: Buffer[], ended: boolean): void {
    this.told.push('head');
    this.head = head?.toString();
    if (bytes !== undefined && bytes.length > 0) this.#read(bytes);
    if (ended) this.onEnd(trailers);
  }

  onPart(bytes: Buffer): void {
    this.told.push('part');
    this.#read(bytes);
  }

  onEnd(trailers: Buffer | undefined): void {
    this.told.push('end');
    this.hasEnded = true;
    this.trailers = trailers?.toString();
  }

  onWindow(): void {
    this.windows += 1;
  }

  onError(code: string, message: string): void {
    this.told.push(`error ${code}`);
    this.error = code;
    this.errorText = message;
  }

  #read(bytes: Buffer): void {
    this.bytes += bytes.length;
    if (this.#keeps) this.chunks.push(bytes);
    if (this.#reads) this.exchange?.grant(bytes.length);
  }
}

/** Opens an exchange, and keeps what comes of it. */
export function open(
  upstream: Upstream,
  frames: readonly string[],
  request: Partial<UpstreamRequest> = {},
  sink: RecordingUpstreamSink = new RecordingUpstreamSink(),
): { readonly sink: RecordingUpstreamSink; readonly exchange: UpstreamExchange } {
  const exchange = upstream.open(
    { frames: frames.map((frame) => Buffer.from(frame)), more: false, ...request },
    sink,
  );
  sink.exchange = exchange;
  return { sink, exchange };
}

/** An exchange in a handler's hands, and what the handler was told of it. */
export class HeldExchange implements ExchangeSink {
  readonly exchange: Exchange;
  readonly chunks: Buffer[] = [];
  bytes = 0;
  trailers: string | undefined = undefined;
  hasEnded = false;
  windows = 0;
  aborted: Error | undefined = undefined;
  readonly told: string[] = [];
  /** Whether what comes is granted at once. */
  reads = true;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
    if (exchange.body !== undefined) this.#read(exchange.body);
  }

  get head(): string {
    return this.exchange.head.toString();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  /** Sends a message of the reply. */
  reply(frames: readonly string[], { part = false, more = false } = {}): boolean {
    return this.exchange.reply(
      frames.map((frame) => Buffer.from(frame)),
      part,
      more,
    );
  }

  onPart(bytes: Buffer): void {
    this.told.push('part');
    this.#read(bytes);
  }

  onEnd(trailers: Buffer | undefined): void {
    this.told.push('end');
    this.hasEnded = true;
    this.trailers = trailers?.toString();
  }

  onWindow(): void {
    this.windows += 1;
  }

  onAbort(reason: Error): void {
    this.told.push('abort');
    this.aborted = reason;
  }

  #read(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.chunks.push(bytes);
    if (this.reads) this.exchange.grant(bytes.length);
  }
}

/** A handler whose exchanges the test answers. */
export class ExchangeHandler implements RequestHandler {
  readonly held: HeldExchange[] = [];

  handle(): never {
    throw new Error('a handler with accept() is not asked to handle');
  }

  accept(exchange: Exchange): void {
    const held = new HeldExchange(exchange);
    exchange.sink = held;
    this.held.push(held);
  }

  /** The exchange that came `n`th, from 0; waits for it. */
  async nth(n: number): Promise<HeldExchange> {
    await until(() => this.held.length > n, `exchange ${n} to reach the handler`);
    return this.held[n] as HeldExchange; // there are more than n
  }
}

/** A worker of this queue whose exchanges the test answers. */
export async function streamWorker(
  queue: WorkerQueue,
  options: WorkerOptions = {},
): Promise<{ readonly handler: ExchangeHandler; readonly worker: WorkerSocket }> {
  const handler = new ExchangeHandler();
  const worker = await zscaleWorker(queue, () => [], { handler, ...options });
  return { handler, worker };
}
