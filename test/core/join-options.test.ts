/*
 * What join() takes, and what it says to those who got it wrong.
 */
import { curveKeyPair } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { type JoinOptions, resolveJoinOptions } from '../../packages/core/src/join-options.ts';
import { heartbeats } from '../../packages/core/src/messages/heartbeats.ts';
import { DEFAULTS } from '../../packages/core/src/options.ts';

const connect = 'tcp://front:5556';

/** Callers without types. */
function refusal(options: unknown): string {
  try {
    resolveJoinOptions(options as JoinOptions);
  } catch (error) {
    expect(error).toMatchObject({ name: 'ZscaleError', code: 'ZSCALE_ERR_OPTIONS' });
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe('the options of join()', () => {
  it('are those of scale() that are about workers, with the same defaults', () => {
    const { connect: list, keys, shared } = resolveJoinOptions({ connect, workers: 3 });
    expect([list, keys]).toEqual([[connect], undefined]);
    expect(shared).toEqual({ ...DEFAULTS, workers: 3 });
  });

  it('name each back end once', () => {
    expect(
      resolveJoinOptions({ connect: ['tcp://a:1', 'tcp://b:1', 'tcp://a:1'] }).connect,
    ).toEqual(['tcp://a:1', 'tcp://b:1']);
  });

  it("take the service's own pair as keys of the machine", () => {
    const pair = curveKeyPair();
    const { publicKey } = curveKeyPair();
    expect(resolveJoinOptions({ connect, curve: pair }).keys).toEqual({
      ...pair,
      serverKey: pair.publicKey,
    });
    const curve = { ...pair, serverKey: publicKey };
    expect(resolveJoinOptions({ connect, curve }).keys).toEqual({ ...pair, serverKey: publicKey });
  });

  it.each([
    [undefined, /must be an object with connect/],
    [{}, /connect must be the back end/],
    [{ connect: [] }, /connect must be/],
    [{ connect: 'front:5556' }, /connect must be/],
    [{ connect, bind: 'tcp://*:1' }, /bind is an option of scale\(\)/],
    [{ connect, maxQueue: 1 }, /maxQueue is an option of scale\(\)/],
    [{ connect, worker: 1 }, /Did you mean "workers"/],
    [{ connect, curve: { serverKey: curveKeyPair().publicKey } }, /keys of this machine/],
    [{ connect, curve: { ...curveKeyPair(), serverKey: 'short' } }, /40 characters of Z85/],
  ])('are refused when they are %o', (options, message) => {
    expect(refusal(options)).toMatch(message);
  });
});

describe('heartbeats', () => {
  it.each([3, 10, 300, 3000, 86_400_000])('are over within %d ms of silence', (timeout) => {
    const { heartbeatInterval, heartbeatTimeout } = heartbeats(timeout);
    expect(heartbeatInterval).toBeGreaterThan(0);
    expect(heartbeatTimeout).toBeGreaterThan(0);
    expect(heartbeatInterval + heartbeatTimeout).toBeLessThanOrEqual(timeout);
  });

  it('are none where no time is too long', () => {
    expect(heartbeats(Infinity).heartbeatInterval).toBe(0);
  });
});
