import { Downstream, Push } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { attachedPipe, deliverTo, takeAll } from '../../support/attached-pipe.ts';
import { closing } from '../../support/closing.ts';
import { message } from '../../support/recording-pipe-ends.ts';

describe('Push', () => {
  it('has the options of senders and conflate, and none of receivers', () => {
    const socket = closing(new Push({ sendHighWaterMark: 5, conflate: true }));
    expect([socket.sendHighWaterMark, socket.sendTimeout, socket.conflate]).toEqual([5, -1, true]);
    expect(() => new Push({ receiveTimeout: 1 } as object)).toThrow(TypeError);
    expect([socket.socketType, socket.type]).toEqual(['PUSH', 8]);
  });

  it('is what was called DOWNSTREAM', () => {
    expect(Downstream).toBe(Push);
  });

  it('does not receive', () => {
    const socket = closing(new Push());
    expect(socket).not.toHaveProperty('receive');
    expect(() => socket.tryReceive()).toThrow(expect.objectContaining({ code: 'ENOTSUP' }));
    expect(socket.readable).toBe(false);
  });

  it('is writable while some peer has room', () => {
    const socket = closing(new Push({ sendHighWaterMark: 1 }));
    expect([socket.writable, socket.trySend(message('x'))]).toEqual([false, false]);
    const { pipe } = attachedPipe(socket);
    expect([socket.writable, socket.trySend(message('1'))]).toEqual([true, true]);
    expect([socket.writable, socket.trySend(message('2'))]).toEqual([false, false]);
    expect(takeAll(pipe)).toEqual([['1']]);
    expect([socket.writable, socket.trySend(message('3'))]).toEqual([true, true]);
  });

  it('gives nothing more to a peer that left', () => {
    const socket = closing(new Push());
    const gone = attachedPipe(socket).pipe;
    const { pipe } = attachedPipe(socket);
    gone.end();
    for (const text of ['1', '2', '3']) socket.trySend(message(text));
    expect(takeAll(pipe)).toEqual([['1'], ['2'], ['3']]);
    pipe.end();
    expect(socket.writable).toBe(false);
  });

  it('serves callers that wait, in order, when a peer comes and when one has room again', async () => {
    const socket = closing(new Push({ sendHighWaterMark: 2 }));
    const sent = ['1', '2', '3', '4'].map((text) => socket.send(text));
    const { pipe } = attachedPipe(socket);
    await Promise.all(sent.slice(0, 2));
    expect(takeAll(pipe)).toEqual([['1'], ['2']]);
    await Promise.all(sent);
    expect(takeAll(pipe)).toEqual([['3'], ['4']]);
  });

  it('throws away what a peer sends, and counts it', () => {
    const socket = closing(new Push());
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['a'], ['b', 'c']);
    expect([pipe.unread, socket.discarded]).toEqual([0, 2]);
  });
});
