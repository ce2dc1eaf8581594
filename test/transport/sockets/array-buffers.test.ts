/*
 * Memory beside the JavaScript heap that is asked for while messages pass: per chunk and per write, not per message.
 */
import { Pull, Push } from '@zscale/transport';
import { describe, expect, it, vi } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { memoryInUse } from '../../support/memory.ts';

const MESSAGES = 100_000;
/** Every way in which our code asks for it. (What node:net reads into is one ArrayBuffer for each chunk.) */
const MAKERS = ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'from', 'concat'] as const;

describe(`${MESSAGES} messages`, () => {
  it.each([
    { size: 10, each: 500 }, // a write or a chunk has some thousand
    { size: 100, each: 50 }, // 8 KiB have 80
  ])('of $size bytes ask for memory less than once for $each of them', async ({ size, each }) => {
    const pull = closing(new Pull({ receiveHighWaterMark: 0 }));
    const push = closing(new Push({ sendHighWaterMark: 0 }));
    push.connect(await boundTo(pull, TCP_WILDCARD));
    push.trySend([Buffer.from('first')]);
    await pull.receive();

    const body = Buffer.alloc(size, 7);
    const before = await memoryInUse();
    const spies = MAKERS.map((name) => vi.spyOn(Buffer, name));
    const kept: Buffer[][] = [];
    for (let i = 0; i < MESSAGES; i++) push.trySend([body]);
    while (kept.length < MESSAGES) kept.push(await pull.receive());
    const made = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(MESSAGES / each);

    const { buffers } = await memoryInUse();
    // Small bodies lie on the heap, larger ones in as much as came, and a tenth for the ends of slabs.
    const held = size <= 64 ? 0 : MESSAGES * (size + 2) * 1.1;
    expect(buffers - before.buffers).toBeLessThan(held + 1024 * 1024);
    expect(kept.every(([frame]) => frame?.equals(body))).toBe(true);
  });
});
