/**
 * What the applications of all workers measure, as one, by the rules of prom-client's cluster: samples are added, or what the
 * `aggregator` of their metric says.
 *
 * What only grows (counters, histograms, sums and counts of summaries) is kept when a worker ends, so that it goes on growing; gauges
 * are of those that are there. All that is kept is bounded: a label that is another one with each process must not fill the memory.
 */

import { parseApplicationReport } from './application-report.ts';
import { merge } from './exposition.ts';
import type { Metric } from './metric.ts';

/** So many samples are kept of workers that ended. */
const MAX_KEPT_SAMPLES = 50_000;

/** Metrics by process, and of those that ended. */
export class ApplicationRegistry {
  readonly #reports = new Map<number, readonly Metric[]>();
  #kept: readonly Metric[] = [];

  /**
   * A process reported.
   *
   * @param process a number that no other has, higher than those of older ones.
   * @returns what is wrong with the report, in words; each once
   */
  report(process: number, text: string): readonly string[] {
    const { metrics, faults } = parseApplicationReport(text);
    this.#reports.set(process, metrics);
    return faults;
  }

  /**
   * A process has ended: what it said last is kept.
   *
   * @returns why something of it is not, in words; undefined when all is
   */
  ended(process: number): string | undefined {
    const last = this.#reports.get(process);
    if (last === undefined) return undefined;
    this.#reports.delete(process);
    const kept = merge(alike([last.filter(grows), this.#kept]));
    if (kept.reduce((sum, { values }) => sum + values.length, 0) > MAX_KEPT_SAMPLES) {
      return `of workers that ended ${MAX_KEPT_SAMPLES} samples are kept, and there would be more: some label has too many values`;
    }
    this.#kept = kept;
    return undefined;
  }

  /** All of it, one list for each process, to be merged. */
  read(): readonly (readonly Metric[])[] {
    const newestFirst = [...this.#reports].sort(([one], [other]) => other - one);
    return alike([...newestFirst.map(([, metrics]) => metrics), this.#kept]);
  }
}

/** Whether it is still of interest when its process is gone. */
function grows({ type, aggregator }: Metric): boolean {
  return type !== 'gauge' && (aggregator === 'sum' || aggregator === 'max');
}

/** Of metrics with one name, those that are what the first of them is: a reload may have made something else of it. */
function alike(lists: readonly (readonly Metric[])[]): readonly (readonly Metric[])[] {
  const kinds = new Map<string, string>();
  return lists.map((metrics) =>
    metrics.filter(({ name, type, aggregator }) => {
      const kind = `${type} ${aggregator}`;
      const first = kinds.get(name) ?? kind;
      kinds.set(name, first);
      return first === kind;
    }),
  );
}
