/**
 * Gathers what a service, or a machine that joined one, measures, each time somebody asks: from the queue, the gateway and the
 * supervisor of this process, and from each worker, which is asked for it and need not answer.
 *
 * Loaded when somebody asks for the first time (service-metrics.ts). It keeps what must not fall when a worker ends: what its process
 * counted, and what its application did.
 */

import { readFileSync } from 'node:fs';
import type { HttpFront } from './http-front.ts';
import type { Logger } from './logger.ts';
import type { Measured, ProcessFigures } from './messages/process-figures.ts';
import { ApplicationRegistry } from './metrics/application-registry.ts';
import { type Exposition, expose, formatFor } from './metrics/exposition.ts';
import { type Labels, MetricSet } from './metrics/metric-set.ts';
import { RunningTotals } from './metrics/running-totals.ts';
import type { WorkerQueue } from './queue/worker-queue.ts';
import { addQueue, DEFAULT_POOL } from './queue-metrics.ts';
import { memoryOf } from './supervisor/memory-of.ts';
import type { Supervisor, WorkerInfo } from './supervisor/supervisor.ts';
import type { EndCause, WorkerProcess, WorkerState } from './supervisor/worker-process.ts';
import { ProcessMeter } from './worker/process-meter.ts';

/** How long a worker may take to say how it is, in ms. */
const ANSWER_MS = 1000;
const MS_PER_S = 1000;
const STATES: readonly WorkerState[] = ['starting', 'ready', 'draining', 'stopping', 'exited'];
/** Why workers end when something is wrong. */
const ALARMING: readonly EndCause[] = ['crash', 'hang'];
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

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

/** Processes of a worker that ended for one reason. */
export interface WorkerExits {
  readonly worker: number;
  readonly cause: EndCause;
  count: number;
}

