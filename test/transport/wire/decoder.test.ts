import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from '../../../packages/transport/src/wire/decoder.ts';
import { hex } from '../../support/hex.ts';

/** A frame as a test writes it down: flags without the LONG bit, body in hex. */
type Seen = readonly [flags: number, body: string];

const NO_LIMIT = -1;

/** Collects frames; LONG is cleared, because how a size was written says nothing about the frame. */
function collector(): { frames: Seen[]; onFrame(flags: number, body: Buffer): void } {
  const frames: Seen[] = [];
  return {
    frames,
    onFrame: (flags, body) => frames.push([flags & ~0x02, body.toString('hex')]),
  };
}

function decodeAll(chunks: readonly Buffer[], maxMessageSize = NO_LIMIT): Seen[] {
  const sink = collector();
  const decoder = new FrameDecoder(sink, maxMessageSize);
  for (const chunk of chunks) decoder.decode(chunk);
  return sink.frames;
}

/** Cuts `bytes` at the given offsets. */
function cut(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const ends = [...offsets].sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

/** One of everything: short, empty, command, more, long form of a small body, long body. */
const BODY_256 = 'ab'.repeat(256);
const STREAM = hex(
  '00 05 48656c6c6f',
  '01 00',
  '04 07 04 50494e47 0000',
  '00 05 576f726c64',
  '02 0000000000000003 010203',
  `03 0000000000000100 ${BODY_256}`,
  '00 00',
);
const FRAMES: readonly Seen[] = [
  [0x00, '48656c6c6f'],
  [0x01, ''],
  [0x04, '0450494e470000'],
  [0x00, '576f726c64'],
  [0x00, '010203'],
  [0x01, BODY_256],
  [0x00, ''],
];

const frameArbitrary = fc.record({
  flags: fc.constantFrom(0x00, 0x01, 0x04),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.uint8Array({ minLength: 250, maxLength: 260, size: 'max' }),
    fc.uint8Array({ minLength: 1000, maxLength: 3000, size: 'max' }),
  ),
  long: fc.boolean(),
});

/** A frame's bytes, written here independently of our encoder. */
function bytesOf(flags: number, body: Uint8Array, long: boolean): Buffer {
  const isLong = long || body.length > 255;
  const head = Buffer.alloc(isLong ? 9 : 2);
  head[0] = flags | (isLong ? 0x02 : 0);
  if (isLong) head.writeBigUInt64BE(BigInt(body.length), 1);
  else head[1] = body.length;
  return Buffer.concat([head, body]);
}

