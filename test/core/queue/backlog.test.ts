import { describe, expect, it } from 'vitest';
import { Backlog } from '../../../packages/core/src/queue/backlog.ts';
import type { QueuedRequest } from '../../../packages/core/src/queue/queued-request.ts';

function request(memory: number): QueuedRequest {
  return {
    state: 'queued',
    envelope: [],
    message: [],
    bytes: 0,
    memory,
    arrived: 0,
    worker: undefined,
    ticket: Buffer.alloc(8),
  };
}

describe('the backlog', () => {
  it('gives requests back in the order they came', () => {
    const backlog = new Backlog({ maxQueue: Infinity, maxQueueBytes: Infinity });
    const requests = Array.from({ length: 100 }, (_, i) => request(i));
    for (const each of requests) expect(backlog.push(each)).toBeUndefined();
    expect(backlog.length).toBe(100);
    for (const each of requests) {
      expect(backlog.peek()).toBe(each);
      expect(backlog.shift()).toBe(each);
    }
    expect([backlog.peek(), backlog.shift(), backlog.length]).toEqual([undefined, undefined, 0]);
  });

  it('takes maxQueue requests and says why it takes no more', () => {
    const backlog = new Backlog({ maxQueue: 2, maxQueueBytes: Infinity });
    backlog.push(request(1));
    backlog.push(request(1));
    expect(backlog.push(request(1))).toMatchObject({
      code: 'ZSCALE_ERR_BUSY',
      text: expect.stringContaining('maxQueue)'),
    });
    expect(backlog.length).toBe(2);
    backlog.shift();
    expect(backlog.push(request(1))).toBeUndefined();
  });

  it('takes maxQueueBytes and not a byte more, and says why', () => {
    const backlog = new Backlog({ maxQueue: Infinity, maxQueueBytes: 100 });
    expect(backlog.push(request(60))).toBeUndefined();
    expect(backlog.push(request(41))).toMatchObject({
      code: 'ZSCALE_ERR_BUSY',
      text: expect.stringContaining('maxQueueBytes)'),
    });
    expect([backlog.length, backlog.bytes]).toEqual([1, 60]);
    expect(backlog.push(request(40))).toBeUndefined();
    expect(backlog.bytes).toBe(100);
    backlog.shift();
    expect(backlog.bytes).toBe(40);
  });

  it('of no places takes nothing', () => {
    const backlog = new Backlog({ maxQueue: 0, maxQueueBytes: Infinity });
    expect(backlog.push(request(1))).toMatchObject({ code: 'ZSCALE_ERR_BUSY' });
  });
});
