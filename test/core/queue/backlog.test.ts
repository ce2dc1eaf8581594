import { describe, expect, it } from 'vitest';
import { Backlog } from '../../../packages/core/src/queue/backlog.ts';
import { Line } from '../../../packages/core/src/queue/line.ts';
import type { QueuedRequest } from '../../../packages/core/src/queue/queued-request.ts';
import { clientPeer, queuedRequest } from '../../support/queued-request.ts';

const request = (memory: number) => queuedRequest({ memory });

describe('the backlog', () => {
  it('takes maxQueue requests in all lines and says why it takes no more', () => {
    const backlog = new Backlog({ maxQueue: 2, maxQueueBytes: Infinity });
    const [first, second] = [request(1), request(1)];
    expect(backlog.push(first, new Line<QueuedRequest>())).toBeUndefined();
    expect(backlog.push(second, new Line<QueuedRequest>())).toBeUndefined();
    expect(backlog.push(request(1), new Line<QueuedRequest>())).toMatchObject({
      code: 'ZSCALE_ERR_BUSY',
      text: expect.stringContaining('maxQueue)'),
    });
    expect(backlog.length).toBe(2);
    backlog.remove(first);
    expect([backlog.length, backlog.bytes, first.line]).toEqual([1, 1, undefined]);
    expect(backlog.push(request(1), new Line<QueuedRequest>())).toBeUndefined();
  });

  it('takes maxQueueBytes and not a byte more, and says why', () => {
    const line = new Line<QueuedRequest>();
    const backlog = new Backlog({ maxQueue: Infinity, maxQueueBytes: 100 });
    const large = request(60);
    expect(backlog.push(large, line)).toBeUndefined();
    expect(backlog.push(request(41), line)).toMatchObject({
      code: 'ZSCALE_ERR_BUSY',
      text: expect.stringContaining('maxQueueBytes)'),
    });
    expect([backlog.length, backlog.bytes]).toEqual([1, 60]);
    expect(backlog.push(request(40), line)).toBeUndefined();
    expect(backlog.bytes).toBe(100);
    backlog.remove(large);
    expect(backlog.bytes).toBe(40);
  });

  it('of no places takes nothing but what is put back', () => {
    const backlog = new Backlog({ maxQueue: 0, maxQueueBytes: Infinity });
    const [first, second, line] = [request(1), request(1), new Line<QueuedRequest>()];
    expect(backlog.push(request(1), line)).toMatchObject({ code: 'ZSCALE_ERR_BUSY' });
    backlog.putBack(second, line);
    backlog.putBack(first, line);
    expect([backlog.length, line.first, line.first?.behind]).toEqual([2, first, second]);
  });

  it('counts what is kept as well, and keeps nothing beyond maxQueueBytes', () => {
    const backlog = new Backlog({ maxQueue: Infinity, maxQueueBytes: 100 });
    const [held, waiting, line] = [request(50), request(40), new Line<QueuedRequest>()];
    expect(backlog.keep(held)).toBe(true);
    expect(backlog.push(waiting, line)).toBeUndefined();
    expect(backlog.keep(request(11))).toBe(false);
    expect(backlog.push(request(11), line)).toMatchObject({ code: 'ZSCALE_ERR_BUSY' });
    expect([backlog.bytes, backlog.keptBytes]).toEqual([40, 50]);
    backlog.letGo(held);
    expect(backlog.keptBytes).toBe(0);
    expect(backlog.keep(request(60))).toBe(true);
  });

  it('counts those that have an end of their own', () => {
    const backlog = new Backlog({ maxQueue: Infinity, maxQueueBytes: Infinity });
    const hurried = queuedRequest({ isHurried: true });
    backlog.push(request(1), new Line<QueuedRequest>());
    expect(backlog.hurried).toBe(0);
    backlog.push(hurried, new Line<QueuedRequest>());
    expect(backlog.hurried).toBe(1);
    backlog.remove(hurried);
    expect(backlog.hurried).toBe(0);
  });
});

describe('a full backlog', () => {
  /** Fills the places with requests of one client, as far as others leave them. */
  function flood(backlog: Backlog, line: Line<QueuedRequest>) {
    const greedy = clientPeer();
    for (;;) {
      const next = queuedRequest({}, greedy);
      if (backlog.push(next, line) === undefined) continue;
      greedy.closed(next);
      return greedy;
    }
  }

  it('gives a client with fewer waiting the place of the newest of the one with the most', () => {
    const [backlog, line] = [
      new Backlog({ maxQueue: 10, maxQueueBytes: Infinity }),
      new Line<QueuedRequest>(),
    ];
    const greedy = flood(backlog, line);
    const modest = clientPeer();
    for (let i = 0; i < 10; i++) {
      const next = queuedRequest({}, modest);
      const place = backlog.placeFor(next);
      if (place === undefined) {
        modest.closed(next);
        break;
      }
      expect(place).toBe(greedy.newestWaiting(0));
      backlog.remove(place);
      greedy.closed(place);
      expect(backlog.push(next, line)).toBeUndefined();
    }
    expect([greedy.waitingIn(0), modest.waitingIn(0), backlog.length]).toEqual([5, 5, 10]);
  });

  it('looks at what waits here, whoever has more elsewhere', () => {
    const [backlog, line] = [
      new Backlog({ maxQueue: 10, maxQueueBytes: Infinity }),
      new Line<QueuedRequest>(),
    ];
    const elsewhere = new Backlog({ maxQueue: 100, maxQueueBytes: Infinity });
    const busy = clientPeer();
    backlog.push(queuedRequest({}, busy), line);
    for (let i = 0; i < 50; i++) {
      elsewhere.push(queuedRequest({ pool: 1 }, busy), new Line<QueuedRequest>());
    }
    const greedy = flood(backlog, line);
    const place = backlog.placeFor(queuedRequest());
    expect(place).toBeDefined();
    expect(place).toBe(greedy.newestWaiting(0));
  });

  it('gives the client with the most nobody else’s place', () => {
    const [backlog, line] = [
      new Backlog({ maxQueue: 10, maxQueueBytes: Infinity }),
      new Line<QueuedRequest>(),
    ];
    backlog.push(queuedRequest(), line);
    const greedy = flood(backlog, line);
    expect(backlog.placeFor(queuedRequest({}, greedy))).toBeUndefined();
  });

  it('that is not full has no need of anybody’s place', () => {
    const backlog = new Backlog({ maxQueue: 10, maxQueueBytes: Infinity });
    const greedy = clientPeer();
    for (let i = 0; i < 9; i++) backlog.push(queuedRequest({}, greedy), new Line<QueuedRequest>());
    expect(backlog.placeFor(queuedRequest())).toBeUndefined();
  });
});
