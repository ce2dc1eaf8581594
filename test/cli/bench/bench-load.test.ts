import { describe, expect, it } from 'vitest';
import { BenchLoad } from '../../../packages/cli/src/bench/bench-load.ts';
import type { BenchTarget } from '../../../packages/cli/src/bench/bench-target.ts';

const STALL_MS = 300;

/** Answers at once, but for a time after the start in which it stands still; and how many it was asked. */
function stalling(): BenchTarget & { asked: number; mostOpen: number } {
  const start = performance.now();
  let open = 0;
  const target = {
    asked: 0,
    mostOpen: 0,
    async ask() {
      target.asked += 1;
      open += 1;
      target.mostOpen = Math.max(target.mostOpen, open);
      const rest = start + STALL_MS - performance.now();
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
      open -= 1;
      return undefined;
    },
    unexpected: () => null,
    close: () => Promise.resolve(),
  };
  return target;
}

describe('the load of a bench', () => {
  it('at a rate shows a stall in every request that was due meanwhile', async () => {
    const target = stalling();
    const plan = { rate: 500, concurrency: 1, duration: 600, requests: Number.POSITIVE_INFINITY };
    const { latency, sent, answered } = await new BenchLoad(target, plan).run();
    expect(sent).toBe(target.asked);
    expect(answered).toBe(sent);
    // About half of all came within the stall, and waited for half of it on average.
    expect(target.mostOpen).toBeGreaterThan(20);
    expect(latency.p90).toBeGreaterThan(STALL_MS / 3);
  });

  it('of clients in turn has so many open at once, and shows a stall once for each', async () => {
    const target = stalling();
    const plan = { rate: undefined, concurrency: 4, duration: Infinity, requests: 1000 };
    const measured = await new BenchLoad(target, plan).run();
    expect(measured).toMatchObject({ sent: 1000, answered: 1000 });
    expect(target.mostOpen).toBe(4);
    expect(measured.latency.p99).toBeLessThan(STALL_MS / 3);
    expect(measured.latency.max).toBeGreaterThan(STALL_MS / 2);
    expect(measured.bars.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
  });

  it('counts what failed by its code, apart from the latencies', async () => {
    let count = 0;
    const target: BenchTarget = {
      ask: async () => {
        count += 1;
        return count % 4 === 0 ? 'ZSCALE_ERR_BUSY' : undefined;
      },
      unexpected: () => 0,
      close: () => Promise.resolve(),
    };
    const plan = { rate: undefined, concurrency: 1, duration: Infinity, requests: 100 };
    const { answered, errors, bars } = await new BenchLoad(target, plan).run();
    expect(answered).toBe(75);
    expect([...errors]).toEqual([['ZSCALE_ERR_BUSY', 25]]);
    expect(bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(75);
  });
});
