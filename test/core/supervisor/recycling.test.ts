import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recycles, whyRecycle } from '../../../packages/core/src/supervisor/recycling.ts';

const NONE = { maxMemory: Infinity, maxRequests: Infinity, maxLifetime: Infinity };
const YOUNG = { memory: 1, requests: 0, age: 0, jitter: 0.5 };
const MIB = 1024 * 1024;

describe('a worker', () => {
  it('is not replaced without limits, whatever it has done', () => {
    const old = { memory: 2 ** 50, requests: 2 ** 50, age: 2 ** 50, jitter: 1 };
    expect(whyRecycle(old, NONE)).toBeUndefined();
    expect(recycles(NONE)).toBe(false);
  });

  it('is replaced when it has more memory than it may', () => {
    const limits = { ...NONE, maxMemory: 100 * MIB };
    expect(recycles(limits)).toBe(true);
    expect(whyRecycle({ ...YOUNG, memory: 100 * MIB }, limits)).toBeUndefined();
    expect(whyRecycle({ ...YOUNG, memory: 130 * MIB }, limits)).toEqual({
      limit: 'memory',
      text: 'it has 130 MiB of memory, more than 100 (maxMemory)',
    });
    expect(whyRecycle({ ...YOUNG, memory: undefined }, limits)).toBeUndefined();
  });

  it('is replaced within the last tenth of its requests, each at a number of its own', () => {
    const limits = { ...NONE, maxRequests: 1000 };
    const goesAt = (jitter: number): number => {
      for (let requests = 0; ; requests += 1)
        if (whyRecycle({ ...YOUNG, requests, jitter }, limits) !== undefined) return requests;
    };
    expect([0, 0.5, 1].map(goesAt)).toEqual([1000, 950, 900]);
    expect(whyRecycle({ ...YOUNG, requests: 1000 }, limits)).toMatchObject({ limit: 'requests' });
  });

  it('is replaced within the last tenth of its life', () => {
    const limits = { ...NONE, maxLifetime: 60_000 };
    expect(whyRecycle({ ...YOUNG, age: 53_999, jitter: 1 }, limits)).toBeUndefined();
    expect(whyRecycle({ ...YOUNG, age: 54_000, jitter: 1 }, limits)).toEqual({
      limit: 'lifetime',
      text: 'it is 54000 ms old (maxLifetime 60000)',
    });
    expect(whyRecycle({ ...YOUNG, age: 59_999, jitter: 0 }, limits)).toBeUndefined();
    expect(whyRecycle({ ...YOUNG, age: 60_000, jitter: 0 }, limits)).toBeDefined();
  });

  it('answers one request at least, however small the limit', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        (jitter, maxRequests) => {
          const limits = { ...NONE, maxRequests };
          expect(whyRecycle({ ...YOUNG, requests: 0, jitter }, limits)).toBeUndefined();
          expect(whyRecycle({ ...YOUNG, requests: maxRequests, jitter }, limits)).toBeDefined();
        },
      ),
    );
  });
});
