/*
 * When V8 is told to collect all memory later.
 */
import { describe, expect, it } from 'vitest';
import { triggerFor } from '../../packages/core/src/collector.ts';

const MIB = 1024 * 1024;

describe('all memory', () => {
  it('is collected later while the heap is small', () => {
    expect(triggerFor(9 * MIB)).toBe(400);
    expect(triggerFor(47 * MIB)).toBe(400);
  });

  it('is collected as V8 likes where the heap has grown', () => {
    expect(triggerFor(48 * MIB)).toBe(0);
    expect(triggerFor(2048 * MIB)).toBe(0);
  });
});
