import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reconnectDelay } from '../../../packages/transport/src/transports/backoff.ts';

const ALMOST_ONE = 1 - Number.EPSILON;

describe('reconnectDelay', () => {
  it('is the interval and a random part of less than it, at every attempt', () => {
    const options = { reconnectInterval: 100, reconnectMaxInterval: 0 };
    for (const attempt of [0, 1, 5, 1000]) {
      expect(reconnectDelay(options, attempt, 0)).toBe(100);
      expect(reconnectDelay(options, attempt, 0.5)).toBe(150);
      expect(reconnectDelay(options, attempt, ALMOST_ONE)).toBe(199);
    }
  });

  it('doubles up to the maximum where there is one, with the same random part on top', () => {
    const options = { reconnectInterval: 50, reconnectMaxInterval: 400 };
    const delays = [0, 1, 2, 3, 4, 5].map((attempt) => reconnectDelay(options, attempt, 0));
    expect(delays).toEqual([50, 100, 200, 400, 400, 400]);
    expect(reconnectDelay(options, 2, 0.5)).toBe(225);
    expect(reconnectDelay(options, 9, ALMOST_ONE)).toBe(449);
  });

  it('is never less than the interval, even with a maximum below it', () => {
    const options = { reconnectInterval: 100, reconnectMaxInterval: 10 };
    expect([0, 3].map((attempt) => reconnectDelay(options, attempt, 0))).toEqual([100, 100]);
  });

  it.each([0, -1])('is none with an interval of %i: not tried again', (reconnectInterval) => {
    expect(reconnectDelay({ reconnectInterval, reconnectMaxInterval: 1000 }, 0, 0)).toBeUndefined();
  });

  it('stays a whole number between interval and maximum plus interval, after any number of attempts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.nat({ max: 10_000 }),
        fc.double({ min: 0, max: ALMOST_ONE, noNaN: true }),
        (reconnectInterval, reconnectMaxInterval, attempt, random) => {
          const delay = reconnectDelay(
            { reconnectInterval, reconnectMaxInterval },
            attempt,
            random,
          );
          expect(Number.isInteger(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(reconnectInterval);
          const most = Math.max(reconnectInterval, reconnectMaxInterval) + reconnectInterval;
          expect(delay).toBeLessThan(most);
        },
      ),
    );
  });
});
