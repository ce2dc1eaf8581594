import { describe, expect, it } from 'vitest';
import { Latency } from '../../../packages/core/src/dashboard/latency.ts';
import { Histogram } from '../../../packages/core/src/metrics/histogram.ts';

const NONE = { p50: null, p95: null, p99: null };

describe('percentiles', () => {
  it('are of what came since the last look, and none where nothing came', () => {
    const histogram = new Histogram();
    const latency = new Latency();
    histogram.observe(20_000);
    expect(latency.since(histogram.snapshot(), 1000)).toEqual(NONE);
    for (let i = 0; i < 98; i += 1) histogram.observe(1.5);
    histogram.observe(400);
    histogram.observe(4000);
    const { p50, p95, p99 } = latency.since(histogram.snapshot(), 2000);
    expect(p50).toBeGreaterThan(1);
    expect(p95).toBeLessThanOrEqual(2);
    expect(p99).toBeGreaterThan(200);
    expect(p99).toBeLessThanOrEqual(500);
    expect(latency.since(histogram.snapshot(), 3000)).toEqual(NONE);
  });

  it('are none after nobody has looked for a while', () => {
    const histogram = new Histogram();
    const latency = new Latency();
    latency.since(histogram.snapshot(), 1000);
    histogram.observe(1);
    expect(latency.since(histogram.snapshot(), 61_000)).toEqual(NONE);
    histogram.observe(1);
    expect(latency.since(histogram.snapshot(), 62_000).p50).toBeGreaterThan(0);
  });
});
