/** Metrics of zscale's own while they are gathered: samples by name. */

import assert from 'node:assert/strict';
import { CATALOGUE } from './catalogue.ts';
import { BUCKET_BOUNDS_MS, type HistogramSnapshot } from './histogram.ts';
import type { Metric, Sample } from './metric.ts';

const MS_PER_S = 1000;

/** Labels of a sample; those that are undefined are left out. */
export type Labels = Readonly<Record<string, string | undefined>>;

/** See the top of the file. */
export class MetricSet {
  readonly #samples = new Map<string, Sample[]>();

  /** One sample of a counter or gauge; none where there is no value. */
  add(name: string, value: number | undefined, labels: Labels = {}): void {
    if (value !== undefined) this.#listOf(name).push({ labels: present(labels), value });
  }

  /** The samples of a histogram. */
  addHistogram(name: string, snapshot: HistogramSnapshot, labels: Labels = {}): void {
    const list = this.#listOf(name);
    const own = present(labels);
    let below = 0;
    for (const [i, bound] of BUCKET_BOUNDS_MS.entries()) {
      below += snapshot.counts[i] ?? 0;
      const le = bound / MS_PER_S;
      list.push({ metricName: `${name}_bucket`, labels: { ...own, le }, value: below });
    }
    const all = { ...own, le: '+Inf' };
    list.push({ metricName: `${name}_bucket`, labels: all, value: snapshot.count });
    list.push({ metricName: `${name}_sum`, labels: own, value: snapshot.sum / MS_PER_S });
    list.push({ metricName: `${name}_count`, labels: own, value: snapshot.count });
  }

  /** What was added. */
  metrics(): Metric[] {
    return [...this.#samples].map(([name, values]) => {
      const entry = CATALOGUE[name];
      assert(entry, `${name} is not in the catalogue`);
      return { name, help: entry.help, type: entry.type, aggregator: 'sum', values };
    });
  }

  #listOf(name: string): Sample[] {
    let list = this.#samples.get(name);
    if (list === undefined) {
      list = [];
      this.#samples.set(name, list);
    }
    return list;
  }
}

function present(labels: Labels): Record<string, string> {
  const given = Object.entries(labels).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Record<string, string>; // those that are left have a value
}
