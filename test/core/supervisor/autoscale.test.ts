import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AutoscaleHistory,
  decideCount,
  freshHistory,
  LOOKS_HIGH,
  LOOKS_LOW,
  type Look,
  SETTLE_MS,
} from '../../../packages/core/src/supervisor/autoscale.ts';

const LIMITS = { min: 2, max: 6 };

/** Looks once a second for so long, with workers coming and going as decided. */
function run(
  seconds: number,
  start: number,
  see: (at: number, count: number) => Omit<Look, 'at'>,
): number[] {
  let history: AutoscaleHistory = freshHistory(0);
  let count = start;
  const counts: number[] = [];
  for (let second = 1; second <= seconds; second += 1) {
    const at = second * 1000;
    const decision = decideCount({ at, ...see(at, count) }, history, LIMITS);
    history = decision.history;
    count = decision.count;
    counts.push(count);
  }
  return counts;
}

const all = (count: number, utilization: number): number[] =>
  Array.from({ length: count }, () => utilization);

describe('the number of workers', () => {
  it('rises by one when requests wait in three looks in a row, and the last change is three seconds ago', () => {
    const counts = run(10, 2, (_, count) => ({ wait: 200, utilizations: all(count, 0.1) }));
    expect(counts).toEqual([2, 2, 3, 3, 3, 4, 4, 4, 5, 5]);
  });

  it('rises when the event loops are busy, though nothing waits', () => {
    const counts = run(3, 2, (_, count) => ({ wait: 0, utilizations: all(count, 0.9) }));
    expect(counts).toEqual([2, 2, 3]);
  });

  it('never rises above max, nor falls below min', () => {
    const risen = run(100, 6, (_, count) => ({ wait: 5000, utilizations: all(count, 1) }));
    expect(new Set(risen)).toEqual(new Set([6]));
    const fallen = run(500, 2, (_, count) => ({ wait: 0, utilizations: all(count, 0) }));
    expect(new Set(fallen)).toEqual(new Set([2]));
  });

  it('goes to min and max at once when it is outside of them', () => {
    const history = freshHistory(0);
    const few = decideCount({ at: 1, wait: 0, utilizations: all(1, 0) }, history, LIMITS);
    expect(few).toMatchObject({ count: 2, reason: 'at least 2 (autoscale.min)' });
    const many = decideCount({ at: 1, wait: 0, utilizations: all(9, 0) }, history, LIMITS);
    expect(many).toMatchObject({ count: 6, reason: 'at most 6 (autoscale.max)' });
  });

  it('falls by one when nothing waited and little was done for half a minute', () => {
    const counts = run(LOOKS_LOW + 1, 4, (_, count) => ({
      wait: 0,
      utilizations: all(count, 0.1),
    }));
    expect(counts.slice(0, LOOKS_LOW - 1)).toEqual(all(LOOKS_LOW - 1, 4));
    expect(counts[LOOKS_LOW - 1]).toBe(3);
  });

  it('does not fall when one worker fewer would be busy', () => {
    const counts = run(200, 3, (_, count) => ({ wait: 0, utilizations: all(count, 0.4) }));
    expect(new Set(counts)).toEqual(new Set([3])); // 1.2 of work: two would be at 0.6
  });

  it('does not go up and down under the same load', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 6, noNaN: true }),
        fc.integer({ min: 2, max: 6 }),
        (work, start) => {
          const counts = run(600, start, (_, count) => ({
            wait: work > count ? 1000 : 0,
            utilizations: all(count, Math.min(work / count, 1)),
          }));
          const late = new Set(counts.slice(300));
          expect(late.size).toBe(1);
        },
      ),
    );
  });

  it('is not moved by a single look', () => {
    const counts = run(60, 3, (at, count) => ({
      wait: at % (LOOKS_HIGH * 1000) === 0 ? 900 : 0,
      utilizations: all(count, 0.6),
    }));
    expect(new Set(counts)).toEqual(new Set([3]));
  });

  it('says why', () => {
    const history = { high: LOOKS_HIGH, low: 0, changedAt: 0 };
    const at = SETTLE_MS;
    expect(decideCount({ at, wait: 250.4, utilizations: [1, 1] }, history, LIMITS).reason).toBe(
      'requests waited for 250 ms',
    );
    expect(decideCount({ at, wait: 0, utilizations: [1, 0.8] }, history, LIMITS).reason).toBe(
      'the workers were busy for 90 % of the time',
    );
  });
});
