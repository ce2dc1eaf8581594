/*
 * Staying awake for a message that comes soon, and not where it does not pay.
 */
import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BusyPoll, Vigil } from '../../packages/transport/src/busy-poll.ts';
import { Context, Reply, Request } from '../../packages/transport/src/index.ts';
import { until } from '../support/until.ts';

const LIMIT = 0.1;

/** A poll that only writes down until when it was asked to turn. */
class RecordingPoll extends BusyPoll {
  readonly asked: number[] = [];

  override turnUntil(end: number): void {
    this.asked.push(end);
  }
}

function watching(): { poll: RecordingPoll; wait: (ms: number) => void } {
  const poll = new RecordingPoll();
  poll.limit = LIMIT;
  const vigil = new Vigil(poll);
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return {
    poll,
    wait: (ms) => {
      vigil.begins();
      now += ms;
      vigil.ends();
    },
  };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('busy polling', () => {
  it('turns the event loop until its time is over, and then uses no turn more', async () => {
    const poll = new BusyPoll();
    poll.turnUntil(performance.now() + 2);
    await until(() => poll.turns > 0);
    let before = -1;
    await until(() => {
      const isStill = poll.turns === before;
      before = poll.turns;
      return isStill;
    });
    expect(poll.turns).toBe(before);
    poll.turnUntil(performance.now() + 1);
    await until(() => poll.turns > before); // and can be asked again
  });

  it('goes on with every wait while messages come within the limit', () => {
    const { poll, wait } = watching();
    for (let i = 0; i < 100; i++) wait(LIMIT / 2);
    expect(poll.asked).toHaveLength(100);
    expect(poll.asked[0]).toBeCloseTo(1000 + LIMIT);
  });

  it('stops where messages come late, but for one wait in 64', () => {
    const { poll, wait } = watching();
    for (let i = 0; i < 2; i++) wait(10);
    const before = poll.asked.length;
    for (let i = 0; i < 640; i++) wait(10);
    expect(poll.asked.length - before).toBe(10);
  });

  it('begins again once a message came soon in such a wait', () => {
    const { poll, wait } = watching();
    for (let i = 0; i < 10; i++) wait(10);
    for (let i = 0; i < 200; i++) wait(LIMIT / 2);
    const before = poll.asked.length;
    for (let i = 0; i < 50; i++) wait(LIMIT / 2);
    expect(poll.asked.length - before).toBe(50);
  });

  it('never happens with a limit of 0', () => {
    const { poll, wait } = watching();
    poll.limit = 0;
    for (let i = 0; i < 100; i++) wait(0);
    expect(poll.asked).toEqual([]);
  });
});

describe('context.busyPoll', () => {
  it('is 0.1 ms, and 0 where there is one CPU', () => {
    expect(new Context().busyPoll).toBe(availableParallelism() > 1 ? 0.1 : 0);
  });

  it('is a number from 0 to 1000', () => {
    expect(() => new Context({ busyPoll: -1 })).toThrow(/busyPoll is a number from 0 to 1000/);
    expect(() => new Context({ busyPoll: 1001 })).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    expect(() => new Context({ busyPoll: Number.NaN })).toThrow(/got NaN/);
    expect(() => new Context({ busyPoll: '1' as never })).toThrow(TypeError);
  });

  it('works at once, for sockets that exist', async () => {
    const context = new Context({ busyPoll: 0 });
    await using reply = new Reply({ context, linger: 0 });
    await using request = new Request({ context, linger: 0 });
    await reply.bind('tcp://127.0.0.1:*');
    request.connect(reply.lastEndpoint ?? '');
    const askOnce = async (): Promise<void> => {
      await request.send('a');
      await reply.send(await reply.receive());
      await request.receive();
    };
    await askOnce();
    expect(context.poll.turns).toBe(0);
    context.busyPoll = 5;
    await askOnce();
    expect(context.poll.turns).toBeGreaterThan(0);
  });

  it('lets a socket that waits in vain sleep: no turn is made after its time', async () => {
    const context = new Context({ busyPoll: 1 });
    await using reply = new Reply({ context, linger: 0 });
    await reply.bind('tcp://127.0.0.1:*');
    const waiting = reply.receive().catch(() => {});
    let before = -1;
    await until(() => {
      const isStill = context.poll.turns > 0 && context.poll.turns === before;
      before = context.poll.turns;
      return isStill;
    });
    reply.close();
    await waiting;
  });
});
