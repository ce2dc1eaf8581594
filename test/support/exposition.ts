/*
 * Reads what Prometheus reads, strictly: its text format 0.0.4 and OpenMetrics 1.0. Whatever the formats do not allow is thrown, with
 * the line.
 */

/** One number. */
export interface ExposedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all its samples. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ExposedSample[];
}

const META = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d[\d.e+-]*|N[aA][nN]|\+Inf|-Inf)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** All metrics of a text, by name. @throws Error for whatever the format does not allow */
export function readExposition(
  text: string,
  format: 'prometheus' | 'openmetrics' = 'prometheus',
): ReadonlyMap<string, Family> {
  const families = new Map<string, Family & { samples: ExposedSample[] }>();
  const seen = new Set<string>();
  let open: (Family & { samples: ExposedSample[] }) | undefined;
  let help: { name: string; text: string } | undefined;
  if (!text.endsWith('\n')) throw new Error('the last line is not ended');
  const lines = text.slice(0, -1).split('\n');
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('it has no # EOF');
  for (const line of lines) {
    const refuse = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    if (line === '' && format === 'prometheus') continue;
    const [, word, metaName = '', rest = ''] = META.exec(line) ?? [];
    if (word === 'HELP') {
      if (families.has(metaName)) refuse('a second family of that name');
      help = { name: metaName, text: rest };
      continue;
    }
    if (word === 'TYPE') {
      if (help?.name !== metaName) refuse('a TYPE without its HELP');
      if (SUFFIXES[rest] === undefined) refuse('an unknown type');
      open = { name: metaName, type: rest, help: help?.text ?? '', samples: [] };
      families.set(metaName, open);
      continue;
    }
    const [, name = '', labelText = '', number = ''] =
      SAMPLE.exec(line) ?? refuse('no line of the format');
    if (open === undefined) return refuse('a sample of no metric');
    const family = open;
    const suffixes =
      format === 'openmetrics' && family.type === 'counter'
        ? ['_total']
        : (SUFFIXES[family.type] ?? []);
    if (!suffixes.some((suffix) => name === family.name + suffix))
      refuse(`no sample of ${family.name}`);
    const labels = labelsOf(labelText, refuse);
    const key = JSON.stringify([name, Object.entries(labels).sort()]);
    if (seen.has(key)) refuse('a second sample with the same labels');
    seen.add(key);
    const value = Number(number.replace('Inf', 'Infinity').replace(/^nan$/i, 'NaN'));
    if (family.type === 'counter' && !(value >= 0)) refuse('a counter below 0');
    family.samples.push({ name, labels, value });
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function labelsOf(text: string, refuse: (why: string) => never): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ''; ) {
    const [all, name = '', value = ''] = LABEL.exec(rest) ?? refuse('labels that cannot be read');
    if (name.startsWith('__')) refuse('a label that is reserved');
    if (Object.hasOwn(labels, name)) refuse('a label twice');
    labels[name] = value.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(all.length);
  }
  return labels;
}

/** Buckets grow, the last is the count, and there is a sum. */
function checkHistogram({ name, samples }: Family): void {
  const groups = new Map<string, ExposedSample[]>();
  for (const sample of samples) {
    const { le: _, ...others } = sample.labels;
    const key = JSON.stringify(Object.entries(others).sort());
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const [key, group] of groups) {
    const partOf = (suffix: string): number | undefined =>
      group.find((sample) => sample.name === name + suffix)?.value;
    const buckets = group
      .filter((sample) => sample.name === `${name}_bucket`)
      .map(({ labels, value }) => ({ le: Number(labels.le?.replace('Inf', 'Infinity')), value }));
    const isOrdered = buckets.every(
      ({ le, value }, i) =>
        i === 0 || (le > (buckets[i - 1]?.le ?? le) && value >= (buckets[i - 1]?.value ?? 0)),
    );
    const last = buckets.at(-1);
    if (!isOrdered || last?.le !== Infinity || last.value !== partOf('_count')) {
      throw new Error(`the buckets of ${name} ${key} do not add up`);
    }
    if (partOf('_sum') === undefined) throw new Error(`${name} ${key} has no sum`);
  }
}

/** The sum of the samples of a metric that have these labels; undefined when there is none. */
export function numberOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  const found = family?.samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return found?.length ? found.reduce((sum, { value }) => sum + value, 0) : undefined;
}

/** What only grows: counters, and the counts and sums of histograms and summaries; by name and labels. */
export function countersOf(families: ReadonlyMap<string, Family>): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  for (const { type, samples } of families.values()) {
    if (type === 'gauge') continue;
    for (const { name, labels, value } of samples) {
      if (labels.quantile === undefined) counters.set(`${name} ${JSON.stringify(labels)}`, value);
    }
  }
  return counters;
}
