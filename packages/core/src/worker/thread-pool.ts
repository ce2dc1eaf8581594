/**
 * Runs requests in threads of the worker process, one request in each thread at a time, so that the worker itself stays awake
 * and one runaway request can be ended without the others.
 *
 *   waiting --> running --> answered
 *      |           |
 *      |           +--> overdue --> its thread is ended     (cancelled or out of time, and GRACE_MS later still running)
 *      +--> answered                                        (cancelled before it was begun)
 *
 * Owns the only use of piscina. What a thread does is in `thread.ts`. Only a pool of one task per thread can end a task: piscina
 * ends the whole thread, and makes another.
 */

import { BroadcastChannel } from 'node:worker_threads';
import { Fifo } from '@zscale/transport';
import { Piscina } from 'piscina';
import { type ErrorReply, ZscaleError } from '../errors.ts';
import type { RequestHandler } from '../handlers/handler.ts';
import type { RequestContext } from '../handlers/request-context.ts';
import type { Control } from '../messages/control.ts';
import type { WorkerStart } from '../messages/process-message.ts';
import { doneWithin } from '../waiting.ts';
import { exposeMetrics } from './application-metrics.ts';
import { firstLines } from './report.ts';
import { type MetricsQuestion, ThreadMetrics } from './thread-metrics.ts';

/** What a thread is told when it starts. */
export interface ThreadData {
  readonly start: WorkerStart;
  /** Name of the channel of the pool, on which {@link ThreadWord}s are said. */
  readonly channel: string;
}

/** Said by the pool to all threads: the number of a request that was cancelled, or a question. By a thread: its id, once it is loaded. */
export type ThreadWord = number | MetricsQuestion | { readonly loaded: number };

/** What a thread is asked: to load its module, to send what it recorded, or to answer a request. */
export type ThreadTask =
  | { readonly type: 'load' }
  | { readonly type: 'flush' }
  | {
      readonly type: 'request';
      /** Its name between pool and thread. */
      readonly number: number;
      readonly body: readonly Uint8Array[];
      /** What the thread makes the request's context from. */
      readonly control: Control;
    };

/** What a thread answers. */
export type ThreadReply =
  | { readonly type: 'loaded'; readonly isIdempotent: boolean; readonly records: boolean }
  | { readonly type: 'flushed' }
  | { readonly type: 'reply'; readonly body: readonly Uint8Array[] }
  | { readonly type: 'error'; readonly error: ErrorReply };

/** Threads run what was built, also when this file is imported from the sources. */
const PROGRAM = new URL('../../dist/worker/thread-entry.cjs', import.meta.url).href;

/** How long a request may go on after it was cancelled or its time was up, in ms, before its thread is ended. */
const GRACE_MS = 1000;

/** How long threads may take to send what they recorded, in ms: one that does something else would never. */
const FLUSH_MS = 1500;

/** One request in the pool. */
interface Job {
  readonly number: number;
  readonly request: Buffer[];
  readonly context: RequestContext;
  readonly resolve: (body: Buffer[]) => void;
  readonly reject: (error: unknown) => void;
  /** Ends its thread. */
  readonly killer: AbortController;
  state: 'waiting' | 'running' | 'answered';
  timer: NodeJS.Timeout | undefined;
}

/** Threads that answer requests. */
export class ThreadPool implements RequestHandler {
  readonly #threads: number;
  readonly #module: string | undefined;
  readonly #pool: Piscina<ThreadTask, ThreadReply>;
  readonly #channel: BroadcastChannel;
  /** Threads that are loaded: one that replaces another is when it gets its first request. */
  readonly #loaded: Set<number>;
  readonly #waiting: Fifo<Job>;
  #running: number;
  #numbered: number;
  /** Whether the threads have an SDK of OpenTelemetry. */
  #records: boolean;
  #isClosed: boolean;

