import {
  Channel,
  Client,
  Dish,
  Gather,
  Peer,
  Radio,
  Scatter,
  Server,
} from '@zscale/transport/draft';
import { describe, expect, it } from 'vitest';
import { attachedPipe, connectPipe, deliverTo, takeAll } from '../../support/attached-pipe.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { message } from '../../support/recording-pipe-ends.ts';

const failing = (code: string): unknown => expect.objectContaining({ code });

/** What a caller without types gives. */
const untyped = (value: unknown): never => value as never;

describe('draft sockets', () => {
  it('have the numbers of zmq.h', () => {
    const sockets = [Server, Client, Radio, Dish, Gather, Scatter, Peer, Channel].map((Type) =>
      closing(new Type()),
    );
    expect(sockets.map(({ type }) => type)).toEqual([12, 13, 14, 15, 16, 17, 19, 20]);
  });

  it('do not receive where they only send, and the other way round', () => {
    for (const socket of [closing(new Radio()), closing(new Scatter())]) {
      expect(socket).not.toHaveProperty('receive');
      expect(() => socket.tryReceive()).toThrow(failing('ENOTSUP'));
    }
    for (const socket of [closing(new Dish()), closing(new Gather())]) {
      expect(socket).not.toHaveProperty('send');
      expect(() => socket.trySend(message('x'))).toThrow(failing('ENOTSUP'));
    }
  });
});

describe.each([
  { name: 'Client', open: () => new Client() },
  { name: 'Scatter', open: () => new Scatter() },
  { name: 'Channel', open: () => new Channel() },
])('$name', ({ open }) => {
  it('refuses to send more than one frame with EINVAL', async () => {
    const socket = closing(open());
    const { pipe } = attachedPipe(socket);
    await expect(socket.send(untyped(['a', 'b']))).rejects.toMatchObject({ code: 'EINVAL' });
    expect(() => socket.trySend([...message('a'), ...message('b')])).toThrow(failing('EINVAL'));
    await socket.send('one');
    await socket.send(untyped(['also one']));
    expect(takeAll(pipe)).toEqual([['one'], ['also one']]);
  });
});

describe.each([
  { name: 'Client', open: () => new Client() },
  { name: 'Gather', open: () => new Gather() },
  { name: 'Channel', open: () => new Channel() },
])('$name', ({ open }) => {
  it('throws messages of more than one frame away, counts them, and gives the others', () => {
    const socket = closing(open());
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['a', 'b']);
    expect([socket.readable, socket.discarded]).toEqual([false, 1]);
    deliverTo(pipe, ['a', 'b', 'c'], ['1'], ['2'], ['a', 'b']);
    expect(socket.readable).toBe(true);
    expect(socket.tryReceive()?.map(String)).toEqual(['1']);
    expect(socket.tryReceive()?.map(String)).toEqual(['2']);
    expect([socket.readable, socket.tryReceive(), socket.discarded]).toEqual([false, undefined, 3]);
  });

  it('passes over them for callers that wait', async () => {
    const socket = closing(open());
    const { pipe } = attachedPipe(socket);
    const received = socket.receive();
    deliverTo(pipe, ['a', 'b'], ['1']);
    expect(texts(await received)).toEqual(['1']);
  });
});

