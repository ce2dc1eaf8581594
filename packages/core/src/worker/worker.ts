/**
 * One worker process at work: a REP socket connected to the queue, the user's handler behind it,
 * and the conversation with the supervisor.
 *
 *     connecting --> serving --> stopping --> (the process exits)
 *          |                         ^
 *          +-------------------------+
 *
 * Ends when it is told to, with 0. A SIGTERM of its own is passed on as a wish: the supervisor
 * knows whether the whole service is ending, and takes the worker out of the queue first if it is
 * not. That a worker ends with its supervisor is the business of `lifeline.ts`; an error that
 * nobody catches is Node's, which prints it and exits with 1.
 */

import type { HandlerFunction, RequestHandler } from '../handlers/handler.ts';
import { MessageHandler } from '../handlers/message-handler.ts';
import { RequestHost } from '../handlers/request-context.ts';
import { createLogger, type Logger } from '../logger.ts';
import { createCodec } from '../messages/payload.ts';
import { parseToWorker, type WorkerStart } from '../messages/process-message.ts';
import { processRole } from './process-role.ts';
import { startPulse } from './pulse.ts';
import { report } from './report.ts';
import { WorkerSocket } from './worker-socket.ts';

/** How often it says how busy it is, where somebody wants to know. */
const LOAD_INTERVAL_MS = 1000;

/** Hosts one handler in this process, or in its threads. There is one per process. */
export class Worker {
  readonly #backends: readonly string[];
  readonly #socket: WorkerSocket;
  readonly #reportsLoad: boolean;
  readonly #hangTimeout: number;
  #state: 'connecting' | 'serving' | 'stopping';

  /**
   * @param handler the user's function, or what runs it elsewhere
   * @param logger for the lines that handlers write; by default JSON lines on standard error
   */
  constructor(start: WorkerStart, handler: HandlerFunction | RequestHandler, logger?: Logger) {
    const codec = createCodec(start.codec);
    const identity = { id: start.workerId, pid: process.pid, service: start.serviceName };
    const host = new RequestHost(identity, start.timeout, () => logger ?? createLogger());
    this.#backends = start.backends;
    this.#socket = new WorkerSocket({
      host,
      generation: start.generation,
      concurrency: start.concurrency,
      codec,
      handler: typeof handler === 'function' ? new MessageHandler(handler, codec) : handler,
      maxMessageSize: start.maxMessageSize,
      onConnected: () => this.#onConnected(),
    });
    this.#reportsLoad = start.reportsLoad;
    this.#hangTimeout = start.hangTimeout;
    this.#state = 'connecting';
  }

  /**
   * Connects to the queue and serves until the process ends, which this keeps from ending before.
   */
  start(): void {
    process.channel?.ref();
    process.on('message', (value) => this.#onMessage(value));
    process.on('SIGTERM', () => void report({ type: 'leaving' }));
    for (const endpoint of this.#backends) this.#socket.connect(endpoint);
  }

  #onConnected(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'serving';
    this.#startHangClock();
    void report({ type: 'ready' });
    if (this.#reportsLoad) this.#reportLoad();
  }

  #reportLoad(): void {
    let last = performance.eventLoopUtilization();
    setInterval(() => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      void report({ type: 'load', utilization: Math.min(Math.max(utilization, 0), 1) });
    }, LOAD_INTERVAL_MS).unref();
  }

  /** From here on the event loop must turn; what was before was loading. */
  #startHangClock(): void {
    const { pulse } = processRole();
    if (pulse !== undefined && this.#hangTimeout !== Infinity) startPulse(pulse, this.#hangTimeout);
  }

  #onMessage(value: unknown): void {
    const { type } = parseToWorker(value);
    processRole().leads = type === 'lead';
    switch (type) {
      case 'lead':
        return;
      case 'drain':
        void this.#drain();
        return;
      case 'stop':
        void this.#stop();
        return;
    }
  }

  async #drain(): Promise<void> {
    await this.#socket.drain();
    await report({ type: 'drained' });
  }

  async #stop(): Promise<void> {
    if (this.#state === 'stopping') return;
    this.#state = 'stopping';
    await this.#socket.drain();
    this.#socket.close();
    await this.#socket.ended;
    process.exit(0);
  }
}
