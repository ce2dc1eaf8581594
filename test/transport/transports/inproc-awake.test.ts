/*
 * Threads that stay awake look at the rings themselves, and nobody spends a wake-up on them (busy-poll.ts, inproc-thread-link.ts):
 * both ends of a link in one thread, under a clock of ours, and real threads that fall asleep again and again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import { context, Request } from '@zscale/transport';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BusyPoll } from '../../../packages/transport/src/busy-poll.ts';
import { InprocPipe } from '../../../packages/transport/src/transports/inproc/inproc-pipe.ts';
import {
  LINK_MEMORY_BYTES,
  type LinkWire,
  ThreadLink,
} from '../../../packages/transport/src/transports/inproc/inproc-thread-link.ts';
import { Thread } from '../../fixtures/threads/thread.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { message, RecordingSink } from '../../support/recording-pipe-ends.ts';
import { until } from '../../support/until.ts';

/** Longer than anything stays awake here. */
const LATER_MS = 1000;

let now = 0;

/** One end: what a thread has of a link. */
class End implements LinkWire {
  readonly poll: BusyPoll = new BusyPoll();
  readonly pipe: InprocPipe;
  readonly link: ThreadLink;
  other: End | undefined = undefined;
  /** Wake-ups that this end sent. */
  wakes = 0;

  constructor(side: 'dialer' | 'listener', memory: SharedArrayBuffer, mark: number) {
    this.pipe = new InprocPipe(new RecordingSink(), {
      sendHighWaterMark: mark,
      receiveHighWaterMark: mark,
    });
    this.link = new ThreadLink(0, side, memory, this.pipe, { linkEnded() {} }, this, this.poll);
  }

  plug(): void {
    this.pipe.plug(this.link);
    this.link.start();
  }

  wake(): void {
    this.wakes += 1;
    setImmediate(() => this.other?.link.receiveWake());
  }

  carry(_link: ThreadLink, carried: Parameters<LinkWire['carry']>[1]): void {
    setImmediate(() => this.other?.link.receiveCarried(carried));
  }

  remove(): void {}

  async read(): Promise<string> {
    return texts(await until(() => this.pipe.read())).join();
  }

  stayAwake(): void {
    this.poll.turnUntil(now + LATER_MS / 2);
  }
}

/** Two ends that know each other, both asleep. */
async function linked(mark = 0): Promise<{ writer: End; reader: End }> {
  const memory = new SharedArrayBuffer(LINK_MEMORY_BYTES);
  const [writer, reader] = [new End('dialer', memory, mark), new End('listener', memory, mark)];
  writer.other = reader;
  reader.other = writer;
  writer.plug();
  reader.plug();
  await nextTurn();
  return { writer, reader };
}

beforeEach(() => {
  now = 1;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});

afterEach(() => {
  now += LATER_MS;
  vi.restoreAllMocks();
});

