/*
 * What applications measure, merged: by the rules of prom-client, growing over restarts, and nothing of it can break the text.
 */
import fc from 'fast-check';
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ApplicationRegistry } from '../../../packages/core/src/metrics/application-registry.ts';
import { parseApplicationReport } from '../../../packages/core/src/metrics/application-report.ts';
import { expose } from '../../../packages/core/src/metrics/exposition.ts';
import { type Family, numberOf, readExposition } from '../../support/exposition.ts';

/** There is always something of zscale's own. */
const OWN = [
  {
    name: 'zscale_info',
    help: 'Always 1.',
    type: 'gauge',
    aggregator: 'sum',
    values: [{ labels: {}, value: 1 }],
  },
] as const;

/** A report of a process whose application made these metrics. */
async function reportOf(make: (registers: Registry[]) => void): Promise<string> {
  const registry = new Registry();
  make([registry]);
  return JSON.stringify(await registry.getMetricsAsJSON());
}

function counter(n: number, name = 'jobs_total'): Promise<string> {
  return reportOf((registers) => new Counter({ name, help: 'Jobs.', registers }).inc(n));
}

async function shown(registry: ApplicationRegistry): Promise<ReadonlyMap<string, Family>> {
  return readExposition((await expose(registry.read(), 'prometheus')).text);
}

describe('metrics of several workers', () => {
  it('are added, or what their aggregator says', async () => {
    const registry = new ApplicationRegistry();
    for (const process of [1, 2, 3]) {
      const report = await reportOf((registers) => {
        new Counter({ name: 'a', help: 'A.', labelNames: ['x'], registers }).inc({ x: 'y' }, 2);
        new Gauge({ name: 'b', help: 'B.', registers }).set(process);
        new Gauge({ name: 'c', help: 'C.', registers, aggregator: 'max' }).set(process);
        new Gauge({ name: 'd', help: 'D.', registers, aggregator: 'average' }).set(process);
        new Gauge({ name: 'e', help: 'E.', registers, aggregator: 'omit' }).set(process);
        new Histogram({ name: 'f', help: 'F.', buckets: [1, 2], registers }).observe(process);
      });
      expect(registry.report(process, report)).toEqual([]);
    }
    const families = await shown(registry);
    expect(numberOf(families, 'a', { x: 'y' })).toBe(6);
    expect(['b', 'c', 'd', 'e'].map((name) => numberOf(families, name))).toEqual([
      6,
      3,
      2,
      undefined,
    ]);
    expect(numberOf(families, 'f_bucket', { le: '2' })).toBe(2);
    expect(numberOf(families, 'f_sum')).toBe(6);
  });

  it('grow on when a worker ends, and gauges go with it', async () => {
    const registry = new ApplicationRegistry();
    const both = await reportOf((registers) => {
      new Counter({ name: 'jobs_total', help: 'Jobs.', registers }).inc(5);
      new Gauge({ name: 'open', help: 'Open.', registers }).set(5);
    });
    registry.report(1, both);
    registry.report(2, both);
    registry.ended(1);
    expect(numberOf(await shown(registry), 'jobs_total')).toBe(10);
    expect(numberOf(await shown(registry), 'open')).toBe(5);
    registry.report(3, await counter(1));
    expect(numberOf(await shown(registry), 'jobs_total')).toBe(11);
    registry.ended(2);
    registry.ended(3);
    registry.ended(3);
    expect(numberOf(await shown(registry), 'jobs_total')).toBe(11);
  });

  it('keep sums and counts of summaries, and no quantiles: those of several processes make none', async () => {
    const registry = new ApplicationRegistry();
    const report = await reportOf((registers) =>
      new Summary({ name: 's', help: 'S.', percentiles: [0.5], registers }).observe(3),
    );
    registry.report(1, report);
    registry.report(2, report);
    registry.ended(1);
    const { samples } = (await shown(registry)).get('s') ?? { samples: [] };
    expect(samples.map(({ name, value }) => [name, value])).toEqual([
      ['s_sum', 6],
      ['s_count', 2],
    ]);
  });

  it('are what the newest code says, where a reload made something else of a name', async () => {
    const registry = new ApplicationRegistry();
    registry.report(1, await counter(5, 'x'));
    const gauge = await reportOf((registers) =>
      new Gauge({ name: 'x', help: 'X.', registers }).set(7),
    );
    registry.report(2, gauge);
    expect((await shown(registry)).get('x')).toMatchObject({ type: 'gauge' });
    registry.ended(1);
    expect(numberOf(await shown(registry), 'x')).toBe(7);
  });

  it('of workers that ended are bounded', async () => {
    const registry = new ApplicationRegistry();
    registry.report(1, await counter(1));
    expect(registry.ended(1)).toBeUndefined();
    const many = await reportOf((registers) => {
      const series = new Counter({
        name: 'many_total',
        help: 'Many.',
        labelNames: ['pid'],
        registers,
      });
      for (let pid = 0; pid < 60_000; pid++) series.inc({ pid });
    });
    registry.report(2, many);
    expect(registry.ended(2)).toMatch(/too many values/);
    expect(numberOf(await shown(registry), 'jobs_total')).toBe(1);
    expect((await shown(registry)).has('many_total')).toBe(false);
  });
});

