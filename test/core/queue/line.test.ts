import { describe, expect, it } from 'vitest';
import { Line } from '../../../packages/core/src/queue/line.ts';
import type { QueuedRequest } from '../../../packages/core/src/queue/queued-request.ts';
import { queuedRequest } from '../../support/queued-request.ts';

/** Who stands in a line, read forwards; and that backwards gives the same. */
function standing(line: Line<QueuedRequest>): QueuedRequest[] {
  const all: QueuedRequest[] = [];
  for (let each = line.first; each !== undefined; each = each.behind) all.push(each);
  for (const [i, each] of all.entries()) {
    expect(each.ahead).toBe(all[i - 1]);
    expect(each.line).toBe(line);
  }
  expect(line.length).toBe(all.length);
  return all;
}

describe('a line', () => {
  it('keeps the order in which requests came, and lets some in front', () => {
    const line = new Line<QueuedRequest>();
    const [a, b, c, d] = [queuedRequest(), queuedRequest(), queuedRequest(), queuedRequest()];
    line.unshift(a);
    line.push(b);
    line.push(c);
    line.unshift(d);
    expect(standing(line)).toEqual([d, a, b, c]);
  });

  it.each([0, 1, 2])('lets the one at place %i go, which then holds on to nobody', (place) => {
    const line = new Line<QueuedRequest>();
    const requests = [queuedRequest(), queuedRequest(), queuedRequest()];
    for (const each of requests) line.push(each);
    const [gone] = requests.splice(place, 1);
    if (gone !== undefined) line.remove(gone);
    expect(standing(line)).toEqual(requests);
    expect(gone).toMatchObject({ line: undefined, ahead: undefined, behind: undefined });
    for (const each of requests) line.remove(each);
    expect(standing(line)).toEqual([]);
    if (gone !== undefined) line.push(gone);
    expect(standing(line)).toEqual([gone]);
  });
});
