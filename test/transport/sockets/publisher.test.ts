/*
 * Publisher and XPublisher on bare pipes: what they read, what they write, and where they stop. What a peer sees of it on the
 * wire is in test/spec.
 */
import { describe, expect, expectTypeOf, it } from 'vitest';
import type * as theirs from 'zeromq';
import { Pipe } from '../../../packages/transport/src/pipes/pipe.ts';
import { Publisher } from '../../../packages/transport/src/sockets/publisher.ts';
import {
  type PublisherBase,
  TOPIC_BYTES_MAX,
  TOPICS_MAX,
} from '../../../packages/transport/src/sockets/publisher-base.ts';
import type { SocketOptions } from '../../../packages/transport/src/sockets/socket.ts';
import { XPublisher } from '../../../packages/transport/src/sockets/xpublisher.ts';
import { closing } from '../../support/closing.ts';
import { hex, texts } from '../../support/hex.ts';
import { message, RecordingLink } from '../../support/recording-pipe-ends.ts';
import { until } from '../../support/until.ts';

const PEER = {
  socketType: 'XSUB',
  routingId: Buffer.alloc(0),
  metadata: new Map(),
  version: '3.1',
  address: 'nowhere',
} as const;

/** For tests that do something a million times. */
const A_MILLION = { timeout: 120_000 };

/** A pipe to a peer that has just connected. */
function join(socket: PublisherBase): Pipe {
  const pipe = new Pipe(socket, { sendHighWaterMark: 0, receiveHighWaterMark: 0 });
  socket.attach(pipe);
  pipe.plug(new RecordingLink());
  pipe.connected(PEER);
  return pipe;
}

/** The peer sends a message, in a chunk of its own. */
function says(pipe: Pipe, ...frames: readonly string[]): void {
  pipe.deliver(frames.map((frame) => Buffer.from(frame, 'latin1')));
  pipe.delivered();
}

/** What waits for the peer. */
function sentTo(pipe: Pipe): string[] {
  const got: string[] = [];
  for (let m = pipe.take(); m !== undefined; m = pipe.take()) got.push(texts(m).join('+'));
  pipe.taken();
  return got;
}

/** What the program can read. */
function shown(socket: XPublisher): string[] {
  const got: string[] = [];
  for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) {
    got.push(m.map((frame) => frame.toString('latin1')).join('+'));
  }
  return got;
}

