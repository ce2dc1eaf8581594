/*
 * Totals of workers whose processes come and go.
 */
import { describe, expect, it } from 'vitest';
import { RunningTotals } from '../../../packages/core/src/metrics/running-totals.ts';

/** Totals as plain data, by worker. */
function read(totals: RunningTotals): unknown {
  return Object.fromEntries(totals.read());
}

describe('RunningTotals', () => {
  it('go on from what the process before had counted', () => {
    const totals = new RunningTotals();
    totals.set(1, 0, [5, 2]);
    totals.set(1, 0, [7, 3]);
    totals.ended(1);
    expect(read(totals)).toEqual({ 0: [7, 3] });
    totals.set(2, 0, [1, 0]);
    expect(read(totals)).toEqual({ 0: [8, 3] });
  });

  it('are those of both while a successor is there beside the old one', () => {
    const totals = new RunningTotals();
    totals.set(1, 0, [5]);
    totals.set(2, 0, [1]);
    expect(read(totals)).toEqual({ 0: [6] });
    totals.ended(1);
    expect(read(totals)).toEqual({ 0: [6] });
  });

  it('know nothing of a process that never said anything, and count an end once', () => {
    const totals = new RunningTotals();
    totals.ended(1);
    expect(read(totals)).toEqual({});
    totals.set(2, 1, [4]);
    totals.ended(2);
    totals.ended(2);
    expect(read(totals)).toEqual({ 1: [4] });
  });
});
