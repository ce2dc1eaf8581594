import type { Pipe } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { Unfinished } from '../../../packages/core/src/queue/unfinished.ts';

const pipe = (): Pipe => ({}) as Pipe; // known by what it is alone

describe('unfinished requests', () => {
  it('may be as many bytes as the limit, and then the client with the most is named', () => {
    const unfinished = new Unfinished(100);
    const [a, b, c] = [pipe(), pipe(), pipe()];
    expect(unfinished.set(a, 40)).toBeUndefined();
    expect(unfinished.set(b, 60)).toBeUndefined();
    expect(unfinished.set(c, 1)).toBe(b);
    expect(unfinished.total).toBe(101);
    expect(unfinished.set(b, 0)).toBeUndefined();
    expect(unfinished.total).toBe(41);
  });

  it('of one client alone are bounded by the size that a message may have, and not here', () => {
    const unfinished = new Unfinished(100);
    const [a, b] = [pipe(), pipe()];
    expect(unfinished.set(a, 5000)).toBeUndefined();
    expect(unfinished.set(b, 1)).toBe(a);
  });

  it('are forgotten with the client', () => {
    const unfinished = new Unfinished(100);
    const a = pipe();
    unfinished.set(a, 90);
    unfinished.set(a, 0);
    unfinished.set(a, 0);
    expect(unfinished.total).toBe(0);
  });
});
