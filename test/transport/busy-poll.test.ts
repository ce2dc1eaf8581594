/*
 * Staying awake for a message that comes soon, and not where it does not pay.
 */
import { availableParallelism } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

type WaitOf = (isAwake: boolean) => number;

/** A vigil under a clock of ours; `wait` lets a message come after as many ms as it is told, awake or asleep. */
function watching(): { poll: RecordingPoll; wait: (waitOf: WaitOf) => void } {
  const poll = new RecordingPoll();
  poll.limit = LIMIT;
  const vigil = new Vigil(poll);
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return {
    poll,
    wait: (waitOf) => {
      const before = poll.asked.length;
      vigil.begins();
      vigil.settle(); // the end of the turn
      now += waitOf(poll.asked.length > before);
      vigil.ends();
    },
  };
}

let watched: ReturnType<typeof watching>;

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
});

describe('staying awake', () => {
  beforeEach(() => {
    watched = watching();
  });

  /** How many of `count` waits were spent awake. */
  function awakeIn(count: number, waitOf: (isAwake: boolean) => number): number {
    const { poll, wait } = watched;
    const before = poll.asked.length;
    for (let i = 0; i < count; i++) wait(waitOf);
    return poll.asked.length - before;
  }

  it('is kept to where it makes waits shorter, but for a stretch now and then to see whether that is still so', () => {
    awakeIn(100, (isAwake) => (isAwake ? 0.02 : 0.09));
    const awake = awakeIn(10_000, (isAwake) => (isAwake ? 0.02 : 0.09));
    expect(awake).toBeGreaterThan(9_500);
    expect(awake).toBeLessThan(10_000);
  });

  it('is given up where it makes waits longer, as for two processes on one CPU', () => {
    awakeIn(100, (isAwake) => (isAwake ? 0.09 : 0.02));
    expect(awakeIn(10_000, (isAwake) => (isAwake ? 0.09 : 0.02))).toBeLessThan(500);
  });

  it('costs next to nothing where messages come late', () => {
    awakeIn(100, () => 10);
    expect(awakeIn(10_000, () => 10)).toBeLessThanOrEqual(20);
  });

  it('begins again when messages come soon', () => {
    awakeIn(5_000, () => 10);
    awakeIn(5_000, (isAwake) => (isAwake ? 0.02 : 0.09));
    expect(awakeIn(1_000, (isAwake) => (isAwake ? 0.02 : 0.09))).toBeGreaterThan(900);
  });

  it('is not decided by one long pause', () => {
    awakeIn(10_000, (isAwake) => (isAwake ? 0.02 : 0.09));
    awakeIn(1, () => 5_000);
    expect(awakeIn(1_000, (isAwake) => (isAwake ? 0.02 : 0.09))).toBeGreaterThan(900);
  });

  it('never happens with a limit of 0', () => {
    watched.poll.limit = 0;
    expect(awakeIn(100, () => 0.01)).toBe(0);
  });
});

describe('a wait', () => {
  it('begins when the turn of the event loop is done, not before', () => {
    const poll = new RecordingPoll();
    poll.limit = LIMIT;
    const vigil = new Vigil(poll);
    vigil.begins();
    expect(poll.asked).toEqual([]);
    vigil.settle();
    expect(poll.asked).toHaveLength(1);
  });

  it('is none where the message came in the same turn', () => {
    const poll = new RecordingPoll();
    poll.limit = LIMIT;
    const vigil = new Vigil(poll);
    vigil.begins();
    vigil.ends();
    vigil.settle();
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
