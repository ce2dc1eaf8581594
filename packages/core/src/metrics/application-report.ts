/**
 * What an application measures, as its worker sent it: JSON of a list of prom-client's metrics, looked at piece by piece, for a user's
 * program made it. Pure. Whatever is no metric is left out and told; nothing that is let through can break the text for the others.
 */

import { AGGREGATORS, type Metric, type MetricType, type Sample } from './metric.ts';

/** What is zscale's own: nobody else may say it. */
const OWN_PREFIX = 'zscale_';
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
/** Two underscores in front are Prometheus' own. */
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
const MAX_HELP_CHARACTERS = 1024;

/** What samples of a metric may be called beside its own name. */
const SUFFIXES: Readonly<Record<MetricType, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
};

/** What of a report is good, and what is not. */
export interface ApplicationReport {
  readonly metrics: readonly Metric[];
  /** Why something was left out, in words; each once. */
  readonly faults: readonly string[];
}

/** Reads a report; never throws. Quantiles of summaries are left out: those of several processes make no quantile. */
export function parseApplicationReport(text: string): ApplicationReport {
  const metrics: Metric[] = [];
  const faults = new Set<string>();
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    list = undefined; // no list either
  }
  if (!Array.isArray(list)) return { metrics, faults: ['it is no list of metrics'] };
  for (const item of list) {
    const metric = metricOf(item);
    if (typeof metric === 'string') faults.add(metric);
    else metrics.push(metric);
  }
  return { metrics, faults: [...faults] };
}

/** A metric, or why it is none. */
function metricOf(value: unknown): Metric | string {
  const { name, help, type, aggregator, values }: Record<string, unknown> = { ...Object(value) };
  if (typeof name !== 'string' || !METRIC_NAME.test(name) || name in {}) {
    return `${JSON.stringify(String(name).slice(0, 60))} is no name of a metric`;
  }
  if (name.startsWith(OWN_PREFIX)) return `${name} begins with ${OWN_PREFIX}, as zscale's own do`;
  if (!isType(type) || !Array.isArray(values)) return `${name} is no metric of prom-client's`;
  const samples = values.flatMap((sample) => sampleOf(sample, name, type));
  return {
    name,
    help: String(help ?? '').slice(0, MAX_HELP_CHARACTERS),
    type,
    aggregator: AGGREGATORS.find((one) => one === aggregator) ?? 'sum',
    values: samples,
  };
}

/** The sample, if it is one. */
function sampleOf(value: unknown, name: string, type: MetricType): Sample[] {
  const { metricName, labels, value: given }: Record<string, unknown> = { ...Object(value) };
  const number = typeof given === 'string' ? Number(given) : given; // JSON has no infinite numbers
  const ownName = metricName ?? name;
  if (typeof number !== 'number' || !isPossible(number, type)) return [];
  if (!SUFFIXES[type].some((suffix) => ownName === name + suffix)) return [];
  const pairs = Object.entries(Object(labels)).filter(([label]) => LABEL_NAME.test(label));
  const sample = { labels: Object.fromEntries(pairs.map(asText)), value: number };
  return [typeof metricName === 'string' ? { ...sample, metricName } : sample];
}

/** What is kept and added up must not be spoilt for good by one that is no number. */
function isPossible(value: number, type: MetricType): boolean {
  if (type === 'gauge') return true;
  return Number.isFinite(value) && (type !== 'counter' || value >= 0);
}

function asText([label, value]: readonly [string, unknown]): readonly [string, string] {
  return [label, String(value)];
}

function isType(value: unknown): value is MetricType {
  return typeof value === 'string' && Object.hasOwn(SUFFIXES, value);
}