describe('Publisher', () => {
  it('knows a subscription as soon as it is delivered, though nobody reads', () => {
    const socket = closing(new Publisher());
    const pipe = join(socket);
    says(pipe, '\x01a');
    socket.trySend(message('abc'));
    socket.trySend(message('b'));
    expect(sentTo(pipe)).toEqual(['abc']);
  });

  it('sends nothing to a peer that is gone, and holds nothing of it', () => {
    const socket = closing(new Publisher());
    const pipe = join(socket);
    says(pipe, '\x01');
    pipe.end();
    says(pipe, '\x01');
    expect(socket.trySend(message('x'))).toBe(true);
    expect([pipe.unsent, socket.dropped]).toEqual([0, 0]);
  });

  it('forgets the topics of a peer when another one connects on the same pipe', () => {
    const socket = closing(new Publisher());
    const pipe = join(socket);
    says(pipe, '\x01old');
    pipe.plug(new RecordingLink());
    socket.trySend(message('old 1'));
    pipe.connected(PEER);
    socket.trySend(message('old 2'));
    says(pipe, '\x01new');
    socket.trySend(message('new'));
    expect(sentTo(pipe)).toEqual(['old 1', 'new']);
  });

  it('reads on in a later turn where there is more than one turn should read', async () => {
    const socket = closing(new Publisher());
    const pipe = join(socket);
    for (let i = 0; i < 10_000; i++) pipe.deliver([Buffer.from(`\x01${i}.`)]);
    pipe.delivered();
    expect(pipe.unread).toBeGreaterThan(0);
    await until(() => pipe.unread === 0, 'the rest to be read');
    socket.trySend(message('9999.'));
    expect(sentTo(pipe)).toEqual(['9999.']);
  });

  it(
    'disconnects and counts a peer that subscribes to too many topics, and no other',
    A_MILLION,
    () => {
      const socket = closing(new Publisher());
      const [pipe, other] = [join(socket), join(socket)];
      says(other, '\x01');
      const room = 3;
      // The last topics one by one, so that the test does not take a million chunks.
      for (let i = 0; i < TOPICS_MAX - room; i++) pipe.deliver([Buffer.from(`\x01${i}.`)]);
      while (pipe.unread > 0) socket.pipeReadable(pipe);
      for (let i = 0; i < room; i++) says(pipe, `\x01last ${i}`);
      says(pipe, '\x01last 0');
      expect([pipe.isClosed, socket.expelled]).toEqual([false, 0]);
      says(pipe, '\x01one more');
      expect([pipe.isClosed, socket.expelled]).toEqual([true, 1]);
      socket.trySend(message('last 0'));
      expect([pipe.unsent, sentTo(other)]).toEqual([0, ['last 0']]);
    },
  );

  it('disconnects a peer whose topics have too many bytes, and takes nothing more from it', () => {
    const socket = closing(new Publisher());
    const pipe = join(socket);
    const topic = (i: number): Buffer => Buffer.concat([hex('01'), Buffer.alloc(1 << 20, i)]);
    for (let i = 0; i < TOPIC_BYTES_MAX / 2 ** 20; i++) {
      pipe.deliver([topic(i)]);
      pipe.delivered();
    }
    expect(pipe.isClosed).toBe(false);
    pipe.deliver([hex('01 78'), hex('01 79')]);
    pipe.delivered();
    expect([pipe.isClosed, socket.expelled]).toEqual([true, 1]);
    expect(socket.trySend(message('y'))).toBe(true);
    expect(socket.dropped).toBe(0);
  });

  it('takes cancelled topics off the account of a peer', () => {
    const socket = closing(new Publisher());
    const pipe = join(socket);
    const topic = 'x'.repeat(TOPIC_BYTES_MAX / 2);
    for (let i = 0; i < 3; i++) {
      says(pipe, `\x01${i}${topic}`);
      says(pipe, `\x00${i}${topic}`);
    }
    expect(pipe.isClosed).toBe(false);
  });

  it('does not receive', () => {
    const socket = closing(new Publisher());
    expect(() => socket.tryReceive()).toThrow(expect.objectContaining({ code: 'ENOTSUP' }));
    expect('receive' in socket).toBe(false);
  });

  it('has the types of zeromq.js', () => {
    expectTypeOf<Publisher>().not.toHaveProperty('receive');
    type Names = keyof NonNullable<ConstructorParameters<typeof theirs.Publisher>[0]>;
    expectTypeOf<Names>().toExtend<keyof SocketOptions<Publisher>>();
    expectTypeOf<Publisher['send']>().toExtend<(message: string) => Promise<void>>();
  });
});

describe('Publisher with noDrop', () => {
  it('sends to nobody while one of those who are meant is full, and to all once it has room', async () => {
    const socket = closing(new Publisher({ noDrop: true, sendHighWaterMark: 2 }));
    const [slow, quick, other] = [join(socket), join(socket), join(socket)];
    says(slow, '\x01a');
    says(quick, '\x01a');
    says(other, '\x01b');
    for (const text of ['a1', 'a2']) expect(socket.trySend(message(text))).toBe(true);
    expect(sentTo(quick)).toEqual(['a1', 'a2']);
    expect(socket.trySend(message('a3'))).toBe(false);
    expect(socket.trySend(message('b1'))).toBe(true);
    let sent = false;
    const sending = socket.send('a4').then(() => {
      sent = true;
    });
    await Promise.resolve();
    expect([sent, sentTo(quick), sentTo(other)]).toEqual([false, [], ['b1']]);
    expect(sentTo(slow)).toEqual(['a1', 'a2']);
    await sending;
    expect([sentTo(slow), sentTo(quick), socket.dropped]).toEqual([['a4'], ['a4'], 0]);
  });

  it.each([
    ['cancels', (pipe: Pipe) => says(pipe, '\x00a')],
    ['is gone', (pipe: Pipe) => pipe.end()],
  ])('sends what waited for a full peer when that %s', async (_, leave) => {
    const socket = closing(new Publisher({ noDrop: true, sendHighWaterMark: 1 }));
    const [slow, quick] = [join(socket), join(socket)];
    for (const pipe of [slow, quick]) says(pipe, '\x01a');
    socket.trySend(message('a1'));
    sentTo(quick);
    const sending = socket.send('a2');
    leave(slow);
    await sending;
    expect(sentTo(quick)).toEqual(['a2']);
  });

  it('sends what waited when the option is taken back', async () => {
    const socket = closing(new Publisher({ noDrop: true, sendHighWaterMark: 1 }));
    says(join(socket), '\x01');
    socket.trySend(message('1'));
    const sending = socket.send('2');
    socket.noDrop = false;
    await sending;
    expect(socket.dropped).toBe(1);
  });
});

