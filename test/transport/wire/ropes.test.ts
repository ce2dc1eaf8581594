/*
 * Frames that are passed on unread: in pieces of the chunks they came in, not copied when they come and not when they go.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRope, Rope, wholeFrame } from '../../../packages/transport/src/rope.ts';
import { Slab } from '../../../packages/transport/src/slab.ts';
import { FrameDecoder } from '../../../packages/transport/src/wire/decoder.ts';
import { Encoder } from '../../../packages/transport/src/wire/encoder.ts';
import { hex } from '../../support/hex.ts';

const KIB = 1024;

/** What a decoder that makes ropes gives for these chunks. */
function decode(chunks: readonly Buffer[], { ropes = true } = {}): Array<Buffer | Rope> {
  const bodies: Buffer[] = [];
  const decoder = new FrameDecoder({ onFrame: (_flags, body) => bodies.push(body) }, -1);
  if (ropes) decoder.makeRopes();
  for (const chunk of chunks) decoder.decode(chunk);
  return bodies;
}

/** A frame of a message with this body, in the long form. */
function frame(body: Buffer, flags = '02'): Buffer {
  const size = body.length.toString(16).padStart(16, '0');
  return Buffer.concat([hex(`${flags} ${size}`), body]);
}

/** Bytes of which no two stretches are the same. */
function bytes(length: number): Buffer {
  const made = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) made.writeUInt32BE(i, i);
  return made;
}

/** Cuts so that each piece has memory of its own, as chunks of a stream have. */
function cut(stream: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let i = 0; i < stream.length; i += size)
    chunks.push(Buffer.from(Uint8Array.from(stream.subarray(i, i + size)).buffer));
  return chunks;
}

function pieces(body: Buffer | Rope | undefined): readonly Buffer[] {
  if (body === undefined || !isRope(body)) throw new Error('no rope');
  return body.pieces;
}

describe('a large body that spans chunks', () => {
  const body = bytes(64 * KIB);

  it('comes as views of the chunks', () => {
    const chunks = cut(frame(body), 40 * KIB);
    const [rope] = decode(chunks);
    expect(rope?.length).toBe(body.length);
    expect(pieces(rope).map(({ buffer }) => buffer)).toEqual(chunks.map(({ buffer }) => buffer));
    expect(pieces(rope).every(({ buffer }, i) => buffer === chunks[i]?.buffer)).toBe(true);
    expect(Buffer.concat(pieces(rope)).equals(body)).toBe(true);
  });

  it('does not keep a chunk for the few bytes that it has at an end of it', () => {
    const chunks = cut(Buffer.concat([frame(bytes(39 * KIB)), frame(body)]), 40 * KIB);
    const [, rope] = decode(chunks);
    const [first, second] = pieces(rope);
    expect(first?.length).toBeLessThan(KIB);
    expect(first?.buffer).not.toBe(chunks[0]?.buffer);
    expect(second?.buffer).toBe(chunks[1]?.buffer);
    expect(Buffer.concat(pieces(rope)).equals(body)).toBe(true);
  });

  it('is put together when it comes in small chunks', () => {
    const [whole] = decode(cut(frame(body), 4 * KIB));
    expect(Buffer.isBuffer(whole) && whole.equals(body)).toBe(true);
  });

  it('is put together when the stream slows down in the middle of it', () => {
    const stream = frame(body);
    const chunks = [
      ...cut(stream.subarray(0, 20 * KIB), 20 * KIB),
      ...cut(stream.subarray(20 * KIB), 1460),
    ];
    const [whole] = decode(chunks);
    expect(Buffer.isBuffer(whole) && whole.equals(body)).toBe(true);
  });

  it('is put together for whoever did not ask for ropes', () => {
    const [whole] = decode(cut(frame(body), 40 * KIB), { ropes: false });
    expect(Buffer.isBuffer(whole) && whole.equals(body)).toBe(true);
  });

  it('is put together when it is a command, or small', () => {
    const small = bytes(16 * KIB);
    const stream = Buffer.concat([frame(body, '06'), frame(small)]);
    const both = decode(cut(stream, 30 * KIB));
    expect(both.map((one) => Buffer.isBuffer(one))).toEqual([true, true]);
  });

  it('is whole again for whoever wants its bytes', () => {
    const [rope] = decode(cut(frame(body), 40 * KIB));
    expect(wholeFrame(rope as Buffer).equals(body)).toBe(true);
    const plain = Buffer.from('plain');
    expect(wholeFrame(plain)).toBe(plain);
  });

  it('is the same body however the stream is cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 70 * KIB }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100 * KIB }), { maxLength: 4 }),
        sizes,
        (lengths, cuts) => {
          const bodies = lengths.map(bytes);
          const stream = Buffer.concat(bodies.map((one) => frame(one)));
          const chunks: Buffer[] = [];
          for (let i = 0, n = 0; i < stream.length; n += 1) {
            const size = cuts[n % cuts.length] ?? 1;
            chunks.push(Buffer.from(stream.subarray(i, i + size)));
            i += size;
          }
          const decoded = decode(chunks).map((one) => wholeFrame(one as Buffer));
          expect(decoded.length).toBe(bodies.length);
          expect(decoded.every((one, i) => one.equals(bodies[i] ?? hex('ff')))).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a rope that is sent on', () => {
  it('is written as it came: its own pieces behind a header of nine bytes', () => {
    const body = bytes(100 * KIB);
    const [rope] = decode(cut(frame(body), 64 * KIB));
    const encoder = new Encoder(new Slab());
    encoder.add([Buffer.from('ticket'), Buffer.alloc(0), rope as Buffer]);
    const written = encoder.finish();
    expect(written.slice(1)).toEqual(pieces(rope));
    expect(written.slice(1).every((piece, i) => piece === pieces(rope)[i])).toBe(true);
    const expected = Buffer.concat([
      hex('01 06'),
      Buffer.from('ticket'),
      hex('01 00'),
      frame(body),
    ]);
    expect(Buffer.concat(written).equals(expected)).toBe(true);
  });

  it('may have more pieces than a call of a function may have arguments', () => {
    const piece = Buffer.alloc(1);
    const rope = new Rope(
      Array.from({ length: 300_000 }, () => piece),
      300_000,
    );
    const encoder = new Encoder(new Slab());
    encoder.add([rope as unknown as Buffer]);
    expect(encoder.finish().length).toBe(300_001);
  });
});
