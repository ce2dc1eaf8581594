/*
 * STREAM against libzmq's: ours and theirs at either end of one connection, and the same story told
 * to both.
 */

import { describe, expect, it } from 'vitest';
import * as zeromq from 'zeromq';
import { Stream } from '../../packages/transport/src/sockets/stream.ts';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { freshIpc, TCP_WILDCARD } from '../support/endpoints.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { until, within } from '../support/until.ts';

/** What both have. */
interface AnyStream {
  readonly lastEndpoint: string | null;
  readonly closed: boolean;
  linger: number;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string, options?: { routingId?: string }): void;
  send(message: [string | Buffer, string | Buffer]): Promise<void>;
  receive(): Promise<[Buffer, Buffer]>;
  close(): void;
}

const stacks = [
  { name: 'ours', open: (options = {}): AnyStream => closing(new Stream(options)) },
  {
    name: 'npm zeromq',
    open: (options = {}): AnyStream => closing(new zeromq.Stream({ linger: 0, ...options })),
  },
] as const;

async function next(stream: AnyStream): Promise<{ id: Buffer; text: string }> {
  const [id, body] = await within(stream.receive(), 'a message');
  return { id, text: body.toString() };
}

/** libzmq acts on the end of a pipe when its user next calls it: calls it, to no effect. */
async function nudge(stream: AnyStream): Promise<void> {
  await expect(stream.send(['nobody', 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
}

const [ours, theirs] = stacks;
const pairs = [
  { binder: ours, connecter: theirs },
  { binder: theirs, connecter: ours },
];
const addresses = [
  { transport: 'tcp', address: () => TCP_WILDCARD },
  { transport: 'ipc', address: freshIpc },
];

describe.each(addresses)('STREAM over $transport', ({ address }) => {
  it.each(pairs)('of $binder.name is reached by that of $connecter.name', async (pair) => {
    const binder = pair.binder.open();
    const connecter = pair.connecter.open();
    connecter.connect(await boundTo(binder, address()), { routingId: 'far' });
    expect(await next(connecter)).toEqual({ id: Buffer.from('far'), text: '' });
    const { id, text } = await next(binder);
    expect([text, id.length, id[0]]).toEqual(['', 5, 0]);
    await connecter.send(['far', 'ping']);
    expect(await next(binder)).toEqual({ id, text: 'ping' });
    await binder.send([id, 'pong']);
    expect(await next(connecter)).toEqual({ id: Buffer.from('far'), text: 'pong' });
    await binder.send([id, '']);
    const end = next(connecter);
    let isTold = false;
    void end.then(() => {
      isTold = true;
    });
    await until(async () => {
      await nudge(binder);
      return isTold;
    }, 'the end to be told');
    expect((await end).text).toBe('');
  });
});

describe.each(stacks)('STREAM of $name', ({ open }) => {
  it('tells a bound one: there, chunks, gone; and refuses unknown peers', async () => {
    const stream = open();
    const peer = await RawPeer.connect(await boundTo(stream, TCP_WILDCARD));
    const { id } = await next(stream);
    peer.write(Buffer.from('a'));
    expect(await next(stream)).toEqual({ id, text: 'a' });
    await expect(stream.send(['nobody', 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    peer.close();
    expect(await next(stream)).toEqual({ id, text: '' });
  });

  it('keeps the routing id when it connects again, named or not', async () => {
    for (const named of [{}, { routingId: 'name' }]) {
      const listener = await RawListener.listen();
      const stream = open({ reconnectInterval: 1 });
      stream.connect(listener.endpoint, named);
      const { id } = await next(stream);
      if (named.routingId !== undefined) expect(id.toString()).toBe(named.routingId);
      (await listener.accept()).close();
      expect(await next(stream)).toEqual({ id, text: '' });
      expect(await next(stream)).toEqual({ id, text: '' });
      await stream.send([id, 'again']);
      expect((await (await listener.accept()).take(5)).toString()).toBe('again');
    }
  });

  it('does not connect again after an empty message', async () => {
    const listener = await RawListener.listen();
    const stream = open({ reconnectInterval: 1 });
    stream.connect(listener.endpoint, { routingId: 'a' });
    expect((await next(stream)).text).toBe('');
    const peer = await listener.accept();
    await stream.send(['a', '']);
    await until(async () => {
      await nudge(stream);
      return peer.closed;
    }, 'the connection to be closed');
    peer.end();
    // A second endpoint is up long after the first would have been tried again.
    const other = await RawListener.listen();
    stream.connect(other.endpoint, { routingId: 'b' });
    expect((await next(stream)).id.toString()).toBe('b');
    expect(listener.accepted.length).toBe(1);
  });
});
