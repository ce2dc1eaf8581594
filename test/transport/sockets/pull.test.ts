import { Pull, Upstream } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { attachedPipe, deliverTo } from '../../support/attached-pipe.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { message } from '../../support/recording-pipe-ends.ts';

/** Everything that can be received now, as text. */
function receiveAll(socket: Pull): string[][] {
  const received: string[][] = [];
  for (let each = socket.tryReceive(); each !== undefined; each = socket.tryReceive()) {
    received.push(texts(each));
  }
  return received;
}

describe('Pull', () => {
  it('has the options of receivers and conflate, and none of senders', () => {
    const socket = closing(new Pull({ receiveHighWaterMark: 5, conflate: true }));
    expect([socket.receiveHighWaterMark, socket.receiveTimeout, socket.conflate]).toEqual([
      5,
      -1,
      true,
    ]);
    expect(() => new Pull({ sendTimeout: 1 } as object)).toThrow(TypeError);
    expect([socket.socketType, socket.type]).toEqual(['PULL', 7]);
  });

  it('is what was called UPSTREAM', () => {
    expect(Upstream).toBe(Pull);
  });

  it('does not send', () => {
    const socket = closing(new Pull());
    attachedPipe(socket);
    expect(socket).not.toHaveProperty('send');
    expect(() => socket.trySend(message('x'))).toThrow(
      expect.objectContaining({ code: 'ENOTSUP' }),
    );
    expect(socket.writable).toBe(false);
  });

  it('takes one message of each peer in turn', () => {
    const socket = closing(new Pull());
    const [a, b] = [attachedPipe(socket).pipe, attachedPipe(socket).pipe];
    expect(socket.readable).toBe(false);
    deliverTo(a, ['a1'], ['a2'], ['a3']);
    deliverTo(b, ['b1', 'more']);
    expect(socket.readable).toBe(true);
    expect(receiveAll(socket)).toEqual([['a1'], ['b1', 'more'], ['a2'], ['a3']]);
    expect(socket.readable).toBe(false);
  });

  it('keeps what a peer had sent before it left', () => {
    const socket = closing(new Pull());
    const { pipe } = attachedPipe(socket);
    deliverTo(pipe, ['1'], ['2']);
    pipe.end();
    expect(receiveAll(socket)).toEqual([['1'], ['2']]);
  });

  it('serves callers that wait, in order, when messages come', async () => {
    const socket = closing(new Pull());
    const { pipe } = attachedPipe(socket);
    const received = [socket.receive(), socket.receive()];
    deliverTo(pipe, ['1'], ['2'], ['3']);
    expect((await Promise.all(received)).map(texts)).toEqual([['1'], ['2']]);
    expect(texts(await socket.receive())).toEqual(['3']);
  });

  it('asks the link to pause at the mark, and to go on at half of it', () => {
    const socket = closing(new Pull({ receiveHighWaterMark: 4 }));
    const { pipe, link } = attachedPipe(socket);
    deliverTo(pipe, ['1'], ['2'], ['3']);
    expect(link.told).toEqual([]);
    deliverTo(pipe, ['4']);
    expect(link.told).toEqual(['pause']);
    socket.tryReceive();
    expect(link.told).toEqual(['pause']);
    socket.tryReceive();
    expect(link.told).toEqual(['pause', 'resume']);
  });
});
