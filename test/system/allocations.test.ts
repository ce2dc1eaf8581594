/*
 * Bytes that are allocated on the JavaScript heap for each message.
 */
import { describe, expect, it } from 'vitest';
import { fixture, Program } from '../support/cli.ts';

/** In MiB: more than all messages of a pass, so that nothing is collected while they are counted. */
const YOUNG_GENERATION = 256;

interface Pass {
  readonly bytes: number;
  readonly collections: number;
}

interface Passes {
  readonly withoutPromises: Pass;
  readonly withPromises: Pass;
  readonly withIterator: Pass;
}

describe('a message of 10 bytes, sent and received', () => {
  it('allocates its frame and its array, and a promise where it is asked for', async () => {
    const program = new Program(process.execPath, [
      '--expose-gc',
      `--min-semi-space-size=${YOUNG_GENERATION}`,
      `--max-semi-space-size=${YOUNG_GENERATION}`,
      fixture('allocations/allocations.mjs'),
    ]);
    const { stdout, stderr } = await program.end();
    expect(stderr).toBe('');
    const { withoutPromises, withPromises, withIterator }: Passes = JSON.parse(stdout);
    const collections = [withoutPromises, withPromises, withIterator].map(
      (pass) => pass.collections,
    );
    expect(collections).toEqual([0, 0, 0]); // else the bytes below would be too few
    // A Buffer of 10 bytes takes 216, an array with it 56. The first pass makes one of the former and two of the latter.
    expect(withoutPromises.bytes).toBeLessThan(512);
    expect(withPromises.bytes).toBeLessThan(1024); // send() copies the frame
    expect(withIterator.bytes).toBeLessThan(1152);
    expect(withoutPromises.bytes).toBeGreaterThan(216);
  });
});
