/** A metric with its samples, as prom-client's `getMetricsAsJSON()` has it: the form in which metrics are gathered and merged. */

/** What a metric is. */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

/** How samples of several workers become one, in prom-client's words. */
export const AGGREGATORS = ['sum', 'first', 'omit', 'average', 'min', 'max'] as const;

/** One number of a metric. */
export interface Sample {
  /** Where it is not the metric's own: `..._bucket`, `..._sum`, `..._count`. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A metric. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregator: (typeof AGGREGATORS)[number];
  readonly values: readonly Sample[];
}
