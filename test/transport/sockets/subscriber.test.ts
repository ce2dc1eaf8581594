/*
 * Subscriber and XSubscriber on bare pipes: what they tell their peers and when, and what they let through. What a peer sees of it
 * on the wire is in test/spec.
 */
import { describe, expect, expectTypeOf, it } from 'vitest';
import type * as theirs from 'zeromq';
import { Pipe } from '../../../packages/transport/src/pipes/pipe.ts';
import type { SocketOptions } from '../../../packages/transport/src/sockets/socket.ts';
import { Subscriber } from '../../../packages/transport/src/sockets/subscriber.ts';
import type { SubscriberBase } from '../../../packages/transport/src/sockets/subscriber-base.ts';
import { XSubscriber } from '../../../packages/transport/src/sockets/xsubscriber.ts';
import { closing } from '../../support/closing.ts';
import { hex, texts } from '../../support/hex.ts';
import { message, RecordingLink } from '../../support/recording-pipe-ends.ts';

const PEER = {
  socketType: 'XPUB',
  routingId: Buffer.alloc(0),
  metadata: new Map(),
  version: '3.1',
  address: 'nowhere',
} as const;

/** A pipe of a dialer that has not connected yet. */
function dialled(socket: SubscriberBase): Pipe {
  const pipe = new Pipe(socket, socket.options);
  socket.attach(pipe);
  pipe.plug(new RecordingLink());
  return pipe;
}

/** A connection under the pipe. */
function connect(pipe: Pipe): void {
  pipe.plug(new RecordingLink());
  pipe.connected(PEER);
}

/** The connection under the pipe is lost; the dialer takes its place. */
function lose(pipe: Pipe): void {
  pipe.plug(new RecordingLink());
}

function joined(socket: SubscriberBase): Pipe {
  const pipe = dialled(socket);
  connect(pipe);
  return pipe;
}

/** What waits for the peer, with + and - for the bytes 01 and 00. */
function told(pipe: Pipe): string[] {
  const got: string[] = [];
  for (let m = pipe.take(); m !== undefined; m = pipe.take()) {
    got.push(texts(m).join('|').replaceAll('\x01', '+').replaceAll('\x00', '-'));
  }
  pipe.taken();
  return got;
}

function publishes(pipe: Pipe, ...bodies: readonly string[]): void {
  for (const body of bodies) pipe.deliver(message(body));
  pipe.delivered();
}

function received(socket: SubscriberBase): string[] {
  const got: string[] = [];
  for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) {
    got.push(texts(m).join('|'));
  }
  return got;
}

