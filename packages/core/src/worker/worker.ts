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
import {
  type BackendKeys,
  type BackendState,
  parseToWorker,
  type ToWorker,
  type WorkerStart,
} from '../messages/process-message.ts';
import { type OpenTelemetry, openTelemetry } from '../tracing/open-telemetry.ts';
import { reportLoad } from './load-report.ts';
import { measureSelf } from './measure-self.ts';
import { processRole } from './process-role.ts';
import { startPulse } from './pulse.ts';
import { report } from './report.ts';
import { traced } from './traced-handler.ts';
import { WorkerSocket } from './worker-socket.ts';

/** Events of a handshake that failed by what the other side said or did. */
const REFUSALS = [
  'handshake:error:auth',
  'handshake:error:protocol',
  'handshake:error:other',
] as const;

/** Back ends of a joined machine, as its supervisor tells them. */
type Backends = Extract<ToWorker, { type: 'backends' }>;

/** Hosts one handler in this process, or in its threads. There is one per process. */
export class Worker {
  readonly #backends: readonly string[];
  readonly #socket: WorkerSocket;
  readonly #reportsLoad: boolean;
  readonly #speaksHttp: boolean;
  readonly #hangTimeout: number;
  /** What a joined machine's supervisor told us to be connected to. */
  readonly #told = new Set<string>();
  /** Those of before that are not drained yet. */
  readonly #left = new Set<string>();
  readonly #leave: () => void;
  /** The SDK that the program has registered, if it has. */
  readonly #telemetry: OpenTelemetry | undefined;
  readonly #handler: RequestHandler;
  /** Listeners for SIGTERM that are not the program's; undefined where the rest of the process is no program with an end of its own. */
  #preloaded: readonly unknown[] | undefined;
  #keys: BackendKeys | undefined = undefined;
  #state: 'connecting' | 'serving' | 'stopping';

  /**
   * @param handler the user's function, or what runs it elsewhere
   * @param logger for the lines that handlers write; by default JSON lines on standard error
   */
  constructor(start: WorkerStart, handler: HandlerFunction | RequestHandler, logger?: Logger) {
    const codec = createCodec(start.codec);
    const identity = { id: start.workerId, pid: process.pid, service: start.serviceName };
    const host = new RequestHost(identity, start.timeout, () => logger ?? createLogger());
    const plain: RequestHandler =
      typeof handler === 'function' ? new MessageHandler(handler, codec) : handler;
    this.#telemetry = openTelemetry(start.module, (text) => host.logger.warn(text));
    this.#handler = plain;
    this.#backends = start.backends;
    this.#socket = new WorkerSocket({
      host,
      generation: start.generation,
      concurrency: start.concurrency,
      codec,
      handler: start.threads > 0 ? plain : traced(plain, this.#telemetry), // threads have their own
      maxMessageSize: start.maxMessageSize,
      machine: start.machine,
      onConnected: (endpoint, zscale) => this.#onConnected(endpoint, zscale),
      onDisconnected: (endpoint) => this.#tellBackend(endpoint, 'lost'),
    });
    this.#reportsLoad = start.reportsLoad;
    this.#speaksHttp = typeof handler !== 'function' && handler.speaksHttp === true;
    this.#leave = () => void report({ type: 'leaving' });
    this.#preloaded = undefined;
    this.#hangTimeout = start.hangTimeout;
    if (start.machine !== undefined) this.#tellRefusals();
    this.#state = 'connecting';
  }

  /**
   * Connects to the queue and serves until the process ends, which this keeps from ending before.
   *
   * @param program where it is in one: that is sent SIGTERM when all is answered, and ends itself, if it listens to that.
   *   `preloaded` are listeners of what Node loaded before it, which end nobody: an SDK that sends what it has
   */
  start(program?: { readonly preloaded: readonly unknown[] }): void {
    this.#preloaded = program?.preloaded;
    process.channel?.ref();
    process.on('message', (value) => this.#onMessage(value));
    process.on('SIGTERM', this.#leave);
    for (const endpoint of this.#backends) this.#socket.connect(endpoint);
    if (this.#backends.length === 0) this.#becomeReady(); // it will be told them
  }

  #onConnected(endpoint: string, zscale: boolean): void {
    this.#tellBackend(endpoint, 'connected', zscale);
    this.#becomeReady();
  }

  #becomeReady(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'serving';
    this.#startHangClock();
    setImmediate(report, { type: 'ready', speaksHttp: this.#speaksHttp }); // when what tells the queue has left: it must not come second
    if (this.#reportsLoad) reportLoad(() => this.#socket.begun);
  }

  /** From here on the event loop must turn; what was before was loading. */
  #startHangClock(): void {
    const { pulse } = processRole();
    if (pulse !== undefined && this.#hangTimeout !== Infinity) startPulse(pulse, this.#hangTimeout);
  }

  #onMessage(value: unknown): void {
    const message = parseToWorker(value);
    switch (message.type) {
      case 'measure':
        measureSelf();
        return;
      case 'backends':
        this.#connectTo(message);
        return;
      case 'lead':
        processRole().leads = true;
        return;
      case 'drain':
        processRole().leads = false;
        void this.#drain();
        return;
      case 'stop':
        processRole().leads = false;
        void this.#stop();
        return;
    }
  }

  #connectTo({ endpoints, renew, keys }: Backends): void {
    if (this.#state === 'stopping') return;
    this.#useKeys(keys);
    for (const endpoint of [...this.#told]) {
      if (endpoints.includes(endpoint)) continue;
      this.#told.delete(endpoint);
      this.#left.add(endpoint);
      void this.#socket.leave(endpoint).then(() => this.#hasLeft(endpoint));
    }
    for (const endpoint of endpoints) {
      const isOld = this.#told.has(endpoint) ? renew.includes(endpoint) : this.#left.has(endpoint);
      if (isOld) this.#socket.abandon(endpoint);
      if (isOld || !this.#told.has(endpoint)) this.#socket.connect(endpoint);
      this.#left.delete(endpoint);
      this.#told.add(endpoint);
    }
    for (const endpoint of renew) if (this.#left.has(endpoint)) this.#socket.abandon(endpoint);
  }

  #hasLeft(endpoint: string): void {
    if (!this.#left.delete(endpoint)) return;
    void report({ type: 'backend', endpoint, state: 'lost', zscale: false });
  }

  #useKeys(keys: BackendKeys | undefined): void {
    if (keys === undefined || this.#keys !== undefined) return;
    this.#keys = keys;
    this.#socket.curvePublicKey = keys.publicKey;
    this.#socket.curveSecretKey = keys.secretKey;
    this.#socket.curveServerKey = keys.serverKey;
  }

  /** Of a joined machine's back ends the supervisor hears, also who did not let us in. */
  #tellBackend(endpoint: string, state: BackendState, zscale = false, reason?: string): void {
    if (!this.#told.has(endpoint)) return;
    const said = { type: 'backend', endpoint, state, zscale } as const;
    void report(reason === undefined ? said : { ...said, reason });
  }

  #tellRefusals(): void {
    const { events } = this.#socket;
    for (const type of REFUSALS) {
      events.on(type, ({ address, error }) => {
        this.#tellBackend(address, 'refused', false, error.message);
      });
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
    await Promise.all([this.#telemetry?.flush(), this.#handler.flush?.()]);
    process.off('SIGTERM', this.#leave);
    const isOwn = (listener: unknown): boolean => this.#preloaded?.includes(listener) === false;
    const endsItself = process.listeners('SIGTERM').some(isOwn);
    if (endsItself) process.kill(process.pid, 'SIGTERM');
    else process.exit(0);
  }
}
