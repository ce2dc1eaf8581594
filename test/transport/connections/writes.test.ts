/*
 * How often net.Sockets are asked to write, and when: each such call is one of the system.
 */
import { Socket as NetSocket } from 'node:net';
import { Publisher, Push, Router } from '@zscale/transport';
import { describe, expect, it, onTestFinished } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { Handshakes } from '../../support/handshakes.ts';
import { settled, subscribe } from '../../support/pub-sub.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { until } from '../../support/until.ts';

/** What net.Socket calls when it gives bytes to the system: a Buffer, or several that were corked together. */
const WRITES = ['_write', '_writev'] as const;

/** From now on, the peer's port for each write. RawPeers write nothing meanwhile. */
function recordWrites(): number[] {
  const ports: number[] = [];
  for (const name of WRITES) {
    const original: unknown = Reflect.get(NetSocket.prototype, name);
    if (typeof original !== 'function') throw new Error(`net.Socket has no ${name}`);
    Reflect.set(NetSocket.prototype, name, function (this: NetSocket, ...args: unknown[]) {
      ports.push(this.remotePort ?? 0);
      return Reflect.apply(original, this, args);
    });
    onTestFinished(() => void Reflect.set(NetSocket.prototype, name, original));
  }
  return ports;
}

/** A Push with one raw PULL, both idle. */
async function idlePush(): Promise<{ push: Push; peer: RawPeer; writes: number[] }> {
  const push = closing(new Push({ sendHighWaterMark: 0 }));
  const handshakes = new Handshakes(push);
  const peer = await RawPeer.greeted(await boundTo(push, TCP_WILDCARD), 'PULL');
  await handshakes.reach(1);
  await peer.flushed();
  return { push, peer, writes: recordWrites() };
}

/** What happens in which order, beginning in a phase of the event loop in which nothing else does. */
async function orderOf(send: () => void, writes: readonly number[]): Promise<string[]> {
  const events: string[] = [];
  const note = (what: string) => () => events.push(`${what} after ${writes.length} writes`);
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      setImmediate(note('immediate'));
      setImmediate(resolve);
      setTimeout(note('timer'), 0);
      send();
      note('the call')();
      process.nextTick(note('tick'));
    });
  });
  return events.filter((event) => !event.startsWith('timer'));
}

describe('a message in an idle socket', () => {
  it('leaves in the turn in which it was sent, in one write, before anything else of the event loop', async () => {
    const { push, peer, writes } = await idlePush();
    const events = await orderOf(() => void push.send('a'), writes);
    expect(events).toEqual([
      'the call after 0 writes',
      'tick after 1 writes',
      'immediate after 1 writes',
    ]);
    await peer.expectBytes('00 01 61');
    expect(writes).toHaveLength(1);
  });

  it('leaves so from a program that awaits, too', async () => {
    const { push, writes } = await idlePush();
    let isLater = false;
    setImmediate(() => {
      isLater = true;
    });
    await push.send('a');
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect({ isLater, writes: writes.length }).toEqual({ isLater: false, writes: 1 });
  });
});

describe('messages of one turn', () => {
  it.each([
    { count: 2, size: 10, most: 1 },
    { count: 1000, size: 10, most: 1 },
    { count: 4096, size: 10, most: 1 },
    { count: 600, size: 100, most: 1 },
    { count: 8192, size: 10, most: 2 },
    { count: 60, size: 1000, most: 1 },
  ])('$count of $size bytes leave in $most', async ({ count, size, most }) => {
    const { push, peer, writes } = await idlePush();
    const body = Buffer.alloc(size, 1);
    for (let i = 0; i < count; i++) push.trySend([body]);
    await peer.take(count * (size + (size > 255 ? 9 : 2)));
    expect(writes.length).toBeGreaterThan(0);
    expect(writes.length).toBeLessThanOrEqual(most);
  });

  it('of many frames, some of them large, leave in one', async () => {
    const { push, peer, writes } = await idlePush();
    const large = Buffer.alloc(16 * 1024);
    push.trySend([Buffer.from('a'), large, Buffer.from('b')]);
    push.trySend([Buffer.from('c'), Buffer.from('d')]);
    await peer.take(4 * 3 + 9 + large.length);
    expect(writes).toHaveLength(1);
  });

  it('sent by awaited calls leave in one for each run of them, not one for each', async () => {
    const { push, peer, writes } = await idlePush();
    const count = 10_000;
    for (let i = 0; i < count; i++) await push.send('0123456789');
    await peer.take(count * 12);
    expect(writes.length).toBeLessThan(count / 4); // a run has 8 calls at least, and 512 on most machines
  });
});

describe('answers to what came in one chunk', () => {
  it('leave in one write', async () => {
    const router = closing(new Router());
    const peer = await RawPeer.greeted(await boundTo(router, TCP_WILDCARD), 'DEALER');
    const count = 100;
    peer.write(...new Array(count).fill('00 01 61'));
    await until(() => router.readable);
    await peer.flushed();
    const writes = recordWrites();
    for (let i = 0; i < count; i++) router.trySend(router.tryReceive() ?? []);
    await peer.take(count * 3);
    expect(writes).toHaveLength(1);
  });
});

describe('a published message', () => {
  it('is one write for each of 64 subscribers, and so are ten of one turn', async () => {
    const publisher = closing(new Publisher());
    const endpoint = await boundTo(publisher, TCP_WILDCARD);
    const peers = await Promise.all(
      Array.from({ length: 64 }, () => RawPeer.greeted(endpoint, 'SUB')),
    );
    for (const peer of peers) {
      peer.write(subscribe(''));
      await settled(peer);
    }
    const writes = recordWrites();
    publisher.trySend([Buffer.from('a')]);
    for (const peer of peers) await peer.expectBytes('00 01 61');
    expect(writes).toHaveLength(64);
    expect(new Set(writes).size).toBe(64);

    for (let i = 0; i < 10; i++) publisher.trySend([Buffer.from('b')]);
    for (const peer of peers) await peer.take(30);
    expect(writes).toHaveLength(128);
  });
});