/** See the top of the file. */
export class MetricsCollector {
  readonly #measurable: Measurable;
  readonly #version = ownVersion();
  readonly #meter = new ProcessMeter();
  readonly #applications = new ApplicationRegistry();
  readonly #totals = new RunningTotals();
  /** What each process said last, by generation. */
  readonly #figures = new Map<number, ProcessFigures>();
  /** By worker. */
  readonly #failures = new Map<number, number>();
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
   * @param exits of workers, since the start
   */
  async scrape(accept: string | undefined, exits: Iterable<WorkerExits>): Promise<Exposition> {
    // Who asks while others do waits for the same answers.
    this.#asking ??= this.#askWorkers().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
    const memory = await this.#foreignMemory();
    const set = new MetricSet();
    const { name, kind, queue, http } = this.#measurable;
    set.add('zscale_info', 1, { service: name, version: this.#version, kind });
    if (queue !== undefined) addQueue(set, queue, this.#ownWorkers());
    addHttp(set, http());
    this.#addWorkers(set, exits, memory);
    addFigures(set, 'supervisor', this.#meter.read());
    return expose([set.metrics(), ...this.#applications.read()], formatFor(accept));
  }

  /** A worker has drained, and will end: what it says now is the last of it. Never rejects. */
  async lastWords(worker: WorkerProcess): Promise<void> {
    await this.#asking; // what was asked before is answered with what was before
    this.#took(worker, await worker.measure(ANSWER_MS));
  }

  /** A process has ended. */
  ended({ id, generation }: WorkerProcess): void {
    this.#figures.delete(generation);
    this.#totals.ended(generation);
    const fault = this.#applications.ended(generation);
    if (fault !== undefined) this.#tellFaults(id, [fault]);
  }

  #askWorkers(): Promise<void> {
    const { supervisor } = this.#measurable;
    return supervisor.measure(ANSWER_MS, (worker, measured) => this.#took(worker, measured));
  }

  #took(worker: WorkerProcess, measured: Measured | undefined): void {
    const { id, generation, state } = worker;
    if (state === 'exited' || !worker.canMeasure) return;
    if (measured === undefined) {
      this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
      return;
    }
    const { figures, application, refused } = measured;
    const { loopActive, loopIdle, cpuUser, cpuSystem } = figures;
    this.#figures.set(generation, figures);
    this.#totals.set(generation, id, [loopActive, loopIdle, cpuUser, cpuSystem]);
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

  /** Resident memory of workers that cannot be asked, by generation. */
  async #foreignMemory(): Promise<ReadonlyMap<number, number>> {
    const found = new Map<number, number>();
    const unknown = this.#measurable.supervisor.workers.filter(
      ({ generation, pid, state }) =>
        pid !== undefined && state !== 'exited' && !this.#figures.has(generation),
    );
    await Promise.all(
      unknown.map(async ({ generation, pid = 0 }) => {
        const bytes = await memoryOf(pid);
        if (bytes !== undefined) found.set(generation, bytes);
      }),
    );
    return found;
  }

  #addWorkers(
    set: MetricSet,
    exits: Iterable<WorkerExits>,
    memory: ReadonlyMap<number, number>,
  ): void {
    const { supervisor } = this.#measurable;
    this.#addExits(set, exits);
    for (const worker of supervisor.workers) this.#addWorker(set, worker, memory);
    for (const [id, [active, idle, user, system]] of this.#totals.read()) {
      const labels = this.#labels(id);
      set.add('zscale_worker_event_loop_active_seconds_total', active, labels);
      set.add('zscale_worker_event_loop_idle_seconds_total', idle, labels);
      set.add('zscale_worker_cpu_seconds_total', user, { ...labels, mode: 'user' });
      set.add('zscale_worker_cpu_seconds_total', system, { ...labels, mode: 'system' });
    }
    this.#addCounts(set, 'zscale_worker_scrape_failures_total', this.#failures);
    this.#addCounts(set, 'zscale_application_reports_refused_total', this.#refusals);
  }

  /** Those of interest are there from the beginning: of a counter that begins at 1 Prometheus sees no increase. */
  #addExits(set: MetricSet, exits: Iterable<WorkerExits>): void {
    const counted = [...exits];
    const never = this.#measurable.supervisor.workers.flatMap(({ id }) =>
      ALARMING.filter(
        (cause) => !counted.some((one) => one.worker === id && one.cause === cause),
      ).map((cause) => ({ worker: id, cause, count: 0 })),
    );
    for (const { worker, cause, count } of [...counted, ...never]) {
      set.add('zscale_worker_exits_total', count, { ...this.#labels(worker), reason: cause });
    }
  }

  #addWorker(
    set: MetricSet,
    { id, state: current, startedAt, generation }: WorkerInfo,
    memory: ReadonlyMap<number, number>,
  ): void {
    const labels = this.#labels(id);
    for (const state of STATES) {
      set.add('zscale_worker_state', state === current ? 1 : 0, { ...labels, state });
    }
    set.add('zscale_worker_start_time_seconds', startedAt.getTime() / MS_PER_S, labels);
    if (current === 'exited') return;
    const figures = this.#figures.get(generation);
    if (figures !== undefined) addGauges(set, 'worker', figures, labels);
    else set.add('zscale_worker_resident_memory_bytes', memory.get(generation), labels);
  }

  /** What is there for each worker from its beginning, and stays when it is gone. */
  #addCounts(set: MetricSet, name: string, counts: ReadonlyMap<number, number>): void {
    const ids = new Set([
      ...this.#measurable.supervisor.workers.map(({ id }) => id),
      ...counts.keys(),
    ]);
    for (const id of ids) set.add(name, counts.get(id) ?? 0, this.#labels(id));
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

function addHttp(set: MetricSet, http: HttpFront | undefined): void {
  const [stats, traffic] = [http?.stats(), http?.traffic()];
  if (stats === undefined || traffic === undefined) return;
  set.add('zscale_client_connections', stats.connections, { protocol: 'http' });
  for (const [i, status] of STATUS_CLASSES.entries()) {
    set.add('zscale_http_requests_total', traffic.byClass[i], { status });
  }
  set.addHistogram('zscale_http_request_duration_seconds', traffic.durations);
  set.add('zscale_http_request_body_bytes_total', traffic.receivedBytes);
  set.add('zscale_http_response_body_bytes_total', traffic.sentBytes);
  set.add('zscale_http_malformed_total', stats.malformed);
  set.add('zscale_http_cut_total', stats.cut);
  set.add('zscale_http_connections_refused_total', stats.refused);
  set.add('zscale_http_greedy_clients_total', stats.greedy);
  set.add('zscale_http_held_bytes', stats.heldBytes);
}

/** Figures of a process that does not change. */
function addFigures(set: MetricSet, who: 'supervisor', figures: ProcessFigures): void {
  set.add(`zscale_${who}_event_loop_active_seconds_total`, figures.loopActive);
  set.add(`zscale_${who}_event_loop_idle_seconds_total`, figures.loopIdle);
  set.add(`zscale_${who}_cpu_seconds_total`, figures.cpuUser, { mode: 'user' });
  set.add(`zscale_${who}_cpu_seconds_total`, figures.cpuSystem, { mode: 'system' });
  addGauges(set, who, figures, {});
}

function addGauges(
  set: MetricSet,
  who: 'supervisor' | 'worker',
  figures: ProcessFigures,
  labels: Labels,
): void {
  set.add(`zscale_${who}_event_loop_delay_mean_seconds`, figures.delayMean, labels);
  set.add(`zscale_${who}_event_loop_delay_p99_seconds`, figures.delayP99, labels);
  set.add(`zscale_${who}_event_loop_delay_max_seconds`, figures.delayMax, labels);
  set.add(`zscale_${who}_resident_memory_bytes`, figures.resident, labels);
  set.add(`zscale_${who}_heap_used_bytes`, figures.heapUsed, labels);
  set.add(`zscale_${who}_heap_size_bytes`, figures.heapSize, labels);
  set.add(`zscale_${who}_external_memory_bytes`, figures.external, labels);
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String(Reflect.get(Object(JSON.parse(text)), 'version'));
}
