import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { texts } from '../../support/hex.ts';
import { message } from '../../support/recording-pipe-ends.ts';
import { until } from '../../support/until.ts';

async function dealers(): Promise<{ left: Dealer; right: Dealer }> {
  const left = closing(new Dealer());
  const right = closing(new Dealer());
  right.connect(await boundTo(left, TCP_WILDCARD));
  await right.send('ready');
  await left.receive();
  return { left, right };
}

describe('a socket', () => {
  it('has the number of its type, as zmq.h has it', () => {
    const types = [new Request(), new Reply(), new Dealer(), new Router()].map(
      (socket) => closing(socket).type,
    );
    expect(types).toEqual([3, 4, 5, 6]);
  });

  it('sends strings, numbers, null, views and lists of them', async () => {
    const { left, right } = await dealers();
    await right.send(['grün', 5, null, new Uint8Array([0x61, 0x62])]);
    expect(texts(await left.receive())).toEqual(['grün', '5', '', 'ab']);
    await right.send(null);
    expect(texts(await left.receive())).toEqual(['']);
  });

  it('refuses what is no message with EINVAL, by rejecting', async () => {
    const { right } = await dealers();
    await expect(right.send([])).rejects.toMatchObject({ code: 'EINVAL' });
    // A caller without types.
    await expect(right.send({} as unknown as string)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('serves callers of receive() in the order they came', async () => {
    const { left, right } = await dealers();
    const received = [left.receive(), left.receive(), left.receive()];
    for (const text of ['1', '2', '3']) await right.send(text);
    expect((await Promise.all(received)).map((m) => texts(m).join())).toEqual(['1', '2', '3']);
  });

  it('serves callers of send() in the order they came', async () => {
    const socket = closing(new Dealer());
    const endpoint = await boundTo(socket, TCP_WILDCARD);
    const sent = ['1', '2', '3'].map((text) => socket.send(text));
    const peer = closing(new Dealer());
    peer.connect(endpoint);
    await Promise.all(sent);
    const got = [await peer.receive(), await peer.receive(), await peer.receive()];
    expect(got.map((m) => texts(m).join())).toEqual(['1', '2', '3']);
  });

  it('a receive() that timed out takes no message away from the next', async () => {
    const { left, right } = await dealers();
    left.receiveTimeout = 1;
    await expect(left.receive()).rejects.toMatchObject({ code: 'EAGAIN' });
    left.receiveTimeout = -1;
    await right.send('x');
    expect(texts(await left.receive())).toEqual(['x']);
  });

  it('a send() that timed out is not sent later', async () => {
    const socket = closing(new Dealer({ sendTimeout: 1 }));
    const endpoint = await boundTo(socket, TCP_WILDCARD);
    await expect(socket.send('late')).rejects.toMatchObject({ code: 'EAGAIN' });
    const peer = closing(new Dealer());
    peer.connect(endpoint);
    socket.sendTimeout = -1;
    await socket.send('next');
    expect(texts(await peer.receive())).toEqual(['next']);
  });

  it('tryReceive gives undefined, and trySend false, where receive and send would wait', async () => {
    const { left, right } = await dealers();
    expect(left.tryReceive()).toBeUndefined();
    expect(right.trySend(message('x'))).toBe(true);
    expect(texts(await until(() => left.tryReceive(), 'the message'))).toEqual(['x']);
    const lonely = closing(new Dealer());
    expect([lonely.writable, lonely.trySend(message('x'))]).toEqual([false, false]);
  });

  it('leaves a message that trySend refused as it was', () => {
    const request = closing(new Request({ correlate: true }));
    const kept = message('kept');
    expect(request.trySend(kept)).toBe(false);
    expect(texts(kept)).toEqual(['kept']);
  });

  it('ends once everything is let go of', async () => {
    const { left, right } = await dealers();
    await expect(left.ended).rejects.toMatchObject({ code: 'EINVAL' });
    left.close();
    right.close();
    await Promise.all([left.ended, right.ended]);
    expect([left.closed, right.closed]).toEqual([true, true]);
  });

  it('is closed at the end of an `await using` block', async () => {
    const socket = new Dealer();
    await socket.bind(TCP_WILDCARD);
    await socket[Symbol.asyncDispose]();
    expect(socket.closed).toBe(true);
  });
});

describe('an observer', () => {
  it('gives events to receive() and to `for await`, up to the last, which is end', async () => {
    const socket = new Dealer();
    const first = socket.events.receive();
    await socket.bind(TCP_WILDCARD);
    expect((await first).type).toBe('bind');
    const rest: string[] = [];
    const reading = (async () => {
      for await (const event of socket.events) rest.push(event.type);
    })();
    socket.close();
    await reading;
    expect(rest).toEqual(['close', 'end']);
  });

  it('tells nothing to a listener that was taken off', async () => {
    const socket = closing(new Dealer());
    const told: string[] = [];
    const listener = ({ type }: { type: string }): void => {
      told.push(type);
    };
    socket.events.on('bind', listener);
    await socket.bind(TCP_WILDCARD);
    await until(() => told.length === 1, 'bind');
    socket.events.off('bind', listener);
    socket.events.on('bind', ({ type }) => told.push(`second ${type}`));
    await socket.bind(TCP_WILDCARD);
    await until(() => told.length === 2, 'the second bind');
    expect(told).toEqual(['bind', 'second bind']);
  });

  it('closed, tells nothing more, and the socket goes on', async () => {
    const socket = closing(new Dealer());
    const told: string[] = [];
    socket.events.on('bind', ({ type }) => told.push(type));
    socket.events.close();
    const peer = closing(new Dealer());
    peer.connect(await boundTo(socket, TCP_WILDCARD));
    await peer.send('x');
    await socket.receive();
    expect([socket.events.closed, told]).toEqual([true, []]);
  });
});
