/*
 * Promises made per message: counted by the runtime itself, which tells of each.
 */
import { createHook } from 'node:async_hooks';
import { Pull, Push } from '@zscale/transport';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { attachedPipe, deliverTo } from '../../support/attached-pipe.ts';
import { closing } from '../../support/closing.ts';

const MESSAGES = 10_000;
/** A run of calls that need not wait ends after so many, with a promise of its own (`sockets/run.ts`). */
const RUN_CALLS = 512;
const RUNS = Math.floor(MESSAGES / RUN_CALLS);

/** Promises made while `step` runs, which does not wait. */
function promisesIn(step: () => void): number {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') count += 1;
    },
  });
  hook.enable();
  step();
  hook.disable();
  return count;
}

/** A Pull with all messages at hand. */
function filledPull(): Pull {
  const pull = closing(new Pull({ receiveHighWaterMark: 0 }));
  const { pipe } = attachedPipe(pull);
  deliverTo(pipe, ...new Array<string[]>(MESSAGES).fill(['a']));
  return pull;
}

/** A Push with room for all messages. */
function roomyPush(): Push {
  const push = closing(new Push({ sendHighWaterMark: 0 }));
  attachedPipe(push);
  return push;
}

beforeEach(() => {
  vi.spyOn(performance, 'now').mockReturnValue(1); // no run is over because of the time it took
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('promises', () => {
  it('are counted: one that is made is one', () => {
    expect(promisesIn(() => void new Promise(() => {}))).toBe(1);
  });

  it('none for trySend', () => {
    const push = roomyPush();
    const body = Buffer.from('a');
    const made = promisesIn(() => {
      for (let i = 0; i < MESSAGES; i++) push.trySend([body]);
    });
    expect(push.unsent.messages).toBe(MESSAGES);
    expect(made).toBe(0);
  });

  it('none for tryReceive', () => {
    const pull = filledPull();
    let received = 0;
    const made = promisesIn(() => {
      while (pull.tryReceive() !== undefined) received += 1;
    });
    expect({ received, made }).toEqual({ received: MESSAGES, made: 0 });
  });

  it('for send() that need not wait: one for all, and one for each run of calls', () => {
    const push = roomyPush();
    const given = new Set<Promise<void>>();
    const made = promisesIn(() => {
      for (let i = 0; i < MESSAGES; i++) given.add(push.send('a'));
    });
    expect(push.unsent.messages).toBe(MESSAGES);
    expect(made).toBe(RUNS);
    expect(given.size).toBe(RUNS + 1);
  });

  it('one for all sockets that send: it is the same object', () => {
    expect(roomyPush().send('a')).toBe(roomyPush().send('b'));
  });

  it('for receive() with a message at hand: one', () => {
    const pull = filledPull();
    const made = promisesIn(() => {
      for (let i = 0; i < MESSAGES; i++) void pull.receive();
    });
    expect(pull.readable).toBe(false);
    expect(made).toBe(MESSAGES);
  });

  it('for a turn of `for await` with a message at hand: at most two', () => {
    const pull = filledPull();
    const messages = pull[Symbol.asyncIterator]();
    const made = promisesIn(() => {
      for (let i = 0; i < MESSAGES; i++) void messages.next();
    });
    expect(pull.readable).toBe(false);
    expect(made).toBeGreaterThanOrEqual(MESSAGES);
    expect(made).toBeLessThanOrEqual(2 * MESSAGES);
  });
});