describe('FrameDecoder', () => {
  it('gives every frame of a chunk to the sink, in order, with its flags', () => {
    expect(decodeAll([STREAM])).toEqual(FRAMES);
  });

  it('gives the same frames wherever the stream is cut in two', () => {
    for (let at = 0; at <= STREAM.length; at++) {
      expect(decodeAll(cut(STREAM, [at])), `cut at byte ${at}`).toEqual(FRAMES);
    }
  });

  it('gives the same frames when the stream comes byte by byte', () => {
    expect(decodeAll([...STREAM].map((byte) => Buffer.of(byte)))).toEqual(FRAMES);
  });

  it('gives the same frames for any frames and any cuts', () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map((f) => bytesOf(f.flags, f.body, f.long)));
          const chunks = cut(
            bytes,
            cuts.map((n) => n % (bytes.length + 1)),
          );
          expect(decodeAll(chunks)).toEqual(
            frames.map((f) => [f.flags, Buffer.from(f.body).toString('hex')]),
          );
        },
      ),
    );
  });

  it('either goes on or throws a ProtocolError when any one byte is anything else', () => {
    for (let at = 0; at < STREAM.length; at++) {
      for (const xor of [0x01, 0x02, 0x04, 0x08, 0x80, 0xff]) {
        const bytes = Buffer.from(STREAM);
        bytes.writeUInt8(bytes.readUInt8(at) ^ xor, at);
        let outcome: unknown = 'went on';
        try {
          decodeAll(cut(bytes, [at]), 1024);
        } catch (error) {
          outcome = error;
        }
        if (outcome !== 'went on') {
          expect(outcome, `byte ${at} ^ ${xor}`).toMatchObject({ name: 'ProtocolError' });
        }
      }
    }
  });

  it('decides the same about arbitrary bytes however they are cut', () => {
    const outcome = (chunks: readonly Buffer[]): unknown => {
      const sink = collector();
      const decoder = new FrameDecoder(sink, 4096);
      try {
        for (const chunk of chunks) decoder.decode(chunk);
      } catch (error) {
        return [sink.frames, (error as { code?: string }).code];
      }
      return [sink.frames, 'went on'];
    };
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat({ max: 200 }), { maxLength: 6 }),
        (bytes, cuts) => {
          const buffer = Buffer.from(bytes);
          const offsets = cuts.filter((n) => n <= buffer.length);
          expect(outcome(cut(buffer, offsets))).toEqual(outcome([buffer]));
        },
      ),
    );
  });

  it('hands on a large body that lies whole in one chunk as a view of that chunk', () => {
    const chunk = hex('02 0000000000000200', '48'.repeat(512));
    let body: Buffer | undefined;
    new FrameDecoder({ onFrame: (_, b) => (body = b) }, NO_LIMIT).decode(chunk);
    expect(body?.buffer).toBe(chunk.buffer);
    expect(body?.byteOffset).toBe(chunk.byteOffset + 9);
  });

  it('gives a frame without a body at once, even when its chunk ends with the header', () => {
    expect(decodeAll([hex('00 00')])).toEqual([[0x00, '']]);
    expect(decodeAll([hex('02 00000000000000'), hex('00')])).toEqual([[0x00, '']]);
  });

  it('takes a body of exactly maxMessageSize', () => {
    expect(decodeAll([hex('00 03 010203')], 3)).toEqual([[0x00, '010203']]);
  });

  it('refuses a body of one byte more with EMSGSIZE, told by the size field alone', () => {
    expect(() => decodeAll([hex('00 04')], 3)).toThrow(
      expect.objectContaining({ code: 'EMSGSIZE' }),
    );
    expect(() => decodeAll([hex('02 0000000000000004')], 3)).toThrow(
      expect.objectContaining({ code: 'EMSGSIZE' }),
    );
  });

  it('measures maxMessageSize per frame, not over a message: three times 60 passes with 100', () => {
    const sixty = '11'.repeat(60);
    const bytes = hex(`01 3c ${sixty} 01 3c ${sixty} 00 3c ${sixty}`);
    expect(decodeAll([bytes], 100)).toHaveLength(3);
  });

  it('allows no body at all with maxMessageSize 0', () => {
    expect(decodeAll([hex('00 00')], 0)).toEqual([[0x00, '']]);
    expect(() => decodeAll([hex('00 01')], 0)).toThrow(
      expect.objectContaining({ code: 'EMSGSIZE' }),
    );
  });

  it.each([
    ['2^40', '02 0000010000000000'],
    ['2^53', '02 0020000000000000'],
    ['2^63', '02 8000000000000000'],
    ['2^64 - 1', '02 ffffffffffffffff'],
  ])('refuses a frame that claims %s bytes, also without a maxMessageSize', (_, bytes) => {
    expect(() => decodeAll([hex(bytes)])).toThrow(
      expect.objectContaining({ name: 'ProtocolError' }),
    );
  });

  it('holds no more memory than twice what came for a frame that claims a gigabyte', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoder = new FrameDecoder(collector(), NO_LIMIT);
    decoder.decode(hex('02 0000000040000000 01'));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  it.each([0x08, 0x10, 0x20, 0x40, 0x80])(
    'refuses a frame with the reserved flag bit %i',
    (bit) => {
      expect(() => decodeAll([Buffer.of(bit, 0)])).toThrow(
        expect.objectContaining({ name: 'ProtocolError' }),
      );
    },
  );

  it('puts a body of a megabyte together out of any chunks', () => {
    const body = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < body.length; i++) body[i] = i * 7;
    const bytes = bytesOf(0, body, true);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 65_521) chunks.push(bytes.subarray(at, at + 65_521));
    let got: Buffer | undefined;
    const decoder = new FrameDecoder({ onFrame: (_, b) => (got = b) }, NO_LIMIT);
    for (const chunk of chunks) decoder.decode(chunk);
    expect(got?.equals(body)).toBe(true);
  });

  it('keeps a spanning body apart from chunks that are written over afterwards', () => {
    const sink: Buffer[] = [];
    const decoder = new FrameDecoder({ onFrame: (_, b) => sink.push(b) }, NO_LIMIT);
    const first = hex('00 04 0102');
    decoder.decode(first);
    first.fill(0xee);
    decoder.decode(hex('0304'));
    expect(sink[0]?.toString('hex')).toBe('01020304');
  });

  it('ignores everything after an error: the stream has no frame boundary any more', () => {
    const sink = collector();
    const decoder = new FrameDecoder(sink, 3);
    expect(() => decoder.decode(hex('00 09'))).toThrow();
    decoder.decode(hex('00 01 41'));
    expect(sink.frames).toEqual([]);
  });

  it('lets an error of its sink leave decode(), and gives no further frame', () => {
    const frames: string[] = [];
    const decoder = new FrameDecoder(
      {
        onFrame(_, body) {
          frames.push(body.toString());
          throw new Error('not wanted');
        },
      },
      NO_LIMIT,
    );
    expect(() => decoder.decode(hex('00 01 41 00 01 42'))).toThrow('not wanted');
    decoder.decode(hex('00 01 43'));
    expect(frames).toEqual(['A']);
  });
});

