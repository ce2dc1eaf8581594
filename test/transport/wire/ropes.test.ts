/*
 * Frames that are passed on unread: in blocks of memory that are used again when they were sent.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, Blocks } from '../../../packages/transport/src/blocks.ts';
import { isRope, keepFrames, type Rope, wholeFrame } from '../../../packages/transport/src/rope.ts';
import { Slab } from '../../../packages/transport/src/slab.ts';
import { FrameDecoder } from '../../../packages/transport/src/wire/decoder.ts';
import { Encoder } from '../../../packages/transport/src/wire/encoder.ts';
import { hex } from '../../support/hex.ts';

const KIB = 1024;

/** What a decoder that makes ropes gives for these chunks. */
function decode(
  chunks: readonly Buffer[],
  { blocks = new Blocks(), ropes = true } = {},
): Array<Buffer | Rope> {
  const bodies: Buffer[] = [];
  const decoder = new FrameDecoder({ onFrame: (_flags, body) => bodies.push(body) }, -1);
  if (ropes) decoder.makeRopes(blocks);
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk);
    decoder.decode(lent, true);
    lent.fill(0xee); // the next chunk of another connection
  }
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

describe('a large body', () => {
  const body = bytes(64 * KIB);

  it('comes in blocks, as far as it fills them', () => {
    const [rope] = decode(cut(frame(bytes(160 * KIB)), 40 * KIB));
    expect(rope?.length).toBe(160 * KIB);
    expect(pieces(rope).map(({ length }) => length)).toEqual([64 * KIB, 64 * KIB, 32 * KIB]);
    expect(pieces(rope).every(({ buffer }) => buffer.byteLength === BLOCK_BYTES)).toBe(true);
    expect(Buffer.concat(pieces(rope)).equals(bytes(160 * KIB))).toBe(true);
  });

  it('comes as a rope, too, when it lies in one chunk', () => {
    const [rope] = decode([frame(bytes(40 * KIB))]);
    expect(Buffer.concat(pieces(rope)).equals(bytes(40 * KIB))).toBe(true);
  });

  it('takes no block for an end that would fill less than half of it', () => {
    const [rope] = decode([frame(bytes(64 * KIB + 31 * KIB))]);
    expect(pieces(rope).map(({ buffer }) => buffer.byteLength)).toEqual([64 * KIB, 31 * KIB]);
  });

  it('takes memory as it comes, not as it was announced', () => {
    const decoder = new FrameDecoder({ onFrame: () => {} }, -1);
    const taken: number[] = [];
    const blocks = new (class extends Blocks {
      override take(): Buffer {
        taken.push(decoder.unfinished);
        return super.take();
      }
    })();
    decoder.makeRopes(blocks);
    for (const chunk of cut(frame(bytes(1024 * KIB)).subarray(0, 200 * KIB), 10 * KIB)) {
      decoder.decode(chunk, true);
    }
    expect(taken.length).toBe(4);
    expect(decoder.unfinished).toBe(200 * KIB - 9);
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
  const body = bytes(100 * KIB);

  /** The rope in a batch, and what the batch is. */
  function encode(rope: Buffer | Rope | undefined): { encoder: Encoder; written: Buffer[] } {
    const encoder = new Encoder(new Slab());
    encoder.add([Buffer.from('ticket'), Buffer.alloc(0), rope as Buffer]);
    return { encoder, written: encoder.finish() };
  }

  it('is written as it is: its own pieces behind a header of nine bytes', () => {
    const [rope] = decode(cut(frame(body), 64 * KIB));
    const own = [...pieces(rope)];
    const { written } = encode(rope);
    expect(written.slice(1).every((piece, i) => piece === own[i])).toBe(true);
    const expected = Buffer.concat([
      hex('01 06'),
      Buffer.from('ticket'),
      hex('01 00'),
      frame(body),
    ]);
    expect(Buffer.concat(written).equals(expected)).toBe(true);
  });

  it('gives its blocks back when the system has taken it, and the next one uses them', () => {
    const blocks = new Blocks();
    const [rope] = decode(cut(frame(body), 64 * KIB), { blocks });
    const memory = pieces(rope)[0]?.buffer;
    encode(rope).encoder.settle(true);
    expect(blocks.spare).toBe(2);
    const [next] = decode(cut(frame(body), 64 * KIB), { blocks });
    expect(blocks.spare).toBe(0);
    expect(pieces(next).some(({ buffer }) => buffer === memory)).toBe(true);
    expect(Buffer.concat(pieces(next)).equals(body)).toBe(true);
  });

  it('keeps them while the stream holds it', () => {
    const blocks = new Blocks();
    const [rope] = decode(cut(frame(body), 64 * KIB), { blocks });
    const { encoder, written } = encode(rope);
    encoder.settle(false);
    encode(Buffer.from('next')).encoder.settle(true);
    expect(blocks.spare).toBe(0);
    expect(Buffer.concat(written).subarray(-body.length).equals(body)).toBe(true);
  });

  it('keeps them when it is to be sent once more', () => {
    const blocks = new Blocks();
    const [rope] = decode(cut(frame(body), 64 * KIB), { blocks });
    keepFrames([Buffer.from('ticket'), rope as Buffer]);
    encode(rope).encoder.settle(true);
    expect(blocks.spare).toBe(0);
    const { written } = encode(rope);
    expect(Buffer.concat(written).subarray(-body.length).equals(body)).toBe(true);
  });

  it('keeps them for whoever has asked for its bytes', () => {
    const blocks = new Blocks();
    const [rope] = decode([frame(bytes(64 * KIB))], { blocks });
    const whole = wholeFrame(rope as Buffer);
    encode(rope).encoder.settle(true);
    expect(blocks.spare).toBe(0);
    expect(whole.equals(bytes(64 * KIB))).toBe(true);
  });

  it('leaves no more than 4 MiB to be used again', () => {
    const blocks = new Blocks();
    const [rope] = decode(cut(frame(bytes(8 * 1024 * KIB)), 64 * KIB), { blocks });
    encode(rope).encoder.settle(true);
    expect(blocks.spare).toBe(64);
  });
});
