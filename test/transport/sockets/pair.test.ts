import { Pair } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { attachedPipe, deliverTo, takeAll } from '../../support/attached-pipe.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { message } from '../../support/recording-pipe-ends.ts';

/** Everything that can be received now, as text. */
function receiveAll(socket: Pair): string[] {
  const received: string[] = [];
  for (let each = socket.tryReceive(); each !== undefined; each = socket.tryReceive()) {
    received.push(texts(each).join('|'));
  }
  return received;
}

describe('Pair', () => {
  it('has the options of senders and of receivers', () => {
    const socket = closing(new Pair({ sendHighWaterMark: 5, receiveHighWaterMark: 6 }));
    expect([socket.sendHighWaterMark, socket.receiveHighWaterMark]).toEqual([5, 6]);
    expect(() => new Pair({ conflate: true } as object)).toThrow(TypeError);
    expect([socket.socketType, socket.type]).toEqual(['PAIR', 0]);
  });

  it('is writable while its peer is there and has room', () => {
    const socket = closing(new Pair({ sendHighWaterMark: 1 }));
    expect([socket.writable, socket.trySend(message('x'))]).toEqual([false, false]);
    const { pipe } = attachedPipe(socket);
    expect([socket.writable, socket.trySend(message('1'))]).toEqual([true, true]);
    expect([socket.writable, socket.trySend(message('2'))]).toEqual([false, false]);
    takeAll(pipe);
    expect(socket.writable).toBe(true);
    pipe.end();
    expect(socket.writable).toBe(false);
  });

  it('neither hears a second peer nor speaks to it while the first is there', () => {
    const socket = closing(new Pair());
    const first = attachedPipe(socket).pipe;
    const second = attachedPipe(socket);
    expect(socket.waitingPeers).toBe(1);
    deliverTo(second.pipe, ['unheard']);
    expect([socket.readable, socket.tryReceive()]).toEqual([false, undefined]);
    socket.trySend(message('1'));
    socket.trySend(message('2'));
    expect(takeAll(first)).toEqual([['1'], ['2']]);
    expect([takeAll(second.pipe), second.pipe.isClosed, second.link.told]).toEqual([[], false, []]);
  });

  it('goes on with the first in line when its peer leaves', async () => {
    const socket = closing(new Pair());
    const pipes = ['a', 'b', 'c'].map((name) => {
      const { pipe } = attachedPipe(socket);
      deliverTo(pipe, [name]);
      return pipe;
    });
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      expect(socket.waitingPeers).toBe(2 - i);
      expect(receiveAll(socket)).toEqual([name]);
      socket.trySend(message(`to ${name}`));
      const pipe = pipes[i];
      expect(pipe && takeAll(pipe)).toEqual([[`to ${name}`]]);
      pipe?.end();
    }
    expect(socket.writable).toBe(false);
  });

  it('gives callers that wait what the next in line had sent, and room with it', async () => {
    const socket = closing(new Pair({ sendHighWaterMark: 1 }));
    const first = attachedPipe(socket).pipe;
    const second = attachedPipe(socket).pipe;
    socket.trySend(message('fills the first'));
    const sent = socket.send('to the second');
    const received = socket.receive();
    deliverTo(second, ['from the second']);
    first.end();
    await sent;
    expect(texts(await received)).toEqual(['from the second']);
    expect(takeAll(second)).toEqual([['to the second']]);
  });

  it('serves callers that wait, in order, when its peer comes and when it has room again', async () => {
    const socket = closing(new Pair({ sendHighWaterMark: 2 }));
    const sent = ['1', '2', '3', '4'].map((text) => socket.send(text));
    const { pipe } = attachedPipe(socket);
    await Promise.all(sent.slice(0, 2));
    expect(takeAll(pipe)).toEqual([['1'], ['2']]);
    await Promise.all(sent);
    expect(takeAll(pipe)).toEqual([['3'], ['4']]);
  });

  it('gives what a peer left behind before what the next one says', () => {
    const socket = closing(new Pair());
    const first = attachedPipe(socket).pipe;
    const second = attachedPipe(socket).pipe;
    deliverTo(first, ['1'], ['2']);
    deliverTo(second, ['3']);
    first.end();
    deliverTo(second, ['4']);
    expect(receiveAll(socket)).toEqual(['1', '2', '3', '4']);
  });

  it('forgets a peer that leaves while it waits, with what it had sent', () => {
    const socket = closing(new Pair());
    const first = attachedPipe(socket).pipe;
    const second = attachedPipe(socket).pipe;
    deliverTo(second, ['lost']);
    second.end();
    expect(socket.waitingPeers).toBe(0);
    first.end();
    expect([receiveAll(socket), socket.writable]).toEqual([[], false]);
    const third = attachedPipe(socket).pipe;
    deliverTo(third, ['3']);
    expect([receiveAll(socket), socket.writable]).toEqual([['3'], true]);
  });
});
