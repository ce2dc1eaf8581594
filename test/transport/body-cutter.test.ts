/*
 * What a receiver that keeps a body keeps with it.
 */
import { describe, expect, it } from 'vitest';
import { copyOf, HEAP_BYTES, viewOf } from '../../packages/transport/src/bytes.ts';
import { FrameDecoder } from '../../packages/transport/src/wire/decoder.ts';

const CHUNK_BYTES = 64 * 1024;

/** A chunk as net.Socket hands it over, full of frames of so many bytes, and the frames in it. */
function decodeChunkOf(size: number, isLent = false): { chunk: Buffer; bodies: Buffer[] } {
  const header = size > 255 ? 9 : 2;
  const count = Math.floor(CHUNK_BYTES / (size + header));
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES).fill(0);
  for (let i = 0; i < count; i++) {
    const start = i * (size + header);
    if (header === 2) chunk[start + 1] = size;
    else {
      chunk[start] = 2;
      chunk.writeUInt32BE(size, start + 5);
    }
    chunk.fill(i, start + header, start + header + size);
  }
  const bodies: Buffer[] = [];
  const decoder = new FrameDecoder({ onFrame: (_flags, body) => bodies.push(body) }, -1);
  decoder.decode(chunk.subarray(0, count * (size + header)), isLent);
  if (isLent) chunk.fill(0xee);
  return { chunk, bodies };
}

describe('a body', () => {
  it.each([1, 10, 32, 33, 64, 65, 100, 255, 256, 511, 512, 1000, 4096])(
    'of %i bytes is what was sent, wherever it lay in the chunk',
    (size) => {
      const { bodies } = decodeChunkOf(size);
      expect(bodies.length).toBeGreaterThan(10);
      for (const [i, body] of bodies.entries()) {
        expect(body.equals(Buffer.alloc(size, i))).toBe(true);
      }
    },
  );

  it.each([1, 10, 64])('of %i bytes keeps no more memory than itself', (size) => {
    const { bodies } = decodeChunkOf(size);
    for (const body of bodies) expect(body.buffer.byteLength).toBe(size);
  });

  it.each([65, 200, 511])('of %i bytes keeps at most 8 KiB', (size) => {
    const { bodies, chunk } = decodeChunkOf(size);
    for (const body of bodies) {
      expect(body.buffer).not.toBe(chunk.buffer);
      expect(body.buffer.byteLength).toBeLessThanOrEqual(8 * 1024);
    }
  });

  it.each([1, 10, 32, 33, 64, 65, 100, 255, 256, 511, 512, 1000, 4096])(
    'of %i bytes is its own when the chunk was lent',
    (size) => {
      const { bodies, chunk } = decodeChunkOf(size, true);
      for (const [i, body] of bodies.entries()) {
        expect(body.buffer).not.toBe(chunk.buffer);
        expect(body.equals(Buffer.alloc(size, i))).toBe(true);
      }
    },
  );

  it('of 16 KiB or more keeps nothing but itself when the chunk was lent', () => {
    const { bodies } = decodeChunkOf(16 * 1024, true);
    for (const body of bodies) expect(body.buffer.byteLength).toBe(16 * 1024);
  });

  it('is a view of what was lent for whoever uses it up', () => {
    const seen: boolean[] = [];
    const chunk = Buffer.concat([Buffer.from([0, 200]), Buffer.alloc(200, 1)]);
    const onFrame = (_flags: number, body: Buffer) => seen.push(body.buffer === chunk.buffer);
    const decoder = new FrameDecoder({ onFrame }, -1);
    decoder.giveViews();
    decoder.decode(chunk, true);
    expect(seen).toEqual([true]);
  });

  it('of 512 bytes or more is a view: nothing is copied', () => {
    const { bodies, chunk } = decodeChunkOf(512);
    for (const body of bodies) expect(body.buffer).toBe(chunk.buffer);
  });

  it('is a Buffer like any other', () => {
    const [body] = decodeChunkOf(10).bodies;
    expect(Object.getPrototypeOf(body)).toBe(Buffer.prototype);
    expect(body).toStrictEqual(Buffer.alloc(10));
  });
});

describe('views and copies', () => {
  const source = Buffer.from(Array.from({ length: 300 }, (_, i) => i)).subarray(3);

  it.each([0, 1, 32, 33, HEAP_BYTES, HEAP_BYTES + 1, 200])(
    'of %i bytes are those bytes',
    (size) => {
      const expected = Buffer.from(source.subarray(7, 7 + size));
      expect(viewOf(source, 7, 7 + size)).toStrictEqual(expected);
      expect(copyOf(source, 7, 7 + size)).toStrictEqual(expected);
    },
  );

  it('share memory, and do not', () => {
    const bytes = Buffer.from('shared memory');
    const view = viewOf(bytes, 0, 6);
    const copy = copyOf(bytes, 0, 6);
    bytes[0] = 0x53;
    expect(view.toString()).toBe('Shared');
    expect(copy.toString()).toBe('shared');
  });
});