describe('a report', () => {
  it('may not say what is zscale’s own, nor what is no name', () => {
    const of = (name: unknown): unknown => ({ name, help: '', type: 'gauge', values: [] });
    const names = ['zscale_workers', 'a b', '', 'constructor', '__proto__', 7, 'good'];
    const { metrics, faults } = parseApplicationReport(JSON.stringify(names.map(of)));
    expect(metrics.map(({ name }) => name)).toEqual(['good']);
    expect(faults).toContainEqual("zscale_workers begins with zscale_, as zscale's own do");
    expect(faults).toHaveLength(6);
  });

  it('keeps numbers that JSON has no form for', async () => {
    const registry = new ApplicationRegistry();
    const values = ['NaN', 'Infinity'].map((value, i) => ({ labels: { i }, value }));
    registry.report(1, JSON.stringify([{ name: 'g', help: 'G.', type: 'gauge', values }]));
    const families = await shown(registry);
    expect([numberOf(families, 'g', { i: '0' }), numberOf(families, 'g', { i: '1' })]).toEqual([
      NaN,
      Infinity,
    ]);
  });

  it('of whatever values makes a text that can be read, in both formats', async () => {
    const label = fc.oneof(fc.string(), fc.constantFrom('"', '\\', '\n', '}', '__proto__'));
    const sample = fc.record({
      labels: fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', '__proto__'), fc.string()), label),
      value: fc.oneof(fc.double(), fc.constantFrom('NaN', 'x', null)),
      metricName: fc.option(fc.constantFrom('x', 'x_sum', 'y y'), { nil: undefined }),
    });
    const metric = fc.record(
      {
        name: fc.oneof(fc.constantFrom('x', 'x_total', 'toString', '__proto__'), fc.string()),
        help: fc.oneof(label, fc.constant(undefined)),
        type: fc.constantFrom('counter', 'gauge', 'summary', 'other'),
        aggregator: fc.constantFrom('sum', 'max', 'omit', 'nothing'),
        values: fc.array(sample),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.anything()), fc.array(metric), async (junk, metrics) => {
        const registry = new ApplicationRegistry();
        registry.report(1, JSON.stringify([...junk, ...metrics]) ?? 'undefined');
        registry.report(2, JSON.stringify(metrics));
        registry.ended(1);
        const texts = await Promise.all([
          expose([OWN, ...registry.read()], 'prometheus'),
          expose([OWN, ...registry.read()], 'openmetrics'),
        ]);
        expect(() => readExposition(texts[0]?.text ?? '')).not.toThrow();
        expect(() => readExposition(texts[1]?.text ?? '', 'openmetrics')).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });
});

describe('OpenMetrics', () => {
  it('has counters without _total in their family, and with it in their samples', async () => {
    const registry = new ApplicationRegistry();
    registry.report(1, await counter(2, 'jobs_total'));
    registry.report(2, await counter(3, 'plain'));
    const { text, contentType } = await expose(registry.read(), 'openmetrics');
    expect(contentType).toMatch(/^application\/openmetrics-text; version=1.0.0/);
    const families = readExposition(text, 'openmetrics');
    expect(families.get('jobs')?.samples[0]).toMatchObject({ name: 'jobs_total', value: 2 });
    expect(families.get('plain')?.samples[0]).toMatchObject({ name: 'plain_total', value: 3 });
  });
});
