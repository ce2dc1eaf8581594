/**
 * Metrics as text, and several lists of metrics as one: all that prom-client is used for here. Only imported when somebody asks
 * for metrics.
 */

import {
  AggregatorRegistry,
  type OpenMetricsContentType,
  openMetricsContentType as openMetrics,
  prometheusContentType,
  type Registry,
} from 'prom-client';
import type { Metric } from './metric.ts';

/** Which of the two formats a scraper reads. */
export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** A text, and what it is. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** The format for an `Accept` header. @param accept undefined where there is none. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  return /\bapplication\/openmetrics-text\b/i.test(accept ?? '') ? 'openmetrics' : 'prometheus';
}

/**
 * Lists of metrics as one, by each metric's aggregator. Metrics of one name must be of one type; a name is none that every object
 * of JavaScript has.
 */
export function merge(lists: readonly (readonly Metric[])[]): Metric[] {
  return aggregate(lists).getMetricsAsArray() as unknown as Metric[]; // what it made of metrics has all their fields
}

/** Metrics as text. */
export async function expose(
  lists: readonly (readonly Metric[])[],
  format: ExpositionFormat,
): Promise<Exposition> {
  if (format === 'prometheus') {
    return { contentType: prometheusContentType, text: await aggregate(lists).metrics() };
  }
  // The family of a counter has no `_total` in OpenMetrics, and its samples do.
  const families = merge(lists).filter(isFirst).map(asFamily);
  const registry = AggregatorRegistry.aggregate<OpenMetricsContentType>([families]);
  registry.setContentType(openMetrics);
  return { contentType: openMetrics, text: await registry.metrics() };
}

function aggregate(lists: readonly (readonly Metric[])[]): Registry {
  return AggregatorRegistry.aggregate([...lists]);
}

function familyOf({ name, type }: Metric): string {
  return type === 'counter' ? name.replace(/_total$/, '') : name;
}

function asFamily(metric: Metric): Metric {
  return { ...metric, name: familyOf(metric) };
}

/** Of metrics that would have one name then, such as `x` and `x_total`, the first. */
function isFirst(metric: Metric, place: number, all: readonly Metric[]): boolean {
  return all.findIndex((other) => familyOf(other) === familyOf(metric)) === place;
}
