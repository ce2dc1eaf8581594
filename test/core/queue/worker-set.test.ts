import { describe, expect, it } from 'vitest';
import type { WorkerPeer } from '../../../packages/core/src/queue/back-end.ts';
import { grainOf } from '../../../packages/core/src/queue/dispatch.ts';
import { WorkerSet } from '../../../packages/core/src/queue/worker-set.ts';

/** What the set reads of a worker; the rest belongs to its connection. */
function worker(id: number, limit: number, held = 0): WorkerPeer {
  return {
    id,
    generation: id,
    limit,
    held,
    requests: 0,
    speaksZscale: true,
    address: '',
  } as unknown as WorkerPeer;
}

function setOf(...workers: WorkerPeer[]): WorkerSet {
  const set = new WorkerSet();
  for (const each of workers) set.add(each);
  return set;
}

/** The ids of those who get the next requests, each of which is held. */
function give(set: WorkerSet, requests: number): Array<number | undefined> {
  const ids: Array<number | undefined> = [];
  for (let i = 0; i < requests; i++) {
    const next = set.next();
    if (next !== undefined) next.held += 1;
    ids.push(next?.id);
  }
  return ids;
}

describe('the set of workers', () => {
  it('gives workers that take one at a time one each, in turn, and then nobody', () => {
    expect(give(setOf(worker(0, 1), worker(1, 1), worker(2, 1)), 4)).toEqual([0, 1, 2, undefined]);
  });

  it('gives a worker that takes many a few in a row within one turn, and then the least busy one', () => {
    const grain = grainOf(8);
    const ids = give(setOf(worker(0, 8), worker(1, 8)), 2 * grain);
    expect(ids).toEqual([...Array(grain).fill(0), ...Array(grain).fill(1)]);
  });

  it('looks for the least busy one anew at each turn', () => {
    const set = setOf(worker(0, 8), worker(1, 8));
    expect(give(set, 1)).toEqual([0]);
    set.startTurn();
    expect(give(set, 1)).toEqual([1]);
  });

  it('never gives a worker more than it asked for', () => {
    const workers = [worker(0, 5), worker(1, 3)];
    give(setOf(...workers), 20);
    expect(workers.map(({ held }) => held)).toEqual([5, 3]);
  });

  it('goes on when workers leave, whoever had the turn', () => {
    const workers = [0, 1, 2, 3].map((id) => worker(id, 4));
    const set = setOf(...workers);
    give(set, 7);
    for (const each of workers.slice(1)) set.remove(each);
    expect(give(set, 1)).toEqual([0]);
    for (const each of workers) set.remove(each);
    expect(give(set, 1)).toEqual([undefined]);
  });

  it('knows a worker by its number', () => {
    const set = setOf(worker(0, 1), worker(7, 1));
    expect(set.ofGeneration(7).map(({ id }) => id)).toEqual([7]);
    expect(set.ofGeneration(1)).toEqual([]);
  });
});
