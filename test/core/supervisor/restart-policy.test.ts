import { describe, expect, it } from 'vitest';
import {
  decideRestart,
  NO_CRASHES,
  type RestartHistory,
  type RestartPolicy,
} from '../../../packages/core/src/supervisor/restart-policy.ts';

const policy: RestartPolicy = {
  maxRestarts: 5,
  restartWindow: 60_000,
  restartDelay: 100,
  restartMaxDelay: 30_000,
};
const endless: RestartPolicy = { ...policy, maxRestarts: Number.POSITIVE_INFINITY };
const noJitter = (): number => 0.5;

/** The delays of crashes that follow each other at once; 'give-up' where there is none. */
function delaysOf(
  crashes: number,
  by: RestartPolicy,
  random: () => number = noJitter,
): (number | 'give-up')[] {
  const delays: (number | 'give-up')[] = [];
  let history: RestartHistory = NO_CRASHES;
  for (let i = 0; i < crashes; i++) {
    const decision = decideRestart(history, { at: i, served: 0 }, by, random);
    delays.push(decision.action === 'restart' ? decision.delay : decision.action);
    history = decision.history;
  }
  return delays;
}

describe('the restart policy', () => {
  it('doubles the delay with each crash, and gives up at the one after maxRestarts', () => {
    expect(delaysOf(6, policy)).toEqual([100, 200, 400, 800, 1600, 'give-up']);
  });

  it('lets the delay grow no further than restartMaxDelay', () => {
    const delays = delaysOf(12, endless);
    expect(delays.slice(8)).toEqual([25_600, 30_000, 30_000, 30_000]);
  });

  it('spreads each delay over 75 % to 125 % of its value', () => {
    expect(delaysOf(2, policy, () => 0)).toEqual([75, 150]);
    expect(delaysOf(2, policy, () => 1)).toEqual([125, 250]);
  });

  it('gives up at the first crash when maxRestarts is 0', () => {
    expect(delaysOf(1, { ...policy, maxRestarts: 0 })).toEqual(['give-up']);
  });

  it('never gives up when maxRestarts is Infinity', () => {
    expect(delaysOf(2000, endless)).not.toContain('give-up');
  });

  it('restarts at once, however often, when restartDelay is 0', () => {
    const delays = delaysOf(2000, { ...endless, restartDelay: 0 });
    expect(new Set(delays)).toEqual(new Set([0]));
  });

  it('starts again from restartDelay after a worker served for restartWindow', () => {
    const history: RestartHistory = { crashes: [0, 1, 2], attempt: 3 };
    const decision = decideRestart(history, { at: 90_000, served: 60_000 }, policy, noJitter);
    expect(decision).toEqual({
      action: 'restart',
      delay: 100,
      history: { crashes: [90_000], attempt: 1 },
    });
  });

  it('keeps the long delay of a worker that crashes soon after each restart, also over hours', () => {
    const history: RestartHistory = { crashes: [0], attempt: 20 };
    const decision = decideRestart(history, { at: 3_600_000, served: 59_999 }, policy, noJitter);
    expect(decision).toMatchObject({ action: 'restart', delay: 30_000 });
  });

  it('takes the time of failed starts out of the window, so that hanging at each start is a loop', () => {
    let history: RestartHistory = NO_CRASHES;
    const actions: string[] = [];
    for (let i = 1; i <= policy.maxRestarts + 1; i++) {
      const crash = { at: i * 61_000, served: 0, startup: 60_000 };
      const decision = decideRestart(history, crash, policy, noJitter);
      actions.push(decision.action);
      history = decision.history;
    }
    expect(actions.at(-1)).toBe('give-up');
    expect(actions.slice(0, -1)).not.toContain('give-up');
  });

  it('forgets crashes as they leave the window', () => {
    const history: RestartHistory = { crashes: [0, 1, 2, 3, 50_000], attempt: 5 };
    const inside = decideRestart(history, { at: 59_999, served: 0 }, policy, noJitter);
    expect(inside.action).toBe('give-up');
    const outside = decideRestart(history, { at: 60_000, served: 0 }, policy, noJitter);
    expect(outside.action).toBe('restart');
    expect(outside.history.crashes).toEqual([1, 2, 3, 50_000, 60_000]);
  });

  it('leaves the history as it was where a request is to blame, and starts again soon', () => {
    const history: RestartHistory = { crashes: [1, 2, 3, 4, 5], attempt: 5 };
    const crash = { at: 6, served: 10, isOfRequest: true };
    expect(decideRestart(history, crash, policy, noJitter)).toEqual({
      action: 'restart',
      delay: 100,
      history,
    });
    expect(decideRestart(history, { ...crash, isOfRequest: false }, policy, noJitter).action).toBe(
      'give-up',
    );
  });
});