describe.each([
  { name: 'Server', open: () => new Server() },
  { name: 'Peer', open: () => new Peer() },
])('$name', ({ open }) => {
  it('gives each peer a routing id of its own, from 1 to 2^32-1, with all it sends', async () => {
    const socket = closing(open());
    const pipes = Array.from({ length: 20 }, () => attachedPipe(socket).pipe);
    const ids: number[] = [];
    for (const [i, pipe] of pipes.entries()) {
      deliverTo(pipe, [`${i}`], [`${i} again`]);
      const [first, { routingId }] = await socket.receive();
      const [second, again] = await socket.receive();
      expect([first, second].map(String)).toEqual([`${i}`, `${i} again`]);
      expect(again.routingId).toBe(routingId);
      ids.push(routingId);
    }
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) {
      expect(Number.isInteger(id)).toBe(true);
      expect(id).toBeGreaterThanOrEqual(1);
      expect(id).toBeLessThanOrEqual(0xffff_ffff);
    }
    for (const [i, routingId] of ids.entries()) await socket.send(`to ${i}`, { routingId });
    expect(pipes.map(takeAll)).toEqual(pipes.map((_, i) => [[`to ${i}`]]));
  });

  it('refuses what is no routing id, and one of nobody', async () => {
    const socket = closing(open());
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['x']);
    const [, { routingId }] = await socket.receive();
    const other = routingId === 1 ? 2 : routingId - 1;
    await expect(socket.send('x', { routingId: other })).rejects.toMatchObject({
      code: 'EHOSTUNREACH',
    });
    for (const wrong of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
      await expect(socket.send('x', { routingId: wrong })).rejects.toMatchObject({
        code: 'EINVAL',
      });
    }
    for (const wrong of [undefined, {}, { routingId: '1' }]) {
      await expect(socket.send('x', untyped(wrong))).rejects.toThrow(TypeError);
    }
    await expect(socket.send(untyped(['a', 'b']), { routingId })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    expect(takeAll(pipe)).toEqual([]);
  });

  it('knows a peer that left no more, but still gives what it had sent, with its routing id', async () => {
    const socket = closing(open());
    const { pipe } = attachedPipe(socket);
    connectPipe(pipe, 'CLIENT');
    deliverTo(pipe, ['1'], ['2']);
    const [, { routingId }] = await socket.receive();
    expect(socket.peerInfo(routingId)?.socketType).toBe('CLIENT');
    pipe.end();
    expect(await socket.receive()).toEqual([Buffer.from('2'), { routingId }]);
    expect(socket.peerInfo(routingId)).toBeUndefined();
    await expect(socket.send('x', { routingId })).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
  });

  it('waits while that peer is full; EHOSTUNREACH if it leaves meanwhile', async () => {
    const socket = closing(open());
    socket.sendHighWaterMark = 1;
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['x']);
    const [, { routingId }] = await socket.receive();
    await socket.send('1', { routingId });
    const second = socket.send('2', { routingId });
    const third = socket.send('3', { routingId });
    expect(takeAll(pipe)).toEqual([['1']]);
    await second;
    pipe.end();
    await expect(third).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    socket.sendTimeout = 0;
    const late = attachedPipe(socket).pipe;
    deliverTo(late, ['x']);
    const [, to] = await socket.receive();
    await socket.send('1', to);
    await expect(socket.send('2', to)).rejects.toMatchObject({ code: 'EAGAIN' });
  });

  it('throws messages of more than one frame away, and counts them', async () => {
    const socket = closing(open());
    const [a, b] = [attachedPipe(socket).pipe, attachedPipe(socket).pipe];
    deliverTo(a, ['a', 'b'], ['from a']);
    expect([socket.readable, socket.discarded]).toEqual([true, 1]);
    deliverTo(b, ['from b']);
    const [, fromA] = await socket.receive();
    const [frame, fromB] = await socket.receive();
    expect(String(frame)).toBe('from b');
    await socket.send('to a', fromA);
    await socket.send('to b', fromB);
    expect([takeAll(a), takeAll(b)]).toEqual([[['to a']], [['to b']]]);
  });

  it('is readable to `for await` until it is closed', async () => {
    const socket = open();
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['1'], ['2']);
    const got: string[] = [];
    for await (const [frame, { routingId }] of socket) {
      expect(routingId).toBeGreaterThan(0);
      got.push(String(frame));
      if (got.length === 2) socket.close();
    }
    expect(got).toEqual(['1', '2']);
  });

  it('speaks in frames to devices: the routing id in four bytes, and the message', () => {
    const socket = closing(open());
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['x']);
    const received = socket.tryReceive() ?? [];
    expect(received.map((frame) => frame.length)).toEqual([4, 1]);
    expect(socket.trySend(received)).toBe(true);
    expect(takeAll(pipe)).toEqual([['x']]);
    expect(() => socket.trySend(message('x'))).toThrow(failing('EINVAL'));
    expect(() => socket.trySend([...message('abc'), ...message('x')])).toThrow(failing('EINVAL'));
  });
});

