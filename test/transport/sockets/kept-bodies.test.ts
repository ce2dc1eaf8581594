/*
 * What a receiver holds that keeps one body out of each chunk, over a real stream and from another thread.
 */
import { Pull, Push } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { Thread } from '../../fixtures/threads/thread.ts';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { memoryInUse } from '../../support/memory.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** What node:net reads at once. */
const CHUNK_BYTES = 64 * KIB;
const FIRST_BODIES = 50;

interface Kept {
  readonly bodies: readonly Buffer[];
  /** What the memory of ArrayBuffers grew by. */
  readonly buffers: number;
  readonly heap: number;
}

/** Sends so many bodies of a size, each with a chunk of others behind it, and gives them alone. */
async function exchange(push: Push, pull: Pull, count: number, size: number): Promise<Buffer[]> {
  const rest = Buffer.alloc(CHUNK_BYTES);
  const sending = (async () => {
    for (let i = 0; i < count; i++) {
      await push.send(Buffer.alloc(size, i));
      await push.send(rest);
    }
  })();
  const bodies: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const [body] = await pull.receive();
    await pull.receive();
    if (body === undefined) throw new Error('a message without a frame');
    bodies.push(body);
  }
  await sending;
  return bodies;
}

async function keep(count: number, size: number): Promise<Kept> {
  const pull = closing(new Pull());
  const push = closing(new Push());
  push.connect(await boundTo(pull, TCP_WILDCARD));
  return growth(count, (number) => exchange(push, pull, number, size));
}

/** The same from another thread, with so many bodies of 8000 B behind each that they fill a chunk. */
async function keepFromThread(count: number, size: number): Promise<Kept> {
  const pull = closing(new Pull());
  const endpoint = `inproc://kept-bodies-${size}`;
  await pull.bind(endpoint);
  const thread = new Thread(`
    const push = new zscale.Push();
    push.connect('${endpoint}');
    for (;;) {
      const count = await hear();
      for (let i = 0; i < count; i++) {
        await push.send(Buffer.alloc(${size}, i));
        for (let n = 0; n < 8; n++) await push.send(Buffer.alloc(8000));
      }
    }
  `);
  return growth(count, async (number) => {
    const bodies: Buffer[] = [];
    thread.tell(number);
    for (let i = 0; i < 9 * number; i++) {
      const [body] = await pull.receive();
      if (i % 9 === 0 && body !== undefined) bodies.push(body);
    }
    return bodies;
  });
}

/** What a second exchange of bodies that are kept takes. */
async function growth(
  count: number,
  exchangeBodies: (count: number) => Promise<Buffer[]>,
): Promise<Kept> {
  await exchangeBodies(FIRST_BODIES);
  const before = await memoryInUse();
  const bodies = await exchangeBodies(count);
  const after = await memoryInUse();
  return {
    bodies,
    buffers: after.buffers - before.buffers,
    heap: after.heap - before.heap,
  };
}

describe('a receiver that keeps one body out of each chunk', () => {
  it('of 10 bytes, 10,000 of them, holds those and no chunk', async () => {
    const { bodies, buffers, heap } = await keep(10_000, 10);
    expect(buffers).toBeLessThan(2 * MIB);
    expect(heap).toBeLessThan(10_000 * 512);
    expect(bodies.every((body, i) => body.equals(Buffer.alloc(10, i)))).toBe(true);
  });

  it.each([65, 511])('of %i bytes holds at most 8 KiB for each', async (size) => {
    const { bodies, buffers } = await keep(1000, size);
    expect(buffers).toBeLessThan(1000 * 8 * KIB + 2 * MIB);
    expect(bodies).toHaveLength(1000);
  });

  it('of 512 bytes or more holds the chunk for each, at most 64 KiB', async () => {
    const { bodies, buffers } = await keep(200, 1000);
    expect(buffers).toBeLessThan(200 * CHUNK_BYTES + 2 * MIB);
    expect(bodies).toHaveLength(200);
  });

  it('that is larger than a chunk holds that body and no more', async () => {
    const size = 100 * KIB;
    const { bodies, buffers } = await keep(200, size);
    expect(buffers).toBeLessThan(200 * size + 2 * MIB);
    expect(bodies).toHaveLength(200);
  });
});

describe('a receiver that keeps one body out of each chunk from another thread', () => {
  it('of 10 bytes, 2,000 of them, holds those and no chunk', async () => {
    const { bodies, buffers, heap } = await keepFromThread(2000, 10);
    expect(buffers).toBeLessThan(MIB);
    expect(heap).toBeLessThan(2000 * 512);
    expect(bodies.every((body, i) => body.equals(Buffer.alloc(10, i)))).toBe(true);
  });

  it.each([65, 511])('of %i bytes holds at most 8 KiB for each', async (size) => {
    const { bodies, buffers } = await keepFromThread(500, size);
    expect(buffers).toBeLessThan(500 * 8 * KIB + MIB);
    expect(bodies.every((body, i) => body.equals(Buffer.alloc(size, i)))).toBe(true);
  });
});