describe('Subscriber', () => {
  it('tells every subscription, but only the last cancellation of a topic', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    socket.subscribe('a', 'a', 'b');
    socket.unsubscribe('a');
    socket.unsubscribe('c');
    expect(told(pipe)).toEqual(['+a', '+a', '+b']);
    socket.unsubscribe('a', 'b', 'b');
    expect(told(pipe)).toEqual(['-a', '-b']);
  });

  it('without arguments means everything', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    socket.subscribe();
    publishes(pipe, '', 'x');
    expect(received(socket)).toEqual(['', 'x']);
    socket.unsubscribe();
    publishes(pipe, '', 'x');
    expect([told(pipe), received(socket)]).toEqual([['+', '-'], []]);
  });

  it('tells each topic once when a peer connects, and again when it connects again', () => {
    const socket = closing(new Subscriber());
    socket.subscribe('a', 'b', 'b');
    const pipe = dialled(socket);
    expect(pipe.unsent).toBe(0);
    connect(pipe);
    expect(told(pipe)).toEqual(['+a', '+b']);
    lose(pipe);
    socket.unsubscribe('a');
    socket.subscribe('c');
    expect(pipe.unsent).toBe(0);
    connect(pipe);
    expect(told(pipe)).toEqual(['+b', '+c']);
  });

  it('tells a new peer nothing that was meant for the old one', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    socket.subscribe('a', 'b');
    socket.unsubscribe('b');
    lose(pipe); // before any of it was sent
    socket.unsubscribe('a');
    socket.subscribe('c');
    connect(pipe);
    expect(told(pipe)).toEqual(['+c']);
  });

  it('loses no topic to a full pipe, and lets no more wait than there are topics', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    const mark = socket.options.sendHighWaterMark;
    for (let i = 0; i < mark; i++) socket.subscribe('same');
    expect(pipe.writable).toBe(false);
    for (let i = 0; i < 5000; i++) {
      socket.subscribe('kept', 'lost');
      socket.unsubscribe('lost');
    }
    socket.unsubscribe('kept');
    expect(pipe.unsent).toBe(mark);
    expect(told(pipe)).toEqual(Array.from({ length: mark }, () => '+same'));
    expect(told(pipe)).toEqual(['+kept', '-lost']);
  });

  it('tells every one of many topics, whatever the high-water mark', () => {
    const socket = closing(new Subscriber());
    const before = Array.from({ length: 3000 }, (_, i) => `before ${i}`);
    const after = Array.from({ length: 3000 }, (_, i) => `after ${i}`);
    socket.subscribe(...before);
    const pipe = joined(socket);
    socket.subscribe(...after);
    const got: string[] = [];
    for (let more = told(pipe); more.length > 0; more = told(pipe)) got.push(...more);
    expect(got).toEqual([...before, ...after].map((topic) => `+${topic}`));
  });

  it('receives nothing before it subscribed, and then what starts with its topics', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    publishes(pipe, 'a');
    expect(received(socket)).toEqual([]);
    socket.subscribe('ab', 'c');
    publishes(pipe, 'a', 'ab', 'abc', 'b', 'c');
    expect(received(socket)).toEqual(['ab', 'abc', 'c']);
  });

  it('receives no message of a cancelled topic any more, though it was there already', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    socket.subscribe('a', 'b');
    publishes(pipe, 'a1', 'b1', 'a2', 'b2');
    expect(socket.readable).toBe(true);
    socket.unsubscribe('a');
    expect(socket.readable).toBe(true);
    expect(received(socket)).toEqual(['b1', 'b2']);
  });

  it('is readable exactly when it can give a message', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    socket.subscribe('a');
    publishes(pipe, 'b', 'c');
    expect([socket.readable, socket.tryReceive()]).toEqual([false, undefined]);
    publishes(pipe, 'b', 'a', 'a');
    expect([socket.readable, socket.readable]).toEqual([true, true]);
    expect(received(socket)).toEqual(['a', 'a']);
    publishes(pipe, 'a');
    expect(socket.readable).toBe(true);
    socket.unsubscribe('a');
    expect([socket.readable, socket.tryReceive()]).toEqual([false, undefined]);
  });

  it('with invertMatching, receives what starts with none of its topics', () => {
    const socket = closing(new Subscriber({ invertMatching: true }));
    const pipe = joined(socket);
    publishes(pipe, 'x');
    expect(received(socket)).toEqual(['x']);
    socket.subscribe('a');
    publishes(pipe, 'ab', 'b');
    expect(received(socket)).toEqual(['b']);
    publishes(pipe, 'c');
    expect(socket.readable).toBe(true);
    socket.subscribe('c');
    expect(socket.readable).toBe(false);
  });

  it('with conflate, gives the newest message, though it was asked for an older one', () => {
    const socket = closing(new Subscriber({ conflate: true }));
    const pipe = joined(socket);
    socket.subscribe('');
    publishes(pipe, '1');
    expect(socket.readable).toBe(true);
    publishes(pipe, '2');
    expect(received(socket)).toEqual(['2']);
  });

  it('does not linger, unless it is told to', () => {
    expect(closing(new Subscriber()).linger).toBe(0);
    expect(closing(new XSubscriber()).linger).toBe(0);
    expect(closing(new Subscriber({ linger: 7 })).linger).toBe(7);
  });

  it('refuses topics that are none, and subscribes to nothing then', () => {
    const socket = closing(new Subscriber());
    const pipe = joined(socket);
    // A caller without types.
    expect(() => socket.subscribe('a', 5 as unknown as string)).toThrow(TypeError);
    expect(() => socket.unsubscribe({} as unknown as string)).toThrow(TypeError);
    expect(pipe.unsent).toBe(0);
    socket.subscribe(null as unknown as string); // as zeromq.js takes it
    expect(socket.unsubscribe(new Uint8Array() as Buffer)).toBe(undefined);
  });

  it('refuses to subscribe on a closed socket', () => {
    const socket = new Subscriber();
    socket.close();
    const closed = expect.objectContaining({ code: 'EBADF' });
    expect(() => socket.subscribe('a')).toThrow(closed);
    expect(() => socket.unsubscribe('a')).toThrow(closed);
  });

  it('does not send', () => {
    const socket = closing(new Subscriber());
    expect(() => socket.trySend(message('x'))).toThrow(
      expect.objectContaining({ code: 'ENOTSUP' }),
    );
    expect('send' in socket).toBe(false);
  });

  it('has the types of zeromq.js', () => {
    expectTypeOf<Subscriber>().not.toHaveProperty('send');
    expectTypeOf<Subscriber['subscribe']>().toEqualTypeOf<theirs.Subscriber['subscribe']>();
    expectTypeOf<Subscriber['unsubscribe']>().toEqualTypeOf<theirs.Subscriber['unsubscribe']>();
    type Names = keyof NonNullable<ConstructorParameters<typeof theirs.Subscriber>[0]>;
    expectTypeOf<Names>().toExtend<keyof SocketOptions<Subscriber>>();
  });
});

describe('XSubscriber', () => {
  it('counts topics like a Subscriber, and passes every subscription on', () => {
    const socket = closing(new XSubscriber());
    const pipe = joined(socket);
    for (const text of ['\x00a', '\x01a', '\x01a', '\x00a', '\x00a', '\x00a']) {
      socket.trySend(message(text));
    }
    expect(told(pipe)).toEqual(['+a', '+a', '-a']);
  });

  it('receives whatever its publishers send', () => {
    const socket = closing(new XSubscriber());
    const pipe = joined(socket);
    publishes(pipe, 'x');
    expect([socket.readable, received(socket)]).toEqual([true, ['x']]);
  });

  it('sends other messages to every publisher, and drops them for one that is full, which it counts', () => {
    const socket = closing(new XSubscriber({ sendHighWaterMark: 1 }));
    const [one, two] = [joined(socket), dialled(socket)];
    socket.trySend([Buffer.from('hello'), hex('00')]);
    expect([told(one), two.unsent]).toEqual([['hello|-'], 1]);
    expect(socket.trySend(message('again'))).toBe(true);
    expect([told(one), told(two), socket.dropped]).toEqual([['again'], ['hello|-'], 1]);
  });

  it('takes each frame of a message that starts with a subscription by itself', () => {
    const socket = closing(new XSubscriber());
    const pipe = joined(socket);
    socket.trySend([hex('01 61'), Buffer.from('x'), hex('01 62'), hex('00 63'), Buffer.from('y')]);
    expect(told(pipe)).toEqual(['+a', '+b', 'x|y']);
  });

  it('on a new connection keeps its other messages, in order, behind the subscriptions', () => {
    const socket = closing(new XSubscriber());
    const pipe = joined(socket);
    for (const text of ['\x01a', '1', '\x01b', '2', '\x00b']) socket.trySend(message(text));
    lose(pipe);
    connect(pipe);
    expect(told(pipe)).toEqual(['+a', '1', '2']);
  });
});
