import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Journal } from '../../../packages/core/src/control/journal.ts';

describe('a journal', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives what came behind a number, oldest first, with the number to go on with', async () => {
    const journal = new Journal();
    for (const fact of ['a', 'b', 'c']) journal.add({ fact });
    const { entries, last, missed } = await journal.read(1, 0);
    expect(entries).toMatchObject([
      { number: 2, fact: 'b' },
      { number: 3, fact: 'c' },
    ]);
    expect({ last, missed }).toEqual({ last: 3, missed: 0 });
    expect(await journal.read(last, 0)).toEqual({ entries: [], last: 3, missed: 0 });
  });

  it('gives all to somebody who was at an earlier journal', async () => {
    const journal = new Journal();
    journal.add({ fact: 'a' });
    expect(await journal.read(4711, 0)).toMatchObject({
      entries: [{ number: 1 }],
      last: 1,
      missed: 0,
    });
  });

  it('keeps the last thousand, gives them in parts, and says how many it forgot', async () => {
    const journal = new Journal();
    for (let i = 0; i < 1500; i += 1) journal.add({ i });
    const first = await journal.read(100, 0);
    expect(first).toMatchObject({ last: 700, missed: 400 });
    expect(first.entries[0]).toMatchObject({ number: 501, i: 500 });
    const rest = [];
    for (let at = first.last; ; ) {
      const { entries, last } = await journal.read(at, 0);
      if (entries.length === 0) break;
      rest.push(...entries);
      at = last;
    }
    expect(rest).toHaveLength(800);
    expect(rest.at(-1)).toMatchObject({ number: 1500 });
  });

  it('keeps no more than a mebibyte, however long the lines are, and counts what it forgot', async () => {
    const journal = new Journal();
    for (let i = 0; i < 900; i += 1) journal.add({ i, a: 'é'.repeat(4000), b: 'x'.repeat(4000) });
    const kept = [];
    const first = await journal.read(0, 0);
    for (let report = first; report.entries.length > 0; ) {
      kept.push(...report.entries);
      report = await journal.read(report.last, 0);
    }
    const bytes = kept.reduce((sum, entry) => sum + Buffer.byteLength(JSON.stringify(entry)), 0);
    expect(bytes).toBeLessThanOrEqual(1_048_576);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(kept.at(-1)).toMatchObject({ number: 900, i: 899 });
    expect(first.missed).toBe(900 - kept.length);
  });

  it('waits for news, and answers those who wait when they come, when time is up, or when it is closed', async () => {
    const journal = new Journal();
    const news = journal.read(0, 1000);
    journal.add({ fact: 'a' });
    expect(await news).toMatchObject({ entries: [{ fact: 'a' }], last: 1 });
    const late = journal.read(1, 1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await late).toEqual({ entries: [], last: 1, missed: 0 });
    const closed = journal.read(1, 1000);
    journal.close();
    expect(await closed).toMatchObject({ entries: [] });
    expect(await journal.read(1, 1000)).toMatchObject({ entries: [] });
  });

  it('takes facts down as JSON has them: errors told, texts cut, what has no form left out', async () => {
    const journal = new Journal();
    const circle: { self?: object } = {};
    circle.self = circle;
    journal.add({
      err: Object.assign(new Error('broken'), { code: 'EBROKEN' }),
      f: () => {},
      n: 1n,
    });
    journal.add(circle);
    journal.add({ long: 'x'.repeat(10_000) });
    journal.add({ many: Array.from({ length: 100_000 }, () => 'x') });
    const { entries } = await journal.read(0, 0);
    expect(entries[0]).toMatchObject({
      err: { type: 'Error', code: 'EBROKEN', message: 'broken' },
      n: '1',
    });
    expect(entries[0]).not.toHaveProperty('f');
    expect(entries[1]).toMatchObject({ text: 'facts that have no form in JSON' });
    for (const entry of entries) expect(JSON.stringify(entry).length).toBeLessThan(20_000);
  });
});
