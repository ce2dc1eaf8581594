/*
 * What is sent of a stream, in which pieces, and when its writer has to wait.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartSender } from '../../../packages/core/src/messages/part-sender.ts';
import { ReceiveWindow, WINDOW_BYTES } from '../../../packages/core/src/messages/streams.ts';

interface Part {
  readonly bytes: Buffer;
  readonly more: boolean;
  readonly trailers: Buffer | undefined;
}

/** A sender, and what it has written. */
function sender(limit = 65_536) {
  const parts: Part[] = [];
  const out = new PartSender(
    { writePart: (bytes, more, trailers) => parts.push({ bytes, more, trailers }) },
    limit,
  );
  return { out, parts };
}

const sizes = (parts: readonly Part[]): number[] => parts.map(({ bytes }) => bytes.length);

describe('a sender of parts', () => {
  it('sends what fits at once, cut to the limit', () => {
    const { out, parts } = sender(10_000);
    expect(out.send(Buffer.alloc(25_000), true, undefined)).toBe(true);
    expect(sizes(parts)).toEqual([10_000, 10_000, 5000]);
    expect(parts.every(({ more }) => more)).toBe(true);
  });

  it('keeps what the window does not allow, says so, and goes on when it is granted', () => {
    const { out, parts } = sender();
    expect(out.send(Buffer.alloc(WINDOW_BYTES), true, undefined)).toBe(false);
    expect(sizes(parts)).toEqual([65_536, 65_536, 65_536, 65_536 - 4 * 64]);
    expect(out.granted(WINDOW_BYTES / 2)).toBe('go on');
    expect(sizes(parts).reduce((sum, size) => sum + size)).toBe(WINDOW_BYTES);
    expect(out.granted(1)).toBeUndefined(); // said once
  });

  it('puts trailers on the last part alone, and needs no part of their own for the bytes before', () => {
    const { out, parts } = sender(8192);
    out.send(Buffer.alloc(10_000), false, Buffer.from('sum'));
    expect(parts.map(({ more, trailers }) => [more, trailers?.toString()])).toEqual([
      [true, undefined],
      [false, 'sum'],
    ]);
    expect(out.isEnded).toBe(true);
  });

  it('ends with an empty part when its writer had nothing left to say', () => {
    const { out, parts } = sender();
    out.send(Buffer.from('all'), true, undefined);
    out.send(Buffer.alloc(0), false, undefined);
    expect(parts.map(({ bytes, more }) => [bytes.toString(), more])).toEqual([
      ['all', true],
      ['', false],
    ]);
  });

  it('sends nothing for an empty part that others follow', () => {
    const { out, parts } = sender();
    expect(out.send(Buffer.alloc(0), true, undefined)).toBe(true);
    expect(parts).toEqual([]);
  });

  it('calls it a fault when more is granted than was sent', () => {
    const { out } = sender();
    out.send(Buffer.alloc(100), true, undefined);
    expect(out.granted(165)).toBe('fault');
    expect(out.granted(164)).toBeUndefined();
  });

  it('sends every byte once and in order, within the window, whatever is written and read', () => {
    const writes = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 12 });
    const reads = fc.array(fc.integer({ min: 2000, max: 150_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(writes, reads, fc.integer({ min: 8192, max: 65_536 }), (writes, reads, limit) => {
        const { out, parts } = sender(limit);
        const window = new ReceiveWindow();
        let seen = 0;
        const receive = (): void => {
          for (; seen < parts.length; seen++) {
            const size = parts[seen]?.bytes.length ?? 0;
            expect(size).toBeLessThanOrEqual(limit);
            expect(window.came(size)).toBe(true);
          }
        };
        let value = 0;
        let next = 0;
        for (const [i, size] of writes.entries()) {
          const bytes = Buffer.alloc(size);
          for (let place = 0; place < size; place += 1000) bytes[place] = value++ & 255;
          let mayGoOn = out.send(bytes, i < writes.length - 1, undefined);
          receive();
          for (let turns = 0; !mayGoOn && !out.isEnded; turns++) {
            expect(turns).toBeLessThan(1000);
            const grant = window.consumed(reads[next++ % reads.length] ?? 1);
            if (grant > 0) mayGoOn = out.granted(grant) === 'go on';
            receive();
          }
        }
        expect(out.isEnded).toBe(true);
        const sent = Buffer.concat(parts.map(({ bytes }) => bytes));
        expect(sent.length).toBe(writes.reduce((sum, size) => sum + size));
        expect(parts.filter(({ more }) => !more)).toEqual([parts.at(-1)]);
        let place = 0;
        value = 0;
        for (const size of writes) {
          for (let i = 0; i < size; i += 1000) {
            if (sent[place + i] !== (value++ & 255)) throw new Error(`wrong byte at ${place + i}`);
          }
          place += size;
        }
      }),
      { numRuns: 60 },
    );
  });
});
