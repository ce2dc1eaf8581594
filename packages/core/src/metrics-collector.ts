/**
 * Gathers what a service, or a machine that joined one, measures, each time somebody asks: from the queue, the gateway and the
 * supervisor of this process, and from each worker and gateway process, which is asked for it and need not answer.
 *
 * Loaded when somebody asks for the first time (service-metrics.ts). It keeps what must not fall when a worker ends: what its process
 * counted, and what its application did.
 */

import { readFileSync } from 'node:fs';
import type { HttpFront } from './http-front.ts';
import { addGatewayCounts, addHttp } from './http-metrics.ts';
import type { Logger } from './logger.ts';
import type { Measured, ProcessFigures } from './messages/process-figures.ts';
import { ApplicationRegistry } from './metrics/application-registry.ts';
import { type Exposition, expose, formatFor } from './metrics/exposition.ts';
import { type Labels, MetricSet } from './metrics/metric-set.ts';
import { addGauges, type ProcessExits, ProcessMetrics } from './process-metrics.ts';
import type { WorkerQueue } from './queue/worker-queue.ts';
import { addQueue, DEFAULT_POOL } from './queue-metrics.ts';
import type { Supervisor } from './supervisor/supervisor.ts';
import type { WorkerProcess } from './supervisor/worker-process.ts';
import { ProcessMeter } from './worker/process-meter.ts';

/** How long a worker may take to say how it is, in ms. */
const ANSWER_MS = 1000;
const REFUSALS = 'zscale_application_reports_refused_total';

/** What is measured. */
export interface Measurable {
  readonly name: string;
  readonly kind: 'service' | 'machine';
  readonly supervisor: Supervisor;
  /** Undefined on a machine whose queues are elsewhere. */
  readonly queue: WorkerQueue | undefined;
  /** Undefined where no HTTP is spoken. */
  readonly http: () => HttpFront | undefined;
  /** The pool of a worker; null for the default one. */
  readonly poolOf: (workerId: number) => string | null;
  readonly logger: Logger;
}

/** Why processes ended. */
export interface AllExits {
  readonly workers: Iterable<ProcessExits>;
  readonly gateways: Iterable<ProcessExits>;
}

/** See the top of the file. */
export class MetricsCollector {
  readonly #measurable: Measurable;
  readonly #version = ownVersion();
  readonly #meter = new ProcessMeter();
  readonly #applications = new ApplicationRegistry();
  readonly #workers = new ProcessMetrics('worker', (id) => this.#labels(id));
  readonly #gateways = new ProcessMetrics('gateway', (id) => ({ gateway: String(id) }));
  /** By worker. */
  readonly #refusals = new Map<number, number>();
  /** Faults of applications that the log was told. */
  readonly #told = new Set<string>();
  #asking: Promise<void> | undefined;

  constructor(measurable: Measurable) {
    this.#measurable = measurable;
  }