describe('XPublisher', () => {
  it('gives subscriptions and other messages in the order they came', () => {
    const socket = closing(new XPublisher());
    const pipe = join(socket);
    expect(socket.readable).toBe(false);
    says(pipe, '\x01a');
    says(pipe, 'hello', 'there');
    says(pipe, '');
    says(pipe, '\x00a');
    expect(socket.readable).toBe(true);
    expect(shown(socket)).toEqual(['\x01a', 'hello+there', '', '\x00a']);
    expect(socket.readable).toBe(false);
  });

  it('gives one peer no way to cancel what another subscribed to', () => {
    const socket = closing(new XPublisher());
    const [holder, other] = [join(socket), join(socket)];
    says(holder, '\x01a');
    says(other, '\x00a');
    expect(shown(socket)).toEqual(['\x01a']);
    socket.trySend(message('a'));
    expect([sentTo(holder), sentTo(other)]).toEqual([['a'], []]);
  });

  it('reads no more from a peer at the high-water mark of its unread messages, and goes on at half', async () => {
    const socket = closing(new XPublisher({ receiveHighWaterMark: 4 }));
    const [loud, quiet] = [join(socket), join(socket)];
    for (let i = 0; i < 6; i++) says(loud, `m${i}`);
    says(loud, '\x01late');
    says(quiet, '\x01q');
    expect([loud.unread, quiet.unread]).toEqual([3, 0]);
    expect(texts(socket.tryReceive() ?? [])).toEqual(['m0']);
    expect(loud.unread).toBe(3);
    expect(texts(socket.tryReceive() ?? [])).toEqual(['m1']);
    await until(() => loud.unread === 1, 'more to be read, up to the mark');
    expect(shown(socket)).toEqual(['m2', 'm3', '\x01q', 'm4', 'm5']);
    await until(() => loud.unread === 0, 'the rest to be read');
    expect(shown(socket)).toEqual(['\x01late']);
  });

  it('serves those who wait in order, also when reading makes it read on', async () => {
    const socket = closing(new XPublisher({ receiveHighWaterMark: 1 }));
    const pipe = join(socket);
    const receiving = [socket.receive(), socket.receive(), socket.receive()];
    for (const text of ['1', '2', '3']) pipe.deliver(message(text));
    pipe.delivered();
    expect((await Promise.all(receiving)).map((got) => texts(got).join())).toEqual(['1', '2', '3']);
  });

  it('still gives what a peer had sent that is gone', () => {
    const socket = closing(new XPublisher({ receiveHighWaterMark: 2 }));
    const pipe = join(socket);
    says(pipe, '\x01a');
    for (const text of ['1', '2', '3', '4']) says(pipe, text);
    pipe.end();
    expect(shown(socket)).toEqual(['\x01a', '1', '2', '3', '4', '\x00a']);
  });

  it('shows no more than 64 MiB of unread subscriptions, counts the others, and obeys them all the same', () => {
    const socket = closing(new XPublisher());
    const pipe = join(socket);
    const topic = 'x'.repeat(2 ** 20 - 1); // Shown, it is a mebibyte.
    for (let i = 0; i < 32; i++) {
      says(pipe, `\x01${topic}`);
      says(pipe, `\x00${topic}`);
    }
    expect(socket.unshown).toBe(0);
    says(pipe, '\x01b');
    expect(socket.unshown).toBe(1);
    socket.trySend(message('b'));
    expect(sentTo(pipe)).toEqual(['b']);
    expect(shown(socket)).toHaveLength(64);
    says(pipe, '\x01c');
    expect(shown(socket)).toEqual(['\x01c']);
  });

  it('keeps a copy of what it shows: a subscription pins no chunk', () => {
    const socket = closing(new XPublisher());
    const chunk = Buffer.alloc(64 * 1024, 1);
    const pipe = join(socket);
    pipe.deliver([chunk.subarray(0, 2)]);
    pipe.delivered();
    expect(socket.tryReceive()?.[0]?.buffer).not.toBe(chunk.buffer);
  });

  it('has the options of zeromq.js', () => {
    expectTypeOf<XPublisher['verbosity']>().toEqualTypeOf<theirs.XPublisher['verbosity']>();
    expectTypeOf<XPublisher['welcomeMessage']>().toEqualTypeOf<string | null>();
    const socket = closing(new XPublisher({ verbosity: 'allSubs', manual: true, noDrop: true }));
    expect(socket).toMatchObject({ verbosity: 'allSubs', manual: true, invertMatching: false });
  });
});

