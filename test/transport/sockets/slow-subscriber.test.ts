/*
 * A subscriber that reads nothing: what it costs its publisher, and what the publisher says of it.
 */
import { Publisher } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { memoryInUse } from '../../support/memory.ts';
import { settled, subscribe } from '../../support/pub-sub.ts';
import { RawPeer } from '../../support/raw-peer.ts';

const MESSAGES = 1_000_000;
const HIGH_WATER_MARK = 1000;
const BODY_BYTES = 200;
/** On the wire: flags, size, body. */
const FRAME_BYTES = 2 + BODY_BYTES;
/** A thousand messages on the heap, and what a stream holds: far from the 200 MB that were sent. */
const GROWTH_BYTES = 3 * 1024 * 1024;

describe('a subscriber that reads nothing', () => {
  it(`holds its high-water mark of ${MESSAGES} messages, and each that it missed is counted`, async () => {
    const publisher = closing(new Publisher({ sendHighWaterMark: HIGH_WATER_MARK }));
    const peer = await RawPeer.greeted(await boundTo(publisher, TCP_WILDCARD), 'SUB');
    peer.write(subscribe(''));
    await settled(peer);
    peer.pause();
    const before = await memoryInUse();
    const body = Buffer.alloc(BODY_BYTES);
    let most = 0;
    for (let i = 0; i < MESSAGES; i++) {
      body.writeUInt32BE(i);
      // A Buffer of its own, as a program would make it: what is dropped must not be held.
      await publisher.send(Buffer.from(body));
      most = Math.max(most, publisher.unsent.messages);
    }
    const after = await memoryInUse();
    expect(after.heap - before.heap + after.buffers - before.buffers).toBeLessThan(GROWTH_BYTES);
    expect(most).toBe(HIGH_WATER_MARK);
    expect(publisher.unsent.messages).toBe(HIGH_WATER_MARK);
    expect(publisher.dropped).toBeGreaterThan(MESSAGES / 2);

    peer.resume();
    const kept = MESSAGES - publisher.dropped;
    const last = await numbersIn(peer, kept);
    expect(publisher.unsent.messages).toBe(0);
    expect(publisher.dropped).toBe(MESSAGES - kept);
    expect(peer.pending).toHaveLength(0);
    expect(last).toBeLessThan(MESSAGES);
  });
});

/** Takes so many messages and checks that their numbers rise; gives the last. */
async function numbersIn(peer: RawPeer, count: number): Promise<number> {
  const bytes = await peer.take(count * FRAME_BYTES);
  let last = -1;
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) {
    const number = bytes.readUInt32BE(at + 2);
    if (number <= last) throw new Error(`message ${number} came behind ${last}`);
    last = number;
  }
  return last;
}
