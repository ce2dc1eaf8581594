/*
 * Durations in buckets: where each falls, and what can be said of them afterwards.
 */
import { describe, expect, it } from 'vitest';
import {
  BUCKET_BOUNDS_MS,
  between,
  Histogram,
  quantile,
  together,
} from '../../../packages/core/src/metrics/histogram.ts';

function histogramOf(...durations: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const ms of durations) histogram.observe(ms);
  return histogram;
}

describe('Histogram', () => {
  it('counts a duration in the first bucket whose end it does not exceed', () => {
    const { counts, count, sum } = histogramOf(0, 0.1, 0.1001, 3, 60_000, 60_001).snapshot();
    const filled = counts.flatMap((n, i) => (n > 0 ? [[BUCKET_BOUNDS_MS[i] ?? Infinity, n]] : []));
    expect(filled).toEqual([
      [0.1, 2],
      [0.2, 1],
      [5, 1],
      [60_000, 1],
      [Infinity, 1],
    ]);
    expect(count).toBe(6);
    expect(sum).toBeCloseTo(120_004.2001);
  });

  it('has buckets from 100 us to 60 s, each longer than the one before', () => {
    expect(BUCKET_BOUNDS_MS[0]).toBe(0.1);
    expect(BUCKET_BOUNDS_MS.at(-1)).toBe(60_000);
    expect(BUCKET_BOUNDS_MS).toEqual([...BUCKET_BOUNDS_MS].sort((a, b) => a - b));
  });

  it('gives snapshots that stay as they are', () => {
    const histogram = histogramOf(1);
    const before = histogram.snapshot();
    histogram.observe(1);
    expect([before.count, histogram.snapshot().count]).toEqual([1, 2]);
  });
});

describe('quantile', () => {
  it('knows nothing of no observation', () => {
    expect(quantile(new Histogram().snapshot(), 0.5)).toBeUndefined();
  });

  it('lies between the ends of the bucket in which it is', () => {
    const snapshot = histogramOf(...Array(99).fill(1.5), 700).snapshot();
    expect(quantile(snapshot, 0.5)).toBeGreaterThan(1);
    expect(quantile(snapshot, 0.5)).toBeLessThan(2);
    expect(quantile(snapshot, 0.99)).toBe(2);
    expect(quantile(snapshot, 1)).toBe(1000);
  });

  it('grows evenly inside of a bucket', () => {
    const snapshot = histogramOf(...Array(10).fill(15)).snapshot();
    expect(quantile(snapshot, 0.1)).toBeCloseTo(11);
    expect(quantile(snapshot, 0.9)).toBeCloseTo(19);
  });

  it('is the last bound for what is longer than any', () => {
    expect(quantile(histogramOf(100_000).snapshot(), 0.5)).toBe(60_000);
  });
});

describe('several snapshots', () => {
  it('are subtracted to know what was between them', () => {
    const histogram = histogramOf(1, 1, 1);
    const before = histogram.snapshot();
    histogram.observe(300);
    const { count, sum, counts } = between(before, histogram.snapshot());
    expect([count, sum]).toEqual([1, 300]);
    expect(counts[BUCKET_BOUNDS_MS.indexOf(500)]).toBe(1);
    expect(counts[BUCKET_BOUNDS_MS.indexOf(1)]).toBe(0);
  });

  it('are added to one', () => {
    const sum = together([histogramOf(1, 2).snapshot(), histogramOf(1).snapshot()]);
    expect(sum).toMatchObject({ count: 3, sum: 4 });
    expect(together([])).toMatchObject({ count: 0, sum: 0 });
  });
});
