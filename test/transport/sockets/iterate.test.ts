/*
 * `for await` over a socket, where it differs from a plain loop of receive().
 */
import { afterEach, describe, expect, it } from 'vitest';
import { Pull, Push } from '../../../packages/transport/src/index.ts';

const sockets: Array<Push | Pull> = [];

async function pipeline(
  options: { receiveTimeout?: number } = {},
): Promise<{ push: Push; pull: Pull }> {
  const pull = new Pull({ linger: 0, ...options });
  const push = new Push({ linger: 0 });
  sockets.push(pull, push);
  await pull.bind('tcp://127.0.0.1:*');
  push.connect(pull.lastEndpoint ?? '');
  return { push, pull };
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

describe('iterating over a socket', () => {
  it('gives messages in order, and goes on with the next loop where the last one left', async () => {
    const { push, pull } = await pipeline();
    for (const text of ['1', '2', '3', '4']) await push.send(text);
    const seen: string[] = [];
    for await (const [frame] of pull) if (seen.push(String(frame)) === 2) break;
    for await (const [frame] of pull) if (seen.push(String(frame)) === 4) break;
    expect(seen).toEqual(['1', '2', '3', '4']);
  });

  it('ends when the socket is closed meanwhile, and stays at its end', async () => {
    const { pull } = await pipeline();
    const messages = pull[Symbol.asyncIterator]();
    const next = messages.next();
    pull.close();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });

  it('throws what receive() throws, and has no messages after that', async () => {
    const { push, pull } = await pipeline({ receiveTimeout: 1 });
    const messages = pull[Symbol.asyncIterator]();
    await expect(messages.next()).rejects.toMatchObject({ code: 'EAGAIN' });
    await push.send('late');
    expect(await messages.next()).toEqual({ done: true, value: undefined });
    pull.receiveTimeout = -1;
    expect(String((await pull.receive())[0])).toBe('late');
  });

  it('serves calls of next() that overlap in their order', async () => {
    const { push, pull } = await pipeline();
    const messages = pull[Symbol.asyncIterator]();
    const both = Promise.all([messages.next(), messages.next()]);
    await push.send('1');
    await push.send('2');
    expect((await both).map(({ value }) => String(value))).toEqual(['1', '2']);
  });

  it('has nothing more after return()', async () => {
    const { push, pull } = await pipeline();
    const messages = pull[Symbol.asyncIterator]();
    await messages.return?.();
    await push.send('1');
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });
});
