/*
 * Staying awake for a message that comes soon, and not where it does not pay.
 */
import { availableParallelism } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BusyPoll,
  type Lookout,
  NOT_LONGER,
  Vigil,
} from '../../packages/transport/src/busy-poll.ts';
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
function watching(worth?: number): { poll: RecordingPoll; wait: (waitOf: WaitOf) => void } {
  const poll = new RecordingPoll();
  poll.limit = LIMIT;
  const vigil = new Vigil(poll);
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return {
    poll,
    wait: (waitOf) => {
      const before = poll.asked.length;
      vigil.begins(worth);
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

/** Remembers what it is told, but for looks in a row. */
class RecordingLookout implements Lookout {
  readonly told: string[] = [];
  looks = 0;

  stayAwake(): void {
    this.told.push('stay awake');
  }

  look(): void {
    this.looks += 1;
    if (this.told.at(-1) !== 'look') this.told.push('look');
  }

  fallAsleep(): void {
    this.told.push('fall asleep');
  }
}

describe('what another thread may bring about', () => {
  it('is told to stay awake, is looked at in each turn, and is told to fall asleep', async () => {
    const poll = new BusyPoll();
    const lookout = new RecordingLookout();
    poll.add(lookout);
    expect(lookout.told).toEqual([]);
    for (let i = 0; i < 2; i++) {
      lookout.told.length = 0;
      lookout.looks = 0;
      const before = poll.turns;
      poll.turnUntil(performance.now() + 5);
      poll.turn(); // there is time for one, however slow the machine
      await until(() => !poll.isTurning);
      expect(lookout.told.at(0)).toBe('stay awake');
      expect(lookout.told.at(-1)).toBe('fall asleep');
      expect(lookout.looks).toBeLessThanOrEqual(poll.turns - before - 1);
    }
  });

  it('may be added and removed while turns are made, also by a look', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const poll = new BusyPoll();
    const [late, lookout] = [new RecordingLookout(), new RecordingLookout()];
    poll.turnUntil(1);
    poll.add(lookout);
    expect(lookout.told).toEqual(['stay awake']);
    lookout.look = () => {
      poll.remove(lookout);
      poll.add(late);
    };
    poll.turn();
    poll.turn();
    expect(late.told).toEqual(['stay awake', 'look']);
    now.mockReturnValue(2);
    poll.turn();
    expect(late.told.at(-1)).toBe('fall asleep');
    expect(lookout.told).toEqual(['stay awake']);
  });

  it('may throw when it is looked at, and there is a next turn', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const poll = new BusyPoll();
    const lookout = new RecordingLookout();
    poll.add(lookout);
    poll.turnUntil(1);
    vi.spyOn(lookout, 'look').mockImplementationOnce(() => {
      throw new Error('of a user');
    });
    expect(() => poll.turn()).toThrow('of a user');
    const before = poll.turns;
    await new Promise((resolve) => setImmediate(resolve));
    expect(poll.turns).toBeGreaterThan(before);
    now.mockReturnValue(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(poll.isTurning).toBe(false);
    expect(lookout.told.at(-1)).toBe('fall asleep');
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

describe('staying awake for many', () => {
  const WAITS = 5_000;

  function awakeFor(waitOf: WaitOf): number {
    const { poll, wait } = watching(NOT_LONGER);
    for (let i = 0; i < WAITS; i++) wait(waitOf);
    return poll.asked.length;
  }

  it('is kept to while messages come soon, also where that makes no wait shorter', () => {
    expect(awakeFor(() => LIMIT / 4)).toBeGreaterThan(WAITS * 0.9);
  });

  it('is given up where it makes the waits longer by half', () => {
    expect(awakeFor((isAwake) => (isAwake ? 0.06 : 0.04))).toBeLessThan(WAITS * 0.1);
  });

  it('is given up where messages come late', () => {
    expect(awakeFor(() => LIMIT * 2)).toBeLessThanOrEqual(20);
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
