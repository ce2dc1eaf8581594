import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../packages/transport/src/fifo.ts';

describe('Fifo', () => {
  it('gives items back in the order they came', () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 100; i++) fifo.push(i);
    for (let i = 0; i < 100; i++) expect(fifo.shift()).toBe(i);
    expect(fifo.shift()).toBeUndefined();
  });

  it('shows the oldest item without taking it', () => {
    const fifo = new Fifo<string>();
    expect(fifo.peek()).toBeUndefined();
    fifo.push('a');
    fifo.push('b');
    expect([fifo.peek(), fifo.peek(), fifo.length]).toEqual(['a', 'a', 2]);
  });

  it('is empty after clear(), and usable', () => {
    const fifo = new Fifo<string>();
    fifo.push('a');
    fifo.clear();
    expect([fifo.length, fifo.shift()]).toEqual([0, undefined]);
    fifo.push('b');
    expect(fifo.shift()).toBe('b');
  });

  it('keeps its order while it grows with its head in the middle of the ring', () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 10; i++) fifo.push(i);
    for (let i = 0; i < 7; i++) fifo.shift();
    for (let i = 10; i < 200; i++) fifo.push(i);
    const rest = Array.from({ length: fifo.length }, () => fifo.shift());
    expect(rest).toEqual(Array.from({ length: 193 }, (_, i) => i + 7));
  });

  it('does what an array does, for any run of pushes and shifts', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ push: fc.nat() }) },
      { weight: 2, arbitrary: fc.constant('shift' as const) },
      { weight: 1, arbitrary: fc.constant('peek' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        for (const action of steps) {
          if (action === 'shift') expect(fifo.shift()).toBe(model.shift());
          else if (action === 'peek') expect(fifo.peek()).toBe(model[0]);
          else {
            fifo.push(action.push);
            model.push(action.push);
          }
          expect(fifo.length).toBe(model.length);
        }
      }),
      { numRuns: 30 },
    );
  });
});
