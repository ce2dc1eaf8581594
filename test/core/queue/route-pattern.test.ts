import { describe, expect, it } from 'vitest';
import { matchesPattern } from '../../../packages/core/src/queue/route-pattern.ts';

describe('a pattern of routes', () => {
  it.each([
    ['report', 'report'],
    ['report*', 'report'],
    ['report*', 'report/yearly'],
    ['*', ''],
    ['*', 'anything/at all'],
    ['**', 'x'],
    ['*report', 'a report'],
    ['a*c*e', 'abcde'],
    ['a*c*e', 'aceXcZe'],
    ['a?c', 'abc'],
    ['???', 'abc'],
    ['a?*', 'ab'],
    ['/reports/*/pdf', '/reports/2026/11/pdf'],
    ['a.c+(d)', 'a.c+(d)'],
    ['', ''],
  ])('%j matches %j', (pattern, route) => {
    expect(matchesPattern(pattern, route)).toBe(true);
  });

  it.each([
    ['report', 'reports'],
    ['report', 'Report'],
    ['report*', 'a report'],
    ['*report', 'report '],
    ['a?c', 'ac'],
    ['a?*', 'a'],
    ['a.c', 'abc'],
    ['a*c*e', 'aec'],
    ['', 'x'],
    ['?', ''],
  ])('%j does not match %j', (pattern, route) => {
    expect(matchesPattern(pattern, route)).toBe(false);
  });

  it('of many stars takes no longer than pattern times route', () => {
    const start = performance.now();
    expect(matchesPattern(`${'*a'.repeat(128)}b`, 'a'.repeat(256))).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000); // a backtracking one would take years
  });
});
