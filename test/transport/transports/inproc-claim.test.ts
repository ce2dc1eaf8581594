import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  InprocClaim,
  ROLL_CALL_MS,
} from '../../../packages/transport/src/transports/inproc/inproc-claim.ts';

describe('the claim of a name', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** What the claim has come to by now; undefined while it waits. */
  async function outcome(claim: InprocClaim): Promise<boolean | undefined> {
    let settled: boolean | undefined;
    void claim.isFree.then((isFree) => {
      settled = isFree;
    });
    await vi.advanceTimersByTimeAsync(0);
    return settled;
  }

  it('is granted at once when nobody else is there, nor can be', async () => {
    expect(await outcome(new InprocClaim([], 0))).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits until others have had time to make themselves known, and for their answers', async () => {
    const claim = new InprocClaim([], ROLL_CALL_MS);
    await vi.advanceTimersByTimeAsync(ROLL_CALL_MS - 1);
    expect(await outcome(claim)).toBeUndefined();
    claim.add('late');
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome(claim)).toBeUndefined();
    claim.answered('late');
    expect(await outcome(claim)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for the answer of everybody who is known', async () => {
    const claim = new InprocClaim(['a', 'b'], 0);
    claim.answered('a');
    expect(await outcome(claim)).toBeUndefined();
    claim.answered('b');
    expect(await outcome(claim)).toBe(true);
  });

  it('is refused by the first who has the name', async () => {
    const claim = new InprocClaim(['a', 'b'], 0);
    claim.settle(false);
    claim.answered('a');
    claim.answered('b');
    expect(await outcome(claim)).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not wait for ever for somebody who does not answer', async () => {
    const claim = new InprocClaim(['a'], 0);
    await vi.advanceTimersByTimeAsync(999);
    expect(await outcome(claim)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome(claim)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('claims', () => {
  it('are older than those that come later, on one clock', () => {
    const first = new InprocClaim([], 0);
    const second = new InprocClaim([], 0);
    expect(second.since > first.since).toBe(true);
  });
});
