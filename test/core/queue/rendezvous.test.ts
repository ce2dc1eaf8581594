import { describe, expect, it } from 'vitest';
import { pinnedWorker, pinOf } from '../../../packages/core/src/queue/rendezvous.ts';

const worker = (id: number, retired = false) => ({ seed: pinOf(`worker ${id}`), retired });
const KEYS = Array.from({ length: 4000 }, (_, i) => `user-${i}`);

/** Keys of each worker, by place. */
function shares(workers: ReturnType<typeof worker>[]): string[][] {
  const all = workers.map((): string[] => []);
  for (const key of KEYS) all[pinnedWorker(workers, pinOf(key))]?.push(key);
  return all;
}

describe('rendezvous hashing', () => {
  it('gives each worker about as many keys', () => {
    const sizes = shares([0, 1, 2, 3].map((id) => worker(id))).map(({ length }) => length);
    for (const size of sizes) {
      expect(size).toBeGreaterThan(850);
      expect(size).toBeLessThan(1150);
    }
  });

  it('moves only the keys of a worker that went, or that shall get no more', () => {
    const [a, b, c, d] = [worker(0), worker(1), worker(2), worker(3)];
    const before = shares([a, b, c, d]);
    const after = shares([a, b, d]);
    const retired = shares([a, b, worker(2, true), d]);
    expect(retired[2]).toEqual([]);
    for (const [old, now, also] of [
      [0, 0, 0],
      [1, 1, 1],
      [3, 2, 3],
    ] as const) {
      expect(after[now]).toEqual(expect.arrayContaining(before[old] ?? []));
      expect(retired[also]).toEqual(after[now]);
    }
    expect(after.flat()).toHaveLength(KEYS.length);
  });

  it('brings them back when the worker comes back, wherever it stands in the list', () => {
    const before = shares([worker(0), worker(1), worker(2)]);
    const after = shares([worker(0), worker(2), worker(1)]);
    expect([after[0], after[2], after[1]]).toEqual(before);
  });

  it('chooses nobody where nobody is', () => {
    expect(pinnedWorker([], 1)).toBe(-1);
    expect(pinnedWorker([worker(0, true)], 1)).toBe(-1);
  });

  it('takes text and bytes, and tells all characters apart', () => {
    expect(pinOf('abc')).toBe(pinOf(Buffer.from('abc')));
    expect(new Set(['', 'a', 'b', 'ab', 'ba', '\u0161', '\u0061\u0001'].map(pinOf)).size).toBe(7);
  });
});
