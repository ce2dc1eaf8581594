import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InFlight } from '../../../packages/core/src/queue/in-flight.ts';

describe('requests in flight', () => {
  it('are found by a ticket of eight bytes, until they are taken out', () => {
    const inFlight = new InFlight<string>();
    const a = inFlight.add('a');
    const b = inFlight.add('b');
    expect([a.length, b.length]).toEqual([8, 8]);
    expect([inFlight.find(a), inFlight.find(b), inFlight.size]).toEqual(['a', 'b', 2]);
    inFlight.remove(a);
    expect([inFlight.find(a), inFlight.find(b), inFlight.size]).toEqual([undefined, 'b', 1]);
  });

  it('are not found by the ticket of an earlier one whose place they took', () => {
    const inFlight = new InFlight<string>();
    const first = Buffer.from(inFlight.add('first'));
    inFlight.remove(first);
    const second = inFlight.add('second');
    expect(second.subarray(0, 4)).toEqual(first.subarray(0, 4));
    expect(inFlight.find(first)).toBeUndefined();
    expect(inFlight.find(second)).toBe('second');
  });

  it('are not found by a ticket that is cut, too long or forged', () => {
    const inFlight = new InFlight<string>();
    const ticket = inFlight.add('a');
    const beside = Buffer.from(ticket);
    beside.writeUInt32BE((ticket.readUInt32BE(4) ^ 1) >>> 0, 4);
    const elsewhere = Buffer.from(ticket);
    elsewhere.writeUInt32BE(0xffff_ffff, 0);
    const wrong = [
      Buffer.alloc(0),
      ticket.subarray(0, 7),
      Buffer.concat([ticket, Buffer.alloc(1)]),
      beside,
      elsewhere,
    ];
    expect(wrong.map((forged) => inFlight.find(forged))).toEqual(wrong.map(() => undefined));
    expect(inFlight.find(ticket)).toBe('a');
  });

  it('of two queues have tickets that nobody could guess from each other', () => {
    const tickets = (): string => {
      const inFlight = new InFlight<number>();
      return Array.from({ length: 4 }, (_, i) => inFlight.add(i).toString('hex')).join();
    };
    expect(tickets()).not.toBe(tickets());
  });

  it('can be taken out while one goes through them, and each is seen once', () => {
    const inFlight = new InFlight<{ ticket: Buffer }>();
    const entries = Array.from({ length: 10 }, () => {
      const entry: { ticket: Buffer } = { ticket: Buffer.alloc(0) };
      entry.ticket = inFlight.add(entry);
      return entry;
    });
    const seen: unknown[] = [];
    for (const entry of inFlight.entries()) {
      seen.push(entry);
      inFlight.remove(entry.ticket);
    }
    expect(new Set(seen)).toEqual(new Set(entries));
    expect([seen.length, inFlight.size]).toEqual([10, 0]);
  });

  it('are told apart whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 200 }), (steps) => {
        const inFlight = new InFlight<number>();
        const live = new Map<string, number>();
        const dead: string[] = [];
        for (const [i, step] of steps.entries()) {
          const oldest = [...live.keys()][step];
          if (step < 5 || oldest === undefined) {
            const ticket = inFlight.add(i).toString('hex');
            expect(live.has(ticket) || dead.includes(ticket)).toBe(false);
            live.set(ticket, i);
          } else {
            inFlight.remove(Buffer.from(oldest, 'hex'));
            live.delete(oldest);
            dead.push(oldest);
          }
        }
        for (const [ticket, i] of live) expect(inFlight.find(Buffer.from(ticket, 'hex'))).toBe(i);
        for (const ticket of dead) {
          expect(inFlight.find(Buffer.from(ticket, 'hex'))).toBeUndefined();
        }
        expect(inFlight.size).toBe(live.size);
        expect(new Set(inFlight.entries())).toEqual(new Set(live.values()));
      }),
    );
  });
});
