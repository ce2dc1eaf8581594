/*
 * Every fuzz target for a moment, with a seed that nobody chose. What fails says how to repeat it; `pnpm fuzz` looks for longer.
 */
import { describe, expect, it } from 'vitest';
import { fuzz, randomSeed } from '../fuzz/target.ts';
import { TARGETS } from '../fuzz/targets.ts';

const seed = randomSeed();

describe('whatever comes in', () => {
  const targets = TARGETS.map((target) => [target.name, target.promise, target] as const);

  it.each(targets)('%s: %s', async (_name, _promise, target) => {
    const report = await fuzz(target, { seed, runs: target.runs });
    if (report !== undefined) expect.fail(report);
  });
});

describe('the list of fuzz targets', () => {
  it('has each name once, so that it can be asked for', () => {
    expect(new Set(TARGETS.map(({ name }) => name)).size).toBe(TARGETS.length);
  });
});
