/**
 * What the processes of one kind measure of themselves, as metrics: the workers of a service, or its gateways. Each has an id, which
 * its successors take over.
 *
 * Keeps what must not fall when a process ends: what it counted, by id.
 */

import type { ProcessFigures } from './messages/process-figures.ts';
import type { Labels, MetricSet } from './metrics/metric-set.ts';
import { RunningTotals } from './metrics/running-totals.ts';
import { memoryOf } from './supervisor/memory-of.ts';
import type { SupervisedNoun, WorkerInfo } from './supervisor/supervisor.ts';
import type { EndCause, WorkerProcess, WorkerState } from './supervisor/worker-process.ts';

const MS_PER_S = 1000;
const STATES: readonly WorkerState[] = ['starting', 'ready', 'draining', 'stopping', 'exited'];
/** Why processes end when something is wrong. */
const ALARMING: readonly EndCause[] = ['crash', 'hang'];

/** Processes with one id that ended for one reason. */
export interface ProcessExits {
  readonly id: number;
  readonly cause: EndCause;
  count: number;
}

/** See the top of the file. */
export class ProcessMetrics {
  readonly #noun: SupervisedNoun;
  readonly #labelsOf: (id: number) => Labels;
  readonly #totals = new RunningTotals();
  /** What each process said last, by generation. */
  readonly #figures = new Map<number, ProcessFigures>();
  /** Times that a process did not answer, by id. */
  readonly #failures = new Map<number, number>();

  /** @param labelsOf the labels of whatever has an id */
  constructor(noun: SupervisedNoun, labelsOf: (id: number) => Labels) {
    this.#noun = noun;
    this.#labelsOf = labelsOf;
  }

  /** A process was asked how it is, and this is what it said; undefined when it said nothing in time. */
  took({ id, generation }: WorkerProcess, figures: ProcessFigures | undefined): void {
    if (figures === undefined) {
      this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
      return;
    }
    const { loopActive, loopIdle, cpuUser, cpuSystem } = figures;
    this.#figures.set(generation, figures);
    this.#totals.set(generation, id, [loopActive, loopIdle, cpuUser, cpuSystem]);
  }

  /** A process has ended. */
  ended({ generation }: WorkerProcess): void {
    this.#figures.delete(generation);
    this.#totals.ended(generation);
  }

  /** Adds all that is known. @param processes that there are. @param exits since the start */
  async add(
    set: MetricSet,
    processes: readonly WorkerInfo[],
    exits: Iterable<ProcessExits>,
  ): Promise<void> {
    const memory = await this.#foreignMemory(processes);
    const name = (rest: string): string => `zscale_${this.#noun}_${rest}`;
    this.#addExits(set, processes, exits);
    for (const process of processes) this.#addProcess(set, process, memory);
    for (const [id, [active, idle, user, system]] of this.#totals.read()) {
      const labels = this.#labelsOf(id);
      set.add(name('event_loop_active_seconds_total'), active, labels);
      set.add(name('event_loop_idle_seconds_total'), idle, labels);
      set.add(name('cpu_seconds_total'), user, { ...labels, mode: 'user' });
      set.add(name('cpu_seconds_total'), system, { ...labels, mode: 'system' });
    }
    this.addCounts(set, name('scrape_failures_total'), processes, this.#failures);
  }

  /** What is there for each id from its beginning, and stays when its process is gone. */
  addCounts(
    set: MetricSet,
    name: string,
    processes: readonly WorkerInfo[],
    counts: ReadonlyMap<number, number>,
  ): void {
    const ids = new Set([...processes.map(({ id }) => id), ...counts.keys()]);
    for (const id of ids) set.add(name, counts.get(id) ?? 0, this.#labelsOf(id));
  }

  /** Resident memory of processes that cannot be asked, by generation. */
  async #foreignMemory(processes: readonly WorkerInfo[]): Promise<ReadonlyMap<number, number>> {
    const found = new Map<number, number>();
    const unknown = processes.filter(
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

  /** Those of interest are there from the beginning: of a counter that begins at 1 Prometheus sees no increase. */
  #addExits(set: MetricSet, processes: readonly WorkerInfo[], exits: Iterable<ProcessExits>): void {
    const counted = [...exits];
    const never = processes.flatMap(({ id }) =>
      ALARMING.filter((cause) => !counted.some((one) => one.id === id && one.cause === cause)).map(
        (cause) => ({ id, cause, count: 0 }),
      ),
    );
    for (const { id, cause, count } of [...counted, ...never]) {
      const labels = { ...this.#labelsOf(id), reason: cause };
      set.add(`zscale_${this.#noun}_exits_total`, count, labels);
    }
  }

  #addProcess(
    set: MetricSet,
    { id, state: current, startedAt, generation }: WorkerInfo,
    memory: ReadonlyMap<number, number>,
  ): void {
    const name = (rest: string): string => `zscale_${this.#noun}_${rest}`;
    const labels = this.#labelsOf(id);
    for (const state of STATES) {
      set.add(name('state'), state === current ? 1 : 0, { ...labels, state });
    }
    set.add(name('start_time_seconds'), startedAt.getTime() / MS_PER_S, labels);
    if (current === 'exited') return;
    const figures = this.#figures.get(generation);
    if (figures !== undefined) addGauges(set, this.#noun, figures, labels);
    else set.add(name('resident_memory_bytes'), memory.get(generation), labels);
  }
}

/** Adds what a process is at the moment. */
export function addGauges(
  set: MetricSet,
  who: 'supervisor' | SupervisedNoun,
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
