import { describe, expect, it } from 'vitest';
import { toMessage } from '../../packages/transport/src/message.ts';
import { texts } from '../support/hex.ts';

describe('toMessage', () => {
  it('makes one frame of a Buffer: of a large one by reference, of a small one by copy', () => {
    const large = Buffer.alloc(129);
    expect(toMessage(large)[0]).toBe(large);
    expect(toMessage(['a', large])[1]).toBe(large);
    const small = Buffer.alloc(128, 'x');
    const [alone] = toMessage(small);
    const [, inList] = toMessage(['a', small]);
    small.fill('y');
    expect([alone, inList]).toEqual([Buffer.alloc(128, 'x'), Buffer.alloc(128, 'x')]);
  });

  it('writes strings as UTF-8, numbers as decimal text and null as an empty frame', () => {
    expect(texts(toMessage(['grün', 42, null]))).toEqual(['grün', '42', '']);
  });

  it('takes views and array buffers with their own bounds, large ones without copying', () => {
    const bytes = new Uint8Array(400);
    const [view] = toMessage(bytes.subarray(100, 300));
    bytes[100] = 9;
    expect(view).toHaveLength(200);
    expect(view?.[0]).toBe(9);
    const few = new Uint8Array([1, 2, 3, 4]);
    expect(toMessage(few.subarray(1, 3))).toEqual([Buffer.of(2, 3)]);
    expect(toMessage(few.buffer)).toEqual([Buffer.of(1, 2, 3, 4)]);
    expect(toMessage(new SharedArrayBuffer(2))).toEqual([Buffer.alloc(2)]);
  });

  it.each([
    ['an empty list', []],
    ['an object', {}],
    ['undefined', undefined],
    ['a list with an object in it', ['a', {}]],
    ['a boolean', true],
  ])('refuses %s with EINVAL', (_, value) => {
    // A caller without types, which is who the check is for.
    expect(() => toMessage(value as unknown as string)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});
