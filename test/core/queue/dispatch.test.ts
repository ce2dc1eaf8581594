import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Candidate,
  chooseWorker,
  nextInTurn,
} from '../../../packages/core/src/queue/dispatch.ts';

const worker = (held: number, limit = 10): Candidate => ({ held, limit });

describe('the choice of a worker', () => {
  it('falls on the one with the fewest requests', () => {
    expect(chooseWorker([worker(3), worker(1), worker(2)], 0)).toBe(1);
  });

  it('passes over those that are at their limit, however few they hold', () => {
    expect(chooseWorker([worker(0, 0), worker(1, 1), worker(5), worker(4)], 0)).toBe(3);
  });

  it('falls on nobody when nobody has room, and when nobody is there', () => {
    expect(chooseWorker([worker(0, 0), worker(2, 2), worker(3, 1)], 1)).toBe(-1);
    expect(chooseWorker([], 0)).toBe(-1);
  });

  it.each([0, 1, 2])('lets equals take turns: from place %i on', (start) => {
    expect(chooseWorker([worker(0), worker(0), worker(0)], start)).toBe(start);
    expect(chooseWorker([worker(2), worker(2), worker(2)], start)).toBe(start);
  });

  it('is right wherever it starts to look, also behind the end of a list that became shorter', () => {
    const candidate = fc.record({ held: fc.nat({ max: 4 }), limit: fc.nat({ max: 4 }) });
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 8 }), fc.nat({ max: 20 }), (workers, start) => {
        const chosen = chooseWorker(workers, start);
        const free = workers.filter(({ held, limit }) => held < limit);
        if (free.length === 0) expect(chosen).toBe(-1);
        else {
          expect(free).toContain(workers[chosen]);
          expect(workers[chosen]?.held).toBe(Math.min(...free.map(({ held }) => held)));
        }
      }),
    );
  });
});

describe('the next in turn', () => {
  it('is the one at the start or behind it, however busy, that has room', () => {
    const workers = [
      { held: 0, limit: 1 },
      { held: 6, limit: 7 },
      { held: 1, limit: 1 },
    ];
    expect(nextInTurn(workers, 0)).toBe(0);
    expect(nextInTurn(workers, 1)).toBe(1);
    expect(nextInTurn(workers, 2)).toBe(0);
  });

  it('is nobody where nobody has room', () => {
    expect(nextInTurn([], 0)).toBe(-1);
    expect(
      nextInTurn(
        [
          { held: 2, limit: 2 },
          { held: 0, limit: 0 },
        ],
        1,
      ),
    ).toBe(-1);
  });
});
