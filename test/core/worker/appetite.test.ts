import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Appetite } from '../../../packages/core/src/worker/appetite.ts';

describe('the appetite of a worker', () => {
  it('is one request more than it waits on, before anything was measured', () => {
    const appetite = new Appetite(64);
    expect([appetite.credit(0), appetite.credit(1), appetite.credit(10)]).toEqual([1, 2, 11]);
  });

  it('never exceeds its concurrency', () => {
    const appetite = new Appetite(3);
    appetite.measure(100, 0.1);
    expect([appetite.credit(0), appetite.credit(3), appetite.credit(50)]).toEqual([3, 3, 3]);
  });

  it('has no stock where a request takes a millisecond: others may be idle', () => {
    const appetite = new Appetite(64);
    appetite.measure(10, 10);
    expect(appetite.credit(0)).toBe(1);
    expect(appetite.credit(4)).toBe(5);
  });

  it('has a quarter of a millisecond of work in stock where requests are short', () => {
    const appetite = new Appetite(1000);
    appetite.measure(128, 128 / 64); // 1/64 ms each
    expect(appetite.credit(0)).toBe(1 + 16);
    expect(appetite.credit(4)).toBe(5 + 16);
  });

  it('keeps its stock in powers of two, so that small changes of pace are not told', () => {
    const credits = [130, 150, 200, 250].map((requests) => {
      const appetite = new Appetite(1000);
      appetite.measure(requests, 1);
      return appetite.credit(0);
    });
    expect(credits).toEqual([1 + 32, 1 + 32, 1 + 32, 1 + 32]);
  });

  it('has no more than 256 in stock, however short they are', () => {
    const appetite = new Appetite(10_000);
    appetite.measure(128, 0.0001);
    expect(appetite.credit(0)).toBe(257);
  });

  it('loses its stock at one slow request, and has it back after many short ones', () => {
    const appetite = new Appetite(64);
    for (let i = 0; i < 10; i++) appetite.measure(100, 1);
    expect(appetite.credit(0)).toBe(1 + 16);
    appetite.measure(1, 100);
    expect(appetite.credit(0)).toBe(1);
    for (let i = 0; i < 10; i++) appetite.measure(128, 1.28);
    expect(appetite.credit(0)).toBe(1 + 16);
  });

  it('is a whole number from 1 to its concurrency, whatever was measured', () => {
    const measurement = fc.tuple(
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 1e6 }),
    );
    fc.assert(
      fc.property(
        fc.array(measurement, { maxLength: 20 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.nat({ max: 1000 }),
        (measurements, concurrency, waiting) => {
          const appetite = new Appetite(concurrency);
          for (const [requests, busyMs] of measurements) {
            if (!Number.isNaN(busyMs)) appetite.measure(requests, busyMs);
          }
          const credit = appetite.credit(waiting);
          expect(Number.isInteger(credit)).toBe(true);
          expect(credit).toBeGreaterThanOrEqual(Math.min(waiting + 1, concurrency));
          expect(credit).toBeLessThanOrEqual(concurrency);
        },
      ),
    );
  });
});

describe('what may wait at a worker beside', () => {
  /** After so many requests of a millisecond, one of so many ms, and so many of a millisecond again. */
  function spareAfter(before: number, slow: number, after: number): number {
    const appetite = new Appetite(64);
    for (let i = 0; i < before; i++) appetite.measure(1, 1);
    appetite.measure(1, slow);
    for (let i = 0; i < after; i++) appetite.measure(1, 1);
    return appetite.spare;
  }

  it('is one request where all take about as long', () => {
    expect(spareAfter(200, 1, 0)).toBe(1);
    expect(spareAfter(200, 3, 0)).toBe(1);
  });

  it('is none before enough were measured', () => {
    expect(new Appetite(64).spare).toBe(0);
    expect(spareAfter(20, 1, 0)).toBe(0);
  });

  it('is none for as long as a slow one among them is remembered', () => {
    expect(spareAfter(200, 40, 0)).toBe(0);
    expect(spareAfter(200, 40, 100)).toBe(0);
    expect(spareAfter(200, 40, 1000)).toBe(1);
  });

  it('is none where requests take so long that the way to the queue is no matter', () => {
    const appetite = new Appetite(64);
    for (let i = 0; i < 200; i++) appetite.measure(1, 6);
    expect(appetite.spare).toBe(0);
  });

  it('is none where the handler waits for others: how long is not known here', () => {
    const appetite = new Appetite(64);
    for (let i = 0; i < 200; i++) appetite.measure(1, 1, 1);
    expect(appetite.spare).toBe(0);
    for (let i = 0; i < 1000; i++) appetite.measure(1, 1, 0);
    expect(appetite.spare).toBe(1);
  });
});