describe('XPublisher with manual', () => {
  it('subscribes the peer that was read last, to what the program says', () => {
    const socket = closing(new XPublisher({ manual: true }));
    const [one, two] = [join(socket), join(socket)];
    says(one, '\x01a');
    says(two, '\x01a');
    socket.trySend(message('a'));
    expect([one.unsent, two.unsent]).toEqual([0, 0]);
    expect(texts(socket.tryReceive() ?? [])).toEqual(['\x01a']);
    socket.subscribe('A', Buffer.from('B'));
    for (const text of ['a', 'A', 'B', 'C']) socket.trySend(message(text));
    expect([sentTo(one), sentTo(two)]).toEqual([['A', 'B'], []]);
    socket.unsubscribe('A');
    socket.tryReceive();
    socket.subscribe();
    for (const text of ['A', 'C']) socket.trySend(message(text));
    expect([sentTo(one), sentTo(two)]).toEqual([[], ['A', 'C']]);
  });

  it('applies to the sender of a message that is no subscription, too', () => {
    const socket = closing(new XPublisher({ manual: true }));
    const [one, two] = [join(socket), join(socket)];
    says(one, '\x01a');
    says(two, 'let me in');
    socket.tryReceive();
    socket.tryReceive();
    socket.subscribe('x');
    socket.trySend(message('x'));
    expect([sentTo(one), sentTo(two)]).toEqual([[], ['x']]);
  });

  it('does nothing before a message was read, and for a peer that is gone', () => {
    const socket = closing(new XPublisher({ manual: true }));
    const pipe = join(socket);
    socket.subscribe('a');
    says(pipe, '\x01a');
    socket.tryReceive();
    pipe.end();
    socket.subscribe('a');
    expect(socket.trySend(message('a'))).toBe(true);
    expect([pipe.unsent, socket.dropped]).toEqual([0, 0]);
  });

  it('applies to nobody after the cancellation that a lost peer left was read', () => {
    const socket = closing(new XPublisher({ manual: true }));
    const [one, two] = [join(socket), join(socket)];
    says(one, '\x01a');
    says(two, '\x01b');
    one.end();
    expect(shown(socket)).toEqual(['\x01a', '\x01b', '\x00a']);
    socket.subscribe('b');
    socket.trySend(message('b'));
    expect(sentTo(two)).toEqual([]);
  });

  it('tells each topic that a lost peer had asked for and not taken back, whoever else did', () => {
    const socket = closing(new XPublisher({ manual: true }));
    const [one, two] = [join(socket), join(socket)];
    for (const text of ['\x01a', '\x01b', '\x01c', '\x00c']) says(one, text);
    says(two, '\x01a');
    shown(socket);
    socket.subscribe('something else');
    one.end();
    expect(shown(socket).toSorted()).toEqual(['\x00a', '\x00b']);
  });

  it('disconnects a peer that asks for too much, though none of it took effect', () => {
    const socket = closing(new XPublisher({ manual: true }));
    const pipe = join(socket);
    says(pipe, `\x01${'x'.repeat(TOPIC_BYTES_MAX)}`);
    says(pipe, '\x01y');
    expect([pipe.isClosed, socket.expelled]).toEqual([true, 1]);
  });

  it('is needed for subscribe and unsubscribe: else they throw EINVAL', () => {
    const socket = closing(new XPublisher());
    const invalid = expect.objectContaining({ code: 'EINVAL' });
    expect(() => socket.subscribe('a')).toThrow(invalid);
    expect(() => socket.unsubscribe('a')).toThrow(invalid);
  });
});
