/*
 * What several gateways count as one, and what each may have of what they share.
 */
import { describe, expect, it } from 'vitest';
import {
  GatewayPast,
  NO_COUNTS,
  shareOf,
  sumOf,
} from '../../../packages/core/src/gateway/gateway-counts.ts';

describe('a limit that gateways share', () => {
  it('is divided without a rest, and each has at most one more than another', () => {
    for (const [limit, count] of [
      [10, 3],
      [3, 3],
      [10_000, 7],
      [64, 64],
    ] as const) {
      const shares = Array.from({ length: count }, (_, id) => shareOf(limit, count, id));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(limit);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }
  });

  it('is none for each where there is none', () => {
    expect(shareOf(Number.POSITIVE_INFINITY, 3, 2)).toBe(Number.POSITIVE_INFINITY);
  });
});

it('what those counted that are gone is kept for their place', () => {
  const past = new GatewayPast();
  const stats = { ...NO_COUNTS.stats, requests: 3, refused: 1 };
  const traffic = { ...NO_COUNTS.traffic, byClass: [0, 2, 0, 1, 0], sentBytes: 10 };
  past.add(1, { stats, traffic });
  past.add(1, { stats, traffic });
  past.add(0, { stats, traffic });
  expect(past.of(1)).toMatchObject({
    stats: { requests: 6 },
    traffic: { byClass: [0, 4, 0, 2, 0] },
  });
  expect(past.of(2)).toEqual(NO_COUNTS);
  expect(sumOf(past.all())).toMatchObject({
    stats: { requests: 9, refused: 3, connections: 0 },
    traffic: { byClass: [0, 6, 0, 3, 0], sentBytes: 30 },
  });
});
