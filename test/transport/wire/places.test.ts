/*
 * Large bodies that are read to where they stay, instead of being copied out of chunks.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, Blocks } from '../../../packages/transport/src/blocks.ts';
import { wholeFrame } from '../../../packages/transport/src/rope.ts';
import { FrameDecoder } from '../../../packages/transport/src/wire/decoder.ts';
import { hex } from '../../support/hex.ts';

const KIB = 1024;
const CHUNK = 64 * KIB;
const LITTLE = 4 * KIB;

/** A frame of a message with this body, in the long form. */
function frame(body: Buffer): Buffer {
  return Buffer.concat([hex(`02 ${body.length.toString(16).padStart(16, '0')}`), body]);
}

/** Bytes of which no two stretches are the same, and another beginning for each `seed`. */
function bytes(length: number, seed = 0): Buffer {
  const made = Buffer.alloc(length, seed);
  for (let i = 0; i + 4 <= length; i += 4) made.writeUInt32BE((i + seed * 0x9e37) >>> 0, i);
  return made;
}

/** What reading a stream as a socket does came to. */
interface Read {
  readonly bodies: Buffer[];
  /** Bytes that were read to their place, and those that came in chunks. */
  placed: number;
  chunked: number;
  reads: number;
}

/** Reads a stream: to places where the decoder has one, else in chunks that are gone afterwards. @param limits how much each read brings at most. */
function read(stream: Buffer, decoder: FrameDecoder, seen: Read, limits = [Infinity]): void {
  const chunk = Buffer.alloc(CHUNK);
  for (let offset = 0; offset < stream.length; seen.reads += 1) {
    const limit = limits[seen.reads % limits.length] ?? Infinity;
    const { place } = decoder;
    const room = place?.length ?? (decoder.expectsPlace ? LITTLE : CHUNK);
    const count = Math.min(room, limit, stream.length - offset);
    stream.copy(place ?? chunk, 0, offset, offset + count);
    offset += count;
    if (place === undefined) {
      decoder.decode(chunk.subarray(0, count), true);
      chunk.fill(0xee);
      seen.chunked += count;
    } else {
      decoder.placed(count);
      seen.placed += count;
    }
  }
}

function start({ blocks }: { blocks?: Blocks } = {}): { decoder: FrameDecoder; seen: Read } {
  const seen: Read = { bodies: [], placed: 0, chunked: 0, reads: 0 };
  const decoder = new FrameDecoder({ onFrame: (_flags, body) => seen.bodies.push(body) }, -1);
  if (blocks !== undefined) decoder.makeRopes(blocks);
  return { decoder, seen };
}

describe.each([
  ['for itself', false],
  ['as a rope', true],
])('a large body, %s', (_name, isRope) => {
  const begin = (): ReturnType<typeof start> => start(isRope ? { blocks: new Blocks() } : {});

  it('is read to its place but for the beginning', () => {
    const { decoder, seen } = begin();
    const body = bytes(1024 * KIB);
    const stream = Buffer.concat([1, 2, 3, 4].map((seed) => frame(bytes(1024 * KIB, seed))));
    read(frame(body), decoder, seen);
    const { chunked } = seen;
    expect(chunked).toBe(CHUNK); // nobody knew of it
    read(stream, decoder, seen);
    expect(seen.chunked - chunked).toBeLessThanOrEqual(4 * LITTLE);
    expect(seen.bodies).toHaveLength(5);
    expect(wholeFrame(seen.bodies[4] as Buffer).equals(bytes(1024 * KIB, 4))).toBe(true);
  });

  it('has no place once it is whole, nor has a small one', () => {
    const { decoder, seen } = begin();
    expect(decoder.place).toBeUndefined();
    read(frame(bytes(100 * KIB)), decoder, seen);
    expect(decoder.place).toBeUndefined();
    read(frame(bytes(20 * KIB)).subarray(0, 10 * KIB), decoder, seen);
    expect(decoder.place).toBeUndefined(); // what it lacks is not worth a read
  });

  it('leaves whole chunks to small ones again', () => {
    const { decoder, seen } = begin();
    read(frame(bytes(100 * KIB)), decoder, seen);
    expect(decoder.expectsPlace).toBe(true);
    read(Buffer.concat(Array.from({ length: 200 }, () => frame(bytes(64)))), decoder, seen);
    expect(decoder.expectsPlace).toBe(false);
  });

  it('has no place any more after the decoder was stopped, and takes nothing', () => {
    const { decoder, seen } = begin();
    read(frame(bytes(100 * KIB)).subarray(0, 70 * KIB), decoder, seen);
    expect(decoder.place).toBeDefined();
    decoder.stop();
    expect(decoder.place).toBeUndefined();
    decoder.placed(30 * KIB + 9);
    expect(seen.bodies).toEqual([]);
  });

  it('asked for its place twice has the same one', () => {
    const { decoder, seen } = begin();
    read(frame(bytes(200 * KIB)).subarray(0, BLOCK_BYTES + 9), decoder, seen);
    const [one, other] = [decoder.place, decoder.place];
    expect(one?.buffer).toBe(other?.buffer);
    expect(one?.byteOffset).toBe(other?.byteOffset);
    expect(one?.length).toBe(other?.length);
  });

  it('never has a place of more than four times what has come, or a first piece', () => {
    const { decoder, seen } = begin();
    const stream = frame(bytes(4096 * KIB));
    for (let offset = 0; offset < stream.length; offset += KIB) {
      const room = (decoder.place?.length ?? 0) + decoder.unfinished;
      expect(room).toBeLessThanOrEqual(Math.max(CHUNK, 4 * decoder.unfinished));
      read(stream.subarray(offset, offset + KIB), decoder, seen);
    }
    expect(seen.bodies).toHaveLength(1);
  });

  it('is the same however it is cut and whatever comes beside it', () => {
    const sizes = [
      0, 1, 10, 255, 300, 5000, 17_000, 33_000, 65_527, 65_536, 70_000, 131_072, 200_000,
    ];
    const bodiesOf = fc.array(fc.constantFrom(...sizes), { minLength: 1, maxLength: 12 });
    const limitsOf = fc.array(fc.constantFrom(1, 9, 4096, 30_000, 65_536, 1e9), { minLength: 1 });
    fc.assert(
      fc.property(bodiesOf, limitsOf, (lengths, limits) => {
        fc.pre(limits.some((limit) => limit > 9)); // else it takes for ever
        const { decoder, seen } = begin();
        const bodies = lengths.map((length, i) => bytes(length, i + 1));
        read(Buffer.concat(bodies.map(frame)), decoder, seen, limits);
        expect(seen.bodies).toHaveLength(bodies.length);
        bodies.forEach((body, i) => {
          expect(wholeFrame(seen.bodies[i] as Buffer).equals(body)).toBe(true);
        });
      }),
      { numRuns: 60 },
    );
  });
});