  constructor(start: WorkerStart) {
    const channel = `zscale-threads-${process.pid}`;
    const workerData: ThreadData = { start, channel };
    this.#threads = start.threads;
    this.#module = start.module;
    this.#pool = new Piscina<ThreadTask, ThreadReply>({
      filename: PROGRAM,
      minThreads: start.threads,
      maxThreads: start.threads,
      concurrentTasksPerWorker: 1,
      // Threads that block while they have no task would stop the module's own timers and connections.
      atomics: 'disabled',
      workerData,
    });
    this.#channel = new BroadcastChannel(channel);
    this.#channel.onmessage = (event: unknown): void => {
      const word = Reflect.get(Object(event), 'data') as { readonly loaded: number }; // threads say nothing else
      this.#loaded.add(word.loaded);
    };
    this.#channel.unref();
    this.#loaded = new Set();
    this.#waiting = new Fifo();
    this.#running = 0;
    this.#numbered = 0;
    this.#records = false;
    this.#isClosed = false;
    exposeMetrics(new ThreadMetrics(this, channel));
    this.#pool.on('error', warnOfThread);
    this.#pool.on('workerDestroy', () => setImmediate(() => this.#checkThreads()));
  }

  /**
   * Loads the handler module in every thread.
   *
   * @throws ZscaleError `ZSCALE_ERR_LOAD` when it cannot be loaded, as `load-module.ts` says it, and when it says which requests
   * may be done again, which nobody would ask
   */
  async load(): Promise<void> {
    const loading = Array.from({ length: this.#threads }, () => this.#pool.run({ type: 'load' }));
    const loaded = await Promise.all(loading).catch((error: unknown) =>
      refuse(`a thread ended while it loaded ${this.#module}: ${messageOf(error)}`),
    );
    for (const reply of loaded) {
      if (reply.type === 'error') throw new ZscaleError(reply.error.code, reply.error.message);
      if (reply.type !== 'loaded') continue;
      this.#records ||= reply.records;
      if (reply.isIdempotent) {
        refuse(
          'the handler has `idempotent`, which is not asked where it runs in threads: a thread that ends takes one request ' +
            'with it, and no other worker does that again. Leave out `threads`, or `idempotent`',
        );
      }
    }
  }

  /** @throws rejects with what the handler threw; ZscaleError `ZSCALE_ERR_WORKER_LOST` when its thread ended */
  handle(request: Buffer[], context: RequestContext): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      this.#numbered += 1;
      const job: Job = {
        number: this.#numbered,
        request,
        context,
        resolve,
        reject,
        killer: new AbortController(),
        state: 'waiting',
        timer: undefined,
      };
      const { signal } = context;
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      signal.addEventListener('abort', () => this.#cancel(job), { once: true });
      this.#waiting.push(job);
      this.#runNext();
    });
  }

  /** Has the threads send what they recorded; at once where they have no SDK. Those that are still at work are not waited for. */
  async flush(): Promise<void> {
    if (!this.#records) return;
    const flushing = Array.from({ length: this.#threads }, () => this.#pool.run({ type: 'flush' }));
    await doneWithin(Promise.allSettled(flushing), FLUSH_MS);
  }

  /** The ids of the threads that are there and can be asked. */
  get ids(): number[] {
    if (this.#isClosed) return [];
    const ids = this.#pool.threads.map(({ threadId }) => threadId);
    return ids.filter((id) => this.#loaded.has(id));
  }

  /** Asks all threads for their metrics (`thread-metrics.ts`). */
  ask(question: MetricsQuestion): void {
    this.#say(question);
  }

  /** Ends every thread, and with them what they do. A worker that exits need not. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#channel.close();
    await this.#pool.destroy();
  }

  #runNext(): void {
    while (this.#running < this.#threads) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      if (job.state === 'waiting') void this.#run(job);
    }
  }

  async #run(job: Job): Promise<void> {
    job.state = 'running';
    this.#running += 1;
    const body = job.request.map(ownBytes);
    const task: ThreadTask = {
      type: 'request',
      number: job.number,
      body,
      control: controlOf(job.context),
    };
    const transferList = body.map(({ buffer }) => buffer);
    try {
      const reply = await this.#pool.run(task, { transferList, signal: job.killer.signal });
      if (reply.type === 'reply') job.resolve(reply.body.map(asBuffer));
      else if (reply.type === 'error') job.reject(errorOf(reply.error));
    } catch (error) {
      job.reject(job.killer.signal.aborted ? job.context.signal.reason : lost(error));
    } finally {
      job.state = 'answered';
      clearTimeout(job.timer);
      this.#running -= 1;
      this.#runNext();
    }
  }

  #cancel(job: Job): void {
    if (job.state === 'waiting') {
      job.state = 'answered';
      job.reject(job.context.signal.reason);
    } else if (job.state === 'running') {
      this.#say(job.number);
      job.timer = setTimeout(() => job.killer.abort(), GRACE_MS);
    }
  }

  #say(word: ThreadWord): void {
    this.#channel.postMessage(word);
  }

  /** Every thread that ends is replaced, unless it could not even load: then this worker is of no use. */
  #checkThreads(): void {
    const ids = new Set(this.ids);
    for (const id of this.#loaded) if (!ids.has(id)) this.#loaded.delete(id);
    if (this.#isClosed || this.#pool.threads.length >= this.#threads) return;
    throw new Error('zscale: a thread of this worker ended while it was loading the handler');
  }
}

/** The reply of a thread, on its way: what it owns is not copied. */
export function moveReply(reply: ThreadReply): unknown {
  if (reply.type !== 'reply') return reply;
  return Piscina.move({
    [Piscina.transferableSymbol]: reply.body.map(({ buffer }) => buffer),
    [Piscina.valueSymbol]: reply,
  } as never); // move() takes what has these two, and its types know only what Node transfers
}

/** The same bytes in memory of their own, which can go to another thread; copied where it is shared with others. */
export function ownBytes(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = frame;
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return isOwn && byteLength > 0 ? new Uint8Array(buffer) : new Uint8Array(frame);
}

/** What came from another thread. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function controlOf(context: RequestContext): Control {
  const { requestId, remaining, attempt, trace, baggage } = context;
  return {
    id: requestId,
    attempt,
    ...(remaining === Infinity ? {} : { deadline: Math.max(0, remaining) }),
    ...(trace === undefined ? {} : { trace: trace.traceparent }),
    ...(trace?.tracestate === undefined ? {} : { state: trace.tracestate }),
    ...(baggage === undefined ? {} : { baggage }),
  };
}

/** The error as its client is to see it; it was one of the handler's. */
function errorOf({ code, message }: ErrorReply): ZscaleError {
  return new ZscaleError(code, message);
}

function lost(error: unknown): ZscaleError {
  warnOfThread(error);
  return new ZscaleError(
    'ZSCALE_ERR_WORKER_LOST',
    'The thread that did this request ended before its reply; the work may be done, in part, or not at all.',
    { cause: error },
  );
}

/** Node prints what nobody catches in a process, but not in a thread. */
function warnOfThread(error: unknown): void {
  process.emitWarning(
    `zscale: a thread of this worker ended and is replaced: ${firstLines(error)}`,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function refuse(message: string): never {
  throw new ZscaleError('ZSCALE_ERR_LOAD', message);
}
