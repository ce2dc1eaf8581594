/**
 * The metrics of a service, or of a machine that joined one, for whoever asks: `/metrics` at the admin address, and the control socket.
 *
 * Counts why workers ended from the start on, which costs nothing, and loads all else when somebody asks for the first time: a service
 * that nobody looks at has no prom-client in memory and starts no later for it.
 */

import type { AdminRoute } from './admin-route.ts';
import type { Exposition } from './metrics/exposition.ts';
import type { Measurable, MetricsCollector, WorkerExits } from './metrics-collector.ts';
import type { WorkerExit, WorkerProcess } from './supervisor/worker-process.ts';

/** See the top of the file. */
export class ServiceMetrics {
  readonly #measurable: Measurable;
  /** Somebody will ask: what workers have counted before that is of interest. */
  readonly #isAwaited: boolean;
  readonly #exits = new Map<string, WorkerExits>();
  #collector: MetricsCollector | undefined;
  #loading: Promise<MetricsCollector> | undefined;

  /** @param isAwaited whether there is an admin address. */
  constructor(measurable: Measurable, isAwaited: boolean) {
    this.#measurable = measurable;
    this.#isAwaited = isAwaited;
    this.#collector = undefined;
    this.#loading = undefined;
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
  async workerDrained(worker: WorkerProcess): Promise<void> {
    if (!this.#isAwaited && this.#collector === undefined) return;
    try {
      const collector = await this.#load();
      await collector.lastWords(worker);
    } catch (err) {
      this.#measurable.logger.error({ err }, 'metrics cannot be had');
    }
  }

  /** A process has ended. */
  workerExited(worker: WorkerProcess, { cause }: WorkerExit): void {
    const key = `${worker.id} ${cause}`;
    const exits = this.#exits.get(key) ?? { worker: worker.id, cause, count: 0 };
    exits.count += 1;
    this.#exits.set(key, exits);
    this.#collector?.ended(worker);
  }

  async #scrape(accept: string | undefined): Promise<Exposition> {
    const collector = await this.#load();
    return collector.scrape(accept, this.#exits.values());
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