describe('a link to a thread that', () => {
  it('sleeps wakes it for each batch', async () => {
    const { writer, reader } = await linked();
    for (let i = 0; i < 10; i++) {
      writer.pipe.write(message(`a${i}`));
      writer.pipe.write(message(`b${i}`));
      expect([await reader.read(), await reader.read()]).toEqual([`a${i}`, `b${i}`]);
    }
    expect(writer.wakes).toBe(10);
  });

  it('is awake never wakes it, until it has fallen asleep', async () => {
    const { writer, reader } = await linked();
    for (let round = 1; round <= 3; round++) {
      reader.stayAwake();
      for (let i = 0; i < 100; i++) {
        writer.pipe.write(message(String(i)));
        expect(await reader.read()).toBe(String(i));
      }
      expect(writer.wakes).toBe(round - 1);
      now += LATER_MS;
      await until(() => !reader.poll.isTurning);
      writer.pipe.write(message('asleep'));
      expect(await reader.read()).toBe('asleep');
      expect(writer.wakes).toBe(round);
    }
  });

  it('falls asleep without having seen the last message finds it then', async () => {
    const { writer, reader } = await linked();
    for (let i = 0; i < 20; i++) {
      reader.stayAwake();
      await nextTurn();
      now += LATER_MS; // the next turn is the last, and takes no look before
      writer.pipe.write(message(String(i)));
      expect(await reader.read()).toBe(String(i));
      expect(reader.poll.isTurning).toBe(false);
    }
    expect(writer.wakes).toBe(0);
  });

  it('is awake reads on at once where it had paused, and no wake-up is missing then', async () => {
    const { writer, reader } = await linked(2);
    reader.stayAwake();
    let sent = 0;
    for (let i = 0; i < 50; i++) {
      while (writer.pipe.write(message(String(sent)))) sent += 1;
      if (i % 10 === 5) now += LATER_MS; // asleep while it pauses
      if (i % 10 === 9) reader.stayAwake();
      await nextTurn();
      expect(await reader.read()).toBe(String(i));
    }
    expect(sent).toBeGreaterThan(50);
  });

  it('is awake gets messages that are too large for the ring, in order', async () => {
    const { writer, reader } = await linked();
    reader.stayAwake();
    const large = 'x'.repeat(100_000);
    for (const text of ['a', large, 'b', large, large, 'c']) writer.pipe.write(message(text));
    for (const text of ['a', large, 'b', large, large, 'c']) expect(await reader.read()).toBe(text);
    expect(writer.wakes).toBe(0);
  });

  it('is awake tells it of its end, which is seen after all messages', async () => {
    const { writer, reader } = await linked();
    reader.stayAwake();
    writer.pipe.write(message('last'));
    writer.pipe.close(-1);
    await until(() => reader.pipe.isClosed);
    expect(await reader.read()).toBe('last');
    const look = vi.spyOn(reader.link, 'look');
    const { turns } = reader.poll;
    await until(() => reader.poll.turns > turns + 2);
    expect(look).not.toHaveBeenCalled();
  });
});

describe('a writer that waits for room', () => {
  /** A reader of 1000 that got them all and has read `count`, and is told of more. Gives the wake-ups of the writer until then. */
  async function wakesAfter(count: number): Promise<number> {
    const { writer, reader } = await linked(1000);
    while (writer.pipe.write(message('x'))) {}
    await until(() => reader.pipe.unread === 1000);
    expect(reader.wakes).toBe(0);
    for (let i = 0; i < count; i++) reader.pipe.read();
    reader.link.drain();
    return reader.wakes;
  }

  it('is woken at once where there is room for a good batch', async () => {
    expect(await wakesAfter(256)).toBe(1);
  });

  it('is left asleep for a few', async () => {
    expect(await wakesAfter(10)).toBe(0);
  });
});

describe('threads', () => {
  const ROUNDS = 20_000;
  let names = 0;

  /** A request to a thread whose waits are spent awake for `awakeMs` (an expression), and `pauses` (a statement) between them. */
  async function asking(awakeMs: string, pauses: string): Promise<Request> {
    vi.restoreAllMocks(); // the clock
    names += 1;
    const endpoint = `inproc://awake-${names}`;
    const thread = new Thread(`
      const rep = new zscale.Reply();
      await rep.bind('${endpoint}');
      say('bound');
      for (;;) {
        zscale.context.poll.turnUntil(performance.now() + ${awakeMs});
        const message = await rep.receive();
        ${pauses}
        await rep.send(message);
      }
    `);
    await thread.says('bound');
    const req = closing(new Request());
    req.connect(endpoint);
    return req;
  }

  async function ask(req: Request, i: number): Promise<void> {
    await req.send(String(i));
    const [answer] = await req.receive();
    if (String(answer) !== String(i)) expect(String(answer)).toBe(String(i));
  }

  it('lose no message when they fall asleep, whenever that is', async () => {
    const pause =
      'for (const end = performance.now() + Math.random() * 0.04; performance.now() < end; );';
    const req = await asking('Math.random() * 0.05', pause);
    for (let i = 0; i < ROUNDS; i++) {
      context.poll.turnUntil(performance.now() + Math.random() * 0.05);
      await ask(req, i);
    }
  }, 60_000);

  it('that are both awake answer each other without wake-ups', async () => {
    const req = await asking('1000', '');
    context.poll.turnUntil(performance.now() + LATER_MS);
    await ask(req, 0);
    const post = vi.spyOn(BroadcastChannel.prototype, 'postMessage');
    for (let i = 0; i < ROUNDS; i++) {
      context.poll.turnUntil(performance.now() + LATER_MS);
      await ask(req, i);
    }
    expect(post.mock.calls.length).toBeLessThan(ROUNDS / 100); // those of a thread that was not let run for a second
  }, 60_000);
});