  /**
   * All of it as text.
   *
   * @param accept what the asker reads, as a header of HTTP says it; undefined for Prometheus' text format
   * @param exits of processes, since the start
   */
  async scrape(accept: string | undefined, exits: AllExits): Promise<Exposition> {
    // Who asks while others do waits for the same answers.
    this.#asking ??= this.#askAll().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
    const set = new MetricSet();
    const { name, kind, queue, http, supervisor } = this.#measurable;
    set.add('zscale_info', 1, { service: name, version: this.#version, kind });
    if (queue !== undefined) addQueue(set, queue, this.#ownWorkers());
    addHttp(set, http());
    const { workers } = supervisor;
    await this.#workers.add(set, workers, exits.workers);
    this.#workers.addCounts(set, REFUSALS, workers, this.#refusals);
    const gateways = http()?.gateways ?? [];
    addGatewayCounts(set, gateways);
    await this.#gateways.add(set, gateways, exits.gateways);
    addFigures(set, 'supervisor', this.#meter.read());
    return expose([set.metrics(), ...this.#applications.read()], formatFor(accept));
  }

  /** A worker has drained, and will end: what it says now is the last of it. Never rejects. */
  async lastWords(worker: WorkerProcess): Promise<void> {
    await this.#asking; // what was asked before is answered with what was before
    this.#took(worker, await worker.measure(ANSWER_MS));
  }

  /** The same of a gateway. */
  async lastWordsOfGateway(gateway: WorkerProcess): Promise<void> {
    await this.#asking;
    this.#tookOfGateway(gateway, await gateway.measure(ANSWER_MS));
  }

  /** A process has ended. */
  ended(worker: WorkerProcess): void {
    const { id, generation } = worker;
    this.#workers.ended(worker);
    const fault = this.#applications.ended(generation);
    if (fault !== undefined) this.#tellFaults(id, [fault]);
  }

  /** A gateway process has ended. */
  gatewayEnded(gateway: WorkerProcess): void {
    this.#gateways.ended(gateway);
  }

  async #askAll(): Promise<void> {
    const { supervisor, http } = this.#measurable;
    await Promise.all([
      supervisor.measure(ANSWER_MS, (worker, measured) => this.#took(worker, measured)),
      http()?.processes?.measure(ANSWER_MS, (gateway, measured) =>
        this.#tookOfGateway(gateway, measured),
      ),
    ]);
  }

  #tookOfGateway(gateway: WorkerProcess, measured: Measured | undefined): void {
    if (canAnswer(gateway)) this.#gateways.took(gateway, measured?.figures);
  }

  #took(worker: WorkerProcess, measured: Measured | undefined): void {
    const { id, generation } = worker;
    if (!canAnswer(worker)) return;
    this.#workers.took(worker, measured?.figures);
    if (measured === undefined) return;
    const { application, refused } = measured;
    const faults =
      application === undefined ? [] : this.#applications.report(generation, application);
    this.#tellFaults(id, refused === undefined ? faults : [...faults, refused]);
  }

  /** Each is told once, or the log would say it at every scrape. */
  #tellFaults(worker: number, faults: readonly string[]): void {
    if (faults.length === 0) return;
    this.#refusals.set(worker, (this.#refusals.get(worker) ?? 0) + 1);
    for (const reason of faults) {
      const kind = reason.replace(/\d+/g, 'n');
      if (this.#told.has(kind) || this.#told.size >= MAX_TOLD) continue;
      this.#told.add(kind);
      this.#measurable.logger.warn(
        { worker, reason },
        "metrics of a worker's application are left out",
      );
    }
  }

  /** The ids of the workers there are, with the name of their pool. */
  #ownWorkers(): ReadonlyMap<string, string> {
    const { supervisor, poolOf } = this.#measurable;
    return new Map(supervisor.workers.map(({ id }) => [String(id), poolOf(id) ?? DEFAULT_POOL]));
  }

  #labels(worker: number): Labels {
    return { worker: String(worker), pool: this.#measurable.poolOf(worker) ?? DEFAULT_POOL };
  }
}

/** So many different faults of applications are told. */
const MAX_TOLD = 100;

/** Whether it should have answered: else it is no fault that it did not. */
function canAnswer({ state, canMeasure }: WorkerProcess): boolean {
  return state !== 'exited' && canMeasure;
}

/** Figures of a process that does not change. */
function addFigures(set: MetricSet, who: 'supervisor', figures: ProcessFigures): void {
  set.add(`zscale_${who}_event_loop_active_seconds_total`, figures.loopActive);
  set.add(`zscale_${who}_event_loop_idle_seconds_total`, figures.loopIdle);
  set.add(`zscale_${who}_cpu_seconds_total`, figures.cpuUser, { mode: 'user' });
  set.add(`zscale_${who}_cpu_seconds_total`, figures.cpuSystem, { mode: 'system' });
  addGauges(set, who, figures, {});
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String(Reflect.get(Object(JSON.parse(text)), 'version'));
}
