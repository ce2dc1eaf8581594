/*
 * Frames gathered to messages.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Gathering } from '../../../packages/transport/src/connections/gathering.ts';

it('gives each message as its frames came, however many', () => {
  const counts = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 20 });
  fc.assert(
    fc.property(counts, (lengths) => {
      const gathering = new Gathering();
      for (const [n, length] of lengths.entries()) {
        const frames = Array.from({ length }, (_, i) => Buffer.from([n, i]));
        const counted = frames.slice(0, -1).map((frame) => gathering.add(frame));
        expect(counted).toEqual(frames.slice(1).map((_, i) => i + 1));
        expect(gathering.hasBegun).toBe(length > 1);
        expect(gathering.end(frames[length - 1] as Buffer)).toEqual(frames);
        expect(gathering.hasBegun).toBe(false);
      }
    }),
  );
});

it('forgets a message that will not end', () => {
  const gathering = new Gathering();
  for (let i = 0; i < 4; i++) gathering.add(Buffer.from([i]));
  gathering.clear();
  expect(gathering.hasBegun).toBe(false);
  expect(gathering.end(Buffer.from('next'))).toEqual([Buffer.from('next')]);
});
