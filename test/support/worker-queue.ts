/*
 * A queue with its clients and workers in one process: codec raw unless a test says otherwise, no
 * limits that a test did not ask for, and a log that is kept.
 */
import { Dealer, Reply, Request } from '@zscale/transport';
import { type Client, type ClientOptions, connect } from '../../packages/core/src/client.ts';
import {
  type RequestContext,
  RequestHost,
} from '../../packages/core/src/handlers/request-context.ts';
import type { Logger } from '../../packages/core/src/logger.ts';
import { createCodec } from '../../packages/core/src/messages/payload.ts';
import {
  WorkerQueue,
  type WorkerQueueOptions,
} from '../../packages/core/src/queue/worker-queue.ts';
import {
  WorkerSocket,
  type WorkerSocketOptions,
} from '../../packages/core/src/worker/worker-socket.ts';
import { closing } from './closing.ts';
import { TCP_WILDCARD } from './endpoints.ts';
import { texts } from './hex.ts';
import { until, within } from './until.ts';

/** READY of a REP, and of a DEALER, that announce `X-Zscale: 1`. */
export const READY_ZSCALE = {
  REP: '04 27 05 5245414459 0b 536f636b65742d54797065 00000003 524550 08 582d5a7363616c65 00000001 31',
  DEALER:
    '04 2a 05 5245414459 0b 536f636b65742d54797065 00000006 4445414c4552 08 582d5a7363616c65 00000001 31',
} as const;

/** The control frame that marks an error, as docs/reference/messages.md has it. */
export const ERROR_MARK = '81a56572726f72c3';

/** One line of a log. */
export interface LogLine {
  readonly level: string;
  readonly facts: object;
  readonly text: string;
}

/** A logger that keeps what it is told. */
export function recordingLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (facts: object | string, text = ''): void => {
      lines.push(
        typeof facts === 'string' ? { level, facts: {}, text: facts } : { level, facts, text },
      );
    };
  const logger: Logger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: () => logger,
  };
  return { logger, lines };
}

/** A queue that listens, closed when the test ends. */
export async function startQueue(options: Partial<WorkerQueueOptions> = {}): Promise<WorkerQueue> {
  const queue = new WorkerQueue({
    bind: [TCP_WILDCARD],
    backend: [TCP_WILDCARD],
    codec: createCodec('raw'),
    maxQueue: Infinity,
    maxQueueBytes: Infinity,
    maxQueueWait: Infinity,
    timeout: Infinity,
    maxMessageSize: Infinity,
    maxUnsentBytes: Infinity,
    balance: 'least',
    key: undefined,
    pools: [],
    retries: 0,
    logger: recordingLogger().logger,
    ...options,
  });
  await queue.start();
  return closing(queue);
}

/** Where clients of this queue connect. */
export function frontOf(queue: WorkerQueue): string {
  return queue.endpoints[0] ?? '';
}

/** Where workers of this queue connect. */
export function backOf(queue: WorkerQueue): string {
  return queue.backendEndpoints[0] ?? '';
}

/** Connects a socket to the back end, and waits until the queue knows it. */
async function joined<T extends { connect(endpoint: string): void }>(
  queue: WorkerQueue,
  socket: T,
): Promise<T> {
  const before = queue.stats().workers.length;
  socket.connect(backOf(queue));
  await until(() => queue.stats().workers.length > before, 'the queue to know the worker');
  return socket;
}

/** A plain REP worker that the test makes answer by hand. */
export function plainWorker(queue: WorkerQueue): Promise<Reply> {
  return joined(queue, closing(new Reply()));
}

/** Answers every request until the socket is closed. */
export function serve(
  worker: Reply,
  answer: (body: readonly string[]) => string | string[] = ([text = '']) => `${text}!`,
): void {
  void (async () => {
    for await (const message of worker) await worker.send(answer(texts(message)));
  })().catch(() => {}); // EAGAIN: the socket was closed with a request in its hands
}

/** What a test's handler does. */
export type Handle = (request: Buffer[], context: RequestContext) => Buffer[] | Promise<Buffer[]>;

/** What contexts of requests are made from: worker 0 of a service with this `timeout`, in ms. */
export function requestHost(
  timeout = Infinity,
  { workerId = 0, logger = recordingLogger().logger }: { workerId?: number; logger?: Logger } = {},
): RequestHost {
  const worker = { id: workerId, pid: process.pid, service: 'zscale' };
  return new RequestHost(worker, timeout, () => logger);
}

/** Options of a worker's socket, and the number it says. */
export type WorkerOptions = Partial<WorkerSocketOptions> & { readonly workerId?: number };

/** A zscale worker that is not connected yet. */
export function workerSocket(
  handle: Handle,
  { workerId = 0, ...options }: WorkerOptions = {},
): WorkerSocket {
  return closing(
    new WorkerSocket({
      host: requestHost(Infinity, { workerId }),
      generation: workerId ?? 0,
      concurrency: 64,
      codec: createCodec('raw'),
      handler: { handle },
      maxMessageSize: Infinity,
      onConnected: () => {},
      ...options,
    }),
  );
}

/** A zscale worker of this queue. */
export function zscaleWorker(
  queue: WorkerQueue,
  handle: Handle,
  options: WorkerOptions = {},
): Promise<WorkerSocket> {
  return joined(queue, workerSocket(handle, options));
}

/** The handler that puts `!` behind what it gets. */
export const shout: Handle = ([body = Buffer.alloc(0)]) => [
  Buffer.concat([body, Buffer.from('!')]),
];

/** Requests that are in a handler's hands until the test answers them. */
export class HeldRequests {
  readonly texts: string[] = [];
  readonly #settle: Array<(body: Buffer[]) => void> = [];

  readonly handle: Handle = ([body = Buffer.alloc(0)]) =>
    new Promise((resolve) => {
      this.texts.push(body.toString());
      this.#settle.push(resolve);
    });

  /** Requests not answered yet. */
  get length(): number {
    return this.#settle.length;
  }

  /** Answers the one that waits longest. */
  answer(text: string): void {
    this.#settle.shift()?.([Buffer.from(text)]);
  }
}

/** A REQ client of this queue. */
export function reqClient(queue: WorkerQueue): Request {
  const client = closing(new Request());
  client.connect(frontOf(queue));
  return client;
}

/** Asks, and gives the reply as text. */
export async function ask(client: Request, body: string | string[]): Promise<string[]> {
  await client.send(body);
  return texts(await within(client.receive(), `the reply to ${body}`));
}

/** A DEALER client of this queue, without a high-water mark. */
export function dealerClient(queue: WorkerQueue): Dealer {
  const client = closing(new Dealer({ sendHighWaterMark: 0 }));
  client.connect(frontOf(queue));
  return client;
}

/** A client made by connect(), closed when the test ends. Bytes in, bytes out. */
export function zscaleClient(
  endpoints: string | readonly string[],
  options: ClientOptions = {},
): Client<(body: string | string[] | Buffer) => Buffer | Buffer[]> {
  return closing(connect(endpoints, { codec: 'raw', ...options }));
}

/** What a promise was rejected with. */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`should have failed, and gave ${String(value)}`);
    },
    (error: unknown) => error,
  );
}
