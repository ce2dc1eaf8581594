/*
 * When a process has been silent for too long: pure time.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Silence } from '../../../packages/core/src/supervisor/silence.ts';

const LIMIT_MS = 2000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watched(limit = LIMIT_MS): { silence: Silence; told: number[] } {
  const told: number[] = [];
  const silence = new Silence(limit, (ms) => told.push(ms));
  silence.start();
  return { silence, told };
}

it('tells once, when nothing was heard for the limit', () => {
  const { told } = watched();
  vi.advanceTimersByTime(LIMIT_MS - 1);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(10 * LIMIT_MS);
  expect(told).toEqual([LIMIT_MS]);
});

it('begins anew with whatever is heard', () => {
  const { silence, told } = watched();
  for (let i = 0; i < 20; i += 1) {
    vi.advanceTimersByTime(LIMIT_MS / 2);
    silence.heard();
  }
  expect(told).toEqual([]);
  vi.advanceTimersByTime(2 * LIMIT_MS);
  expect(told).toHaveLength(1);
});

it('takes nobody for silent because this process itself stood still', () => {
  const { silence, told } = watched();
  vi.advanceTimersByTime(LIMIT_MS / 4);
  vi.setSystemTime(Date.now() + 3_600_000); // the timers come late, all at once
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 3_600_000);
  vi.advanceTimersByTime(LIMIT_MS / 4);
  expect(told).toEqual([]);
  silence.heard();
});

it('is over when it is stopped, and has no end where there is no limit', () => {
  const { silence, told } = watched();
  silence.stop();
  silence.stop();
  const endless = watched(Number.POSITIVE_INFINITY);
  vi.advanceTimersByTime(100 * LIMIT_MS);
  expect([...told, ...endless.told]).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
