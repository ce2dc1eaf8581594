import { describe, expect, it } from 'vitest';
import { toMessage } from '../../packages/transport/src/message.ts';
import { texts } from '../support/hex.ts';

describe('toMessage', () => {
  it('makes one frame of a Buffer, by reference', () => {
    const body = Buffer.from('x');
    expect(toMessage(body)[0]).toBe(body);
  });

  it('writes strings as UTF-8, numbers as decimal text and null as an empty frame', () => {
    expect(texts(toMessage(['grün', 42, null]))).toEqual(['grün', '42', '']);
  });

  it('takes views and array buffers without copying, with their own bounds', () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const [view] = toMessage(bytes.subarray(1, 3));
    expect(view).toEqual(Buffer.of(2, 3));
    bytes[1] = 9;
    expect(view).toEqual(Buffer.of(9, 3));
    expect(toMessage(bytes.buffer)).toEqual([Buffer.of(1, 9, 3, 4)]);
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
