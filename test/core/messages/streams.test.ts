/*
 * Windows: what may be on the way, whatever the sizes of parts and the habits of readers are.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  PART_OVERHEAD_BYTES,
  partLimit,
  ReceiveWindow,
  SendWindow,
  WINDOW_BYTES,
} from '../../../packages/core/src/messages/streams.ts';

describe('a window', () => {
  it('lets through what it has room for, and nothing beyond', () => {
    const window = new SendWindow();
    expect(window.spend(WINDOW_BYTES)).toBe(false);
    expect(window.spend(WINDOW_BYTES - PART_OVERHEAD_BYTES)).toBe(true);
    expect(window.room).toBeLessThanOrEqual(0);
    expect(window.spend(0)).toBe(false);
  });

  it('is given back no more than was spent', () => {
    const window = new SendWindow();
    window.spend(1000);
    expect(window.granted(1000 + PART_OVERHEAD_BYTES + 1)).toBe(false);
    expect(window.granted(1000 + PART_OVERHEAD_BYTES)).toBe(true);
    expect(window.used).toBe(0);
  });

  it('bounds empty parts too', () => {
    const window = new ReceiveWindow();
    const most = WINDOW_BYTES / PART_OVERHEAD_BYTES;
    for (let i = 0; i < most; i++) expect(window.came(0)).toBe(true);
    expect(window.came(0)).toBe(false);
    expect(window.consumed(0)).toBe(WINDOW_BYTES);
  });

  it('grants in steps of half of it', () => {
    const window = new ReceiveWindow();
    window.came(WINDOW_BYTES - PART_OVERHEAD_BYTES);
    expect(window.consumed(WINDOW_BYTES / 4)).toBe(0);
    expect(window.consumed(WINDOW_BYTES / 4)).toBeGreaterThanOrEqual(WINDOW_BYTES / 2);
    expect(window.consumed(1)).toBe(0);
  });

  it('never ends in a standstill, and both ends agree, whatever is sent and read', () => {
    const step = fc.oneof(
      fc.record({ send: fc.integer({ min: 0, max: 80_000 }) }),
      fc.record({ read: fc.integer({ min: 0, max: 300_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const sender = new SendWindow();
        const receiver = new ReceiveWindow();
        let unread = 0;
        const read = (bytes: number): void => {
          const grant = receiver.consumed(bytes);
          unread -= Math.min(bytes, unread);
          if (grant > 0) expect(sender.granted(grant)).toBe(true);
        };
        for (const one of steps) {
          if ('send' in one) {
            if (!sender.spend(one.send)) continue;
            expect(receiver.came(one.send)).toBe(true);
            unread += one.send;
            expect(unread).toBeLessThan(WINDOW_BYTES);
          } else read(one.read);
        }
        read(unread);
        // Whoever reads everything lets the other side send at least half of a window.
        expect(sender.room).toBeGreaterThanOrEqual(WINDOW_BYTES / 2 - PART_OVERHEAD_BYTES);
      }),
    );
  });
});

describe('the largest part', () => {
  it('passes wherever messages do', () => {
    expect(partLimit(Infinity)).toBe(65_536);
    expect(partLimit(20_000)).toBe(20_000);
    expect(partLimit(10)).toBe(8192);
  });
});
