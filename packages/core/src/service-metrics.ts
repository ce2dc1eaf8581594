/**
 * The metrics of a service, or of a machine that joined one, for whoever asks: `/metrics` at the admin address, and the control socket.
 *
 * Counts why workers ended from the start on, which costs nothing, and loads all else once it serves, where there is an admin address, or
 * when somebody asks for the first time: a service that nobody looks at has no prom-client in memory, and none starts later for it.
 */

import type { AdminRoute } from './admin-route.ts';
import type { Exposition } from './metrics/exposition.ts';
import type { Measurable, MetricsCollector } from './metrics-collector.ts';
import type { ProcessExits } from './process-metrics.ts';
import type { WorkerExit, WorkerProcess } from './supervisor/worker-process.ts';

/** See the top of the file. */
export class ServiceMetrics {
  readonly #measurable: Measurable;
  /** Somebody will ask: what workers have counted before that is of interest. */
  readonly #isAwaited: boolean;
  readonly #exits = new ExitCounts();
  readonly #gatewayExits = new ExitCounts();
  #collector: MetricsCollector | undefined;
  #loading: Promise<MetricsCollector> | undefined;

  /** @param isAwaited whether there is an admin address. */
  constructor(measurable: Measurable, isAwaited: boolean) {
    this.#measurable = measurable;
    this.#isAwaited = isAwaited;
    this.#collector = undefined;
    this.#loading = undefined;
  }

  /** The service serves. What will be needed is loaded now: later somebody may have put other files in its place. */
  serving(): void {
    if (this.#isAwaited) this.#load().catch((err: unknown) => this.#tellFailure(err));
  }

  /** `GET /metrics`. */
  get route(): AdminRoute {
    return {
      method: 'GET',
      path: '/metrics',
      answer: async ({ headers }, response) => {
        const { contentType, text } = await this.#scrape(headers.accept);
        response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
        response.end(text);
      },
    };
  }

  /** All of it, in Prometheus' text format. */
  async text(): Promise<string> {
    const { text } = await this.#scrape(undefined);
    return text;
  }

  /** A worker has drained, and will be told to end: it is asked for the last time. Never rejects. */
  workerDrained(worker: WorkerProcess): Promise<void> {
    return this.#lastWords((collector) => collector.lastWords(worker));
  }

  /** The same of a gateway. */
  gatewayDrained(gateway: WorkerProcess): Promise<void> {
    return this.#lastWords((collector) => collector.lastWordsOfGateway(gateway));
  }

  /** A process has ended. */
  workerExited(worker: WorkerProcess, exit: WorkerExit): void {
    this.#exits.count(worker, exit);
    this.#collector?.ended(worker);
  }

  /** A gateway process has ended. */
  gatewayExited(gateway: WorkerProcess, exit: WorkerExit): void {
    this.#gatewayExits.count(gateway, exit);
    this.#collector?.gatewayEnded(gateway);
  }

  async #lastWords(take: (collector: MetricsCollector) => Promise<void>): Promise<void> {
    if (!this.#isAwaited && this.#collector === undefined) return;
    try {
      await take(await this.#load());
    } catch (err) {
      this.#tellFailure(err);
    }
  }

  #tellFailure(err: unknown): void {
    this.#measurable.logger.error({ err }, 'there are no metrics: what they need cannot be loaded');
  }

  async #scrape(accept: string | undefined): Promise<Exposition> {
    const collector = await this.#load();
    const exits = { workers: this.#exits.values(), gateways: this.#gatewayExits.values() };
    return collector.scrape(accept, exits);
  }

  /** Once, also where it fails: what cannot be loaded is no better the next time. */
  #load(): Promise<MetricsCollector> {
    this.#loading ??= import('./metrics-collector.ts').then(({ MetricsCollector }) => {
      this.#collector = new MetricsCollector(this.#measurable);
      return this.#collector;
    });
    return this.#loading;
  }
}

/** Why processes ended, by id. */
class ExitCounts {
  readonly #counts = new Map<string, ProcessExits>();

  count({ id }: WorkerProcess, { cause }: WorkerExit): void {
    const key = `${id} ${cause}`;
    const exits = this.#counts.get(key) ?? { id, cause, count: 0 };
    exits.count += 1;
    this.#counts.set(key, exits);
  }

  values(): Iterable<ProcessExits> {
    return this.#counts.values();
  }
}
