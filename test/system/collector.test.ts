/*
 * How often all memory is collected in a process that passes large bodies on.
 */
import { describe, expect, it } from 'vitest';
import { fixture, Program } from '../support/cli.ts';

/** From V8 13 on other causes come before the one that is dealt with here. */
const v8 = Number(process.versions.v8.split('.', 1)[0]);

async function collectionsBegun(...args: readonly string[]): Promise<number> {
  const file = fixture('allocations/large-buffers.mjs');
  const { stdout } = await new Program(process.execPath, ['--expose-gc', file, ...args]).end();
  return Number(stdout);
}

describe('a process with a small heap that passes large bodies on', () => {
  it.runIf(v8 < 13)('collects all memory less often than V8 would', async () => {
    const byItself = await collectionsBegun();
    const later = await collectionsBegun('late');
    expect(byItself).toBeGreaterThan(0);
    expect(later).toBeLessThan(byItself / 2);
  });
});
