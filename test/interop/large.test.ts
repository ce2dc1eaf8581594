/*
 * Very large messages and messages of very many frames, both ways between ours and libzmq, and how early a limit stops them.
 */
import { createHash } from 'node:crypto';
import { Pull as OurPull, Push as OurPush } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { Pull as TheirPull, Push as TheirPush } from 'zeromq';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;
const FRAMES = 10_000;

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes that repeat only after a prime number of them, so that nothing can be out of place unseen. */
function large(size: number): Buffer {
  const pattern = Buffer.alloc(65_521);
  for (let i = 0; i < pattern.length; i++) pattern[i] = (i * 31 + (i >>> 8)) & 0xff;
  return Buffer.alloc(size, pattern);
}

describe.each(transports)('over $name', ({ anywhere }) => {
  it.each([
    ['ours to libzmq', OurPush, TheirPull],
    ['libzmq to ours', TheirPush, OurPull],
    ['ours to ours', OurPush, OurPull],
  ])('100 MiB and 10,000 frames pass unharmed: %s', { timeout: 120_000 }, async (_, Push, Pull) => {
    const push = closing(new Push());
    const pull = closing(new Pull());
    push.connect(await boundTo(pull, anywhere()));
    const body = large(100 * MIB);
    await push.send(body);
    const [got = Buffer.alloc(0)] = await pull.receive();
    expect(got.length).toBe(body.length);
    expect(hash(got)).toBe(hash(body));
    const frames = Array.from({ length: FRAMES }, (_, i) => String(i));
    await push.send(frames);
    expect((await pull.receive()).map(String)).toEqual(frames);
  });

  it('a frame above maxMessageSize ends its connection at its size field, before a byte of it is kept', async () => {
    const pull = closing(new OurPull({ maxMessageSize: 100 * MIB }));
    const events = recordEvents(pull);
    const endpoint = await boundTo(pull, anywhere());
    const liar = await RawPeer.greeted(endpoint, 'PUSH');
    const before = process.memoryUsage().arrayBuffers;
    liar.write('02 0000000006400001'); // 100 MiB and one byte
    await until(() => countOf(events, 'disconnect') === 1);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
    const honest = await RawPeer.greeted(endpoint, 'PUSH');
    honest.write('00 01 61');
    expect(String((await pull.receive())[0])).toBe('a');
  });

  it('a frame that only says it is large takes no memory before its bytes come', async () => {
    const pull = closing(new OurPull());
    const liar = await RawPeer.greeted(await boundTo(pull, anywhere()), 'PUSH');
    const before = process.memoryUsage().arrayBuffers;
    liar.write('02 0000000040000000 61'); // 1 GiB is announced, one byte comes
    const honest = await RawPeer.greeted(pull.lastEndpoint ?? '', 'PUSH');
    honest.write('00 01 61');
    expect(String((await pull.receive())[0])).toBe('a');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
  });
});