describe('Peer', () => {
  it('connectPeer() gives the routing id to send to, at once', async () => {
    const socket = closing(new Peer({ linger: 0 }));
    const [first, second] = [1, 2].map((port) => socket.connectPeer(`tcp://127.0.0.1:${port}`));
    expect(first).not.toBe(second);
    await socket.send('x', { routingId: first ?? 0 });
    expect(socket.unsent.messages).toBe(1);
  });

  it('connectPeer() is refused with EFAULT where immediate is set', () => {
    const socket = closing(new Peer({ immediate: true }));
    expect(() => socket.connectPeer('tcp://127.0.0.1:1')).toThrow(failing('EFAULT'));
  });
});

describe('Radio', () => {
  it('sends to those who have joined the group, and to nobody else', async () => {
    const socket = closing(new Radio());
    const [a, b] = [attachedPipe(socket).pipe, attachedPipe(socket).pipe];
    await socket.send('to nobody', { group: 'g' });
    deliverTo(a, ['\u0001g'], ['\u0001h']);
    deliverTo(b, ['\u0001g']);
    await socket.send('1', { group: 'g' });
    await socket.send('2', { group: Buffer.from('h') });
    await socket.send('3', { group: 'gg' });
    await socket.send('4', { group: '' });
    expect([takeAll(a), takeAll(b)]).toEqual([
      [
        ['g', '1'],
        ['h', '2'],
      ],
      [['g', '1']],
    ]);
  });

  it('sends no more to those who have left the group, however often they had joined', async () => {
    const socket = closing(new Radio());
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['\u0001g'], ['\u0001g']);
    await socket.send('once', { group: 'g' });
    deliverTo(pipe, ['\u0000g']);
    await socket.send('gone', { group: 'g' });
    expect(takeAll(pipe)).toEqual([['g', 'once']]);
  });

  it('never waits: a full peer misses the message, and that is counted', async () => {
    const socket = closing(new Radio({ sendHighWaterMark: 2 }));
    const [slow, quick] = [attachedPipe(socket).pipe, attachedPipe(socket).pipe];
    for (const pipe of [slow, quick]) deliverTo(pipe, ['\u0001g']);
    const seen: string[][] = [];
    for (let i = 0; i < 5; i++) {
      await socket.send(String(i), { group: 'g' });
      seen.push(...takeAll(quick));
    }
    expect(seen.map(([, text]) => text)).toEqual(['0', '1', '2', '3', '4']);
    expect(takeAll(slow).map(([, text]) => text)).toEqual(['0', '1']);
    expect([socket.dropped, socket.writable]).toEqual([3, true]);
    await socket.send('5', { group: 'g' });
    expect(takeAll(slow).map(([, text]) => text)).toEqual(['5']);
  });

  it('takes groups of 0 to 255 bytes without a zero byte', async () => {
    const socket = closing(new Radio());
    const { pipe } = attachedPipe(socket);
    const long = 'x'.repeat(255);
    deliverTo(pipe, ['\u0001'], [`\u0001${long}`]);
    await socket.send('1', { group: '' });
    await socket.send('2', { group: long });
    expect(takeAll(pipe)).toEqual([
      ['', '1'],
      [long, '2'],
    ]);
    for (const group of [`${long}x`, 'a\0b', untyped(5)]) {
      await expect(socket.send('x', { group })).rejects.toMatchObject({ code: 'EINVAL' });
    }
    await expect(socket.send('x', untyped(undefined))).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('sends one frame only', async () => {
    const socket = closing(new Radio());
    await expect(socket.send(untyped(['a', 'b']), { group: 'g' })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    expect(() => socket.trySend(message('x'))).toThrow(failing('EINVAL'));
  });

  it('throws away and counts what says nothing about groups', () => {
    const socket = closing(new Radio());
    const { pipe } = attachedPipe(socket);
    deliverTo(
      pipe,
      ['g'],
      ['\u0001g', 'x'],
      [''],
      ['\u0001a\u0000b'],
      [`\u0001${'x'.repeat(256)}`],
    );
    expect([socket.discarded, pipe.unread]).toEqual([5, 0]);
  });

  it('forgets a peer that left', async () => {
    const socket = closing(new Radio());
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['\u0001g'], ['\u0001h']);
    pipe.end();
    for (const group of ['g', 'h']) await socket.send('x', { group });
    expect(socket.dropped).toBe(0); // not counted as full: not there at all
  });
});

describe('Dish', () => {
  it('tells each new connection all groups it is in, and later changes', () => {
    const socket = closing(new Dish());
    socket.join('a', Buffer.from('b'));
    const { pipe } = attachedPipe(socket);
    expect(takeAll(pipe)).toEqual([]);
    connectPipe(pipe, 'RADIO');
    expect(takeAll(pipe)).toEqual([['\u0001a'], ['\u0001b']]);
    socket.join('c');
    socket.leave('a');
    expect(takeAll(pipe)).toEqual([['\u0001c'], ['\u0000a']]);
  });

  it('tells them again when a dialer has connected again, and nothing in between', () => {
    const socket = closing(new Dish());
    const { pipe, link } = attachedPipe(socket);
    connectPipe(pipe, 'RADIO');
    socket.join('a', 'b');
    takeAll(pipe);
    pipe.plug(link); // the connection is lost, the dialer waits
    socket.join('c');
    socket.leave('a');
    expect(pipe.unsent).toBe(0);
    connectPipe(pipe, 'RADIO');
    expect(takeAll(pipe)).toEqual([['\u0001b'], ['\u0001c']]);
  });

  it('tells them beyond any high-water mark', () => {
    const socket = closing(new Dish());
    const groups = Array.from({ length: 3000 }, (_, i) => `g${i}`);
    socket.join(...groups);
    const { pipe } = attachedPipe(socket);
    connectPipe(pipe, 'RADIO');
    expect(takeAll(pipe)).toEqual(groups.map((group) => [`\u0001${group}`]));
  });

  it('gives messages of its groups and throws the others away', async () => {
    const socket = closing(new Dish());
    socket.join('a', '');
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['b', '1']);
    expect([socket.readable, socket.discarded]).toEqual([false, 1]);
    deliverTo(pipe, ['a', '2'], ['aa', '3'], ['', '4']);
    expect(await socket.receive()).toEqual([Buffer.from('2'), { group: Buffer.from('a') }]);
    expect(await socket.receive()).toEqual([Buffer.from('4'), { group: Buffer.alloc(0) }]);
    expect([socket.readable, socket.discarded]).toEqual([false, 2]);
  });

  it('gives no message of a group that was left before it was received', () => {
    const socket = closing(new Dish());
    socket.join('a', 'b');
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['a', '1'], ['b', '2']);
    expect(socket.readable).toBe(true); // it was seen, but not yet given
    socket.leave('a');
    expect(socket.tryReceive()?.map(String)).toEqual(['b', '2']);
  });

  it('refuses to join twice, to leave what it is not in, and what is no group', () => {
    const socket = closing(new Dish());
    socket.join('a', 'x'.repeat(255));
    expect(() => socket.join('a')).toThrow(failing('EINVAL'));
    expect(() => socket.leave('b')).toThrow(failing('EINVAL'));
    for (const group of ['x'.repeat(256), 'a\0b', untyped(5)]) {
      expect(() => socket.join(group)).toThrow(failing('EINVAL'));
    }
    socket.leave('a');
    socket.join('a');
    socket.close();
    expect(() => socket.join('c')).toThrow(failing('EBADF'));
  });

  it('disconnects a peer whose messages are not two frames', () => {
    const socket = closing(new Dish());
    socket.join('a');
    for (const wrong of [['a'], ['a', 'b', 'c']]) {
      const { pipe, link } = attachedPipe(socket);
      deliverTo(pipe, wrong, ['a', 'behind']);
      expect(socket.tryReceive()).toBeUndefined();
      expect(link.told).toEqual(['close 0']);
      expect(pipe.isClosed).toBe(true);
    }
  });

  it('has a linger of 0 where nothing else was said', () => {
    expect(closing(new Dish()).linger).toBe(0);
    expect(closing(new Dish({ linger: 5 })).linger).toBe(5);
  });

  it('is readable to `for await` until it is closed', async () => {
    const socket = new Dish();
    socket.join('a');
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['a', '1'], ['a', '2']);
    const got: string[] = [];
    for await (const [frame, { group }] of socket) {
      got.push(`${group} ${frame}`);
      if (got.length === 2) socket.close();
    }
    expect(got).toEqual(['a 1', 'a 2']);
  });
});