describe('FrameDecoder, halted by its sink', () => {
  /** A sink that halts the decoder after each frame. */
  function halting(): { frames: Seen[]; decoder: FrameDecoder } {
    const frames: Seen[] = [];
    const decoder: FrameDecoder = new FrameDecoder(
      {
        onFrame(flags, body) {
          frames.push([flags & ~0x02, body.toString('hex')]);
          decoder.halt();
        },
      },
      NO_LIMIT,
    );
    return { frames, decoder };
  }

  it('gives no further frame until resume(), and then goes on where it was', () => {
    const { frames, decoder } = halting();
    decoder.decode(STREAM);
    for (let count = 1; count < FRAMES.length; count++) {
      expect(frames).toEqual(FRAMES.slice(0, count));
      expect(decoder.halted).toBe(true);
      decoder.resume();
    }
    expect(frames).toEqual(FRAMES);
  });

  it('gives the same frames when it is halted at each frame and the stream is cut anywhere', () => {
    for (let at = 0; at <= STREAM.length; at++) {
      const { frames, decoder } = halting();
      for (const chunk of cut(STREAM, [at])) {
        decoder.decode(chunk);
        while (decoder.halted) decoder.resume();
      }
      expect(frames, `cut at byte ${at}`).toEqual(FRAMES);
    }
  });

  it('forgets what waited when it is stopped', () => {
    const { frames, decoder } = halting();
    decoder.decode(STREAM);
    decoder.stop();
    decoder.resume();
    decoder.decode(STREAM);
    expect(frames).toEqual(FRAMES.slice(0, 1));
  });
});

describe("a decoder that expects the commands of old publishers' peers", () => {
  const topic = '41'.repeat(250);
  const command = `04 0000000000000104 09 535542534352494245 ${topic}`;
  const after = '00 01 78';
  const seen: readonly Seen[] = [
    [0x04, hex('09 535542534352494245', topic).toString('hex')],
    [0x00, '78'],
  ];

  it('reads an eight-byte size behind a command that does not flag it, cut anywhere', () => {
    const bytes = hex(command, after);
    for (let at = 0; at <= bytes.length; at++) {
      const sink = collector();
      const decoder = new FrameDecoder(sink, NO_LIMIT);
      decoder.expectUnflaggedCommands();
      for (const chunk of cut(bytes, [at])) decoder.decode(chunk);
      expect(sink.frames).toEqual(seen);
    }
  });

  it('reads empty messages and short commands as ever', () => {
    const sink = collector();
    const decoder = new FrameDecoder(sink, NO_LIMIT);
    decoder.expectUnflaggedCommands();
    decoder.decode(hex('00 00', '01 00', '04 02 01 41', '06 0000000000000002 01 42'));
    expect(sink.frames).toEqual([
      [0x00, ''],
      [0x01, ''],
      [0x04, '0141'],
      [0x04, '0142'],
    ]);
  });
});
