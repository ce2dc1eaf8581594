/** The frame decoder: any bytes, cut anywhere, with pauses anywhere. */

import { deepStrictEqual, strictEqual } from 'node:assert';
import fc from 'fast-check';
import { FrameDecoder, type FrameSink } from '../../../packages/transport/src/wire/decoder.ts';
import { body, bytes, cutBytes, cuts, filled, Mutator, mutation } from '../bytes.ts';
import { checkProtocolError } from '../faults.ts';
import { ok } from '../ok.ts';
import type { FuzzTarget } from '../target.ts';
import { type Frame, frame, frameOfSize, readFrames } from '../wire.ts';

/** What the decoder may take at once for a body that spans chunks. */
const FIRST_ALLOCATION_BYTES = 64 * 1024;

const anyFrame: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(0, 1, 2, 3, 4, 6), body).map(ofParts) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(255), body).map(ofParts) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(7), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), bytes(300))
      .map(([flags, size, content]) => frameOfSize(flags, size, content)),
  },
  // libzmq's slip: a command with an eight-byte size that the flags do not announce.
  { weight: 1, arbitrary: body.map((each) => Buffer.concat([Buffer.of(4), sizeOf(each), each])) },
);

const largeFrame = fc
  .tuple(fc.integer({ min: 60_000, max: 300_000 }), fc.nat(255))
  .map((shape) => frame(0, filled(shape)));

const stream: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 1, arbitrary: bytes(200) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.array(anyFrame, { maxLength: 8 }),
        fc.array(mutation(fc.nat(7), anyFrame), { maxLength: 2 }),
      )
      .map(([frames, mutations]) => mutate(frames, mutations)),
  },
);

const largeStream = fc
  .tuple(fc.array(anyFrame, { maxLength: 2 }), largeFrame, fc.array(anyFrame, { maxLength: 2 }))
  .map(([before, large, after]) => Buffer.concat([...before, large, ...after]));

const largeCuts = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 });

const input = fc.record({
  stream: fc.oneof(
    { weight: 30, arbitrary: fc.record({ bytes: stream, sizes: cuts }) },
    { weight: 1, arbitrary: fc.record({ bytes: largeStream, sizes: largeCuts }) },
  ),
  maxBody: fc.constantFrom(-1, 0, 1, 10, 255, 256, 70_000),
  unflaggedCommands: fc.boolean(),
  /** After which frames the sink asks for a pause. */
  halts: fc.array(fc.nat(8), { maxLength: 3 }),
});

/** What came out of a decoder. */
class Recorder implements FrameSink {
  readonly frames: Frame[] = [];
  readonly halts: ReadonlySet<number>;
  decoder: FrameDecoder | undefined = undefined;

  constructor(halts: readonly number[]) {
    this.halts = new Set(halts);
  }

  onFrame(flags: number, content: Buffer): void {
    this.frames.push({ flags, body: Buffer.from(content) });
    if (this.halts.has(this.frames.length)) this.decoder?.halt();
  }
}

export const decoder: FuzzTarget = {
  name: 'decoder',
  promise:
    'gives the frames that are in any bytes, however they are cut, and nothing but a ProtocolError',
  runs: 1500,
  property: fc.property(input, ({ stream: { bytes: whole, sizes }, halts, ...rules }) => {
    const expected = readFrames(whole, rules);
    const recorder = new Recorder(halts);
    const decoded = new FrameDecoder(recorder, rules.maxBody);
    recorder.decoder = decoded;
    if (rules.unflaggedCommands) decoded.expectUnflaggedCommands();

    const failure = decodeAll(decoded, cutBytes(whole, sizes));
    if (failure !== undefined) checkProtocolError(failure);
    strictEqual(failure?.code, codeOf(expected.end));
    deepStrictEqual(
      recorder.frames.map(shown),
      expected.frames.map((each) => shown({ flags: each.flags, body: each.body })),
    );
    if (failure === undefined) return;
    const before = recorder.frames.length;
    decoded.decode(frame(0, Buffer.from('late')));
    strictEqual(recorder.frames.length, before, 'a decoder that failed gives nothing more');
  }),
};

/** Decodes, and sees that what is allocated meanwhile stays within four times what has come, or the first allocation. */
function decodeAll(
  decoded: FrameDecoder,
  chunks: readonly Buffer[],
): (Error & { code?: string }) | undefined {
  const { allocUnsafeSlow, allocUnsafe, alloc } = Buffer;
  let came = 0;
  let largest = 0;
  const measure = <F extends (size: number, ...rest: never[]) => Buffer>(allocate: F): F =>
    ((size: number, ...rest: never[]) => {
      largest = Math.max(largest, size);
      ok(
        size <= Math.max(FIRST_ALLOCATION_BYTES, 4 * came),
        `${size} bytes were taken when ${came} had come`,
      );
      return allocate(size, ...rest);
    }) as F; // the same call, measured
  Object.assign(Buffer, {
    allocUnsafeSlow: measure(allocUnsafeSlow),
    allocUnsafe: measure(allocUnsafe),
    alloc: measure(alloc as (size: number) => Buffer),
  });
  try {
    for (const chunk of chunks) {
      came += chunk.length;
      decoded.decode(chunk);
      while (decoded.halted) decoded.resume();
    }
    return undefined;
  } catch (error) {
    if (error instanceof Error && error.name === 'AssertionError') throw error;
    return error as Error; // looked at by the caller
  } finally {
    Object.assign(Buffer, { allocUnsafeSlow, allocUnsafe, alloc });
  }
}

function codeOf(end: ReturnType<typeof readFrames>['end']): string | undefined {
  if (end === 'more may come') return undefined;
  return end === 'too large' ? 'EMSGSIZE' : 'ERR_ZMTP_UNSPECIFIED';
}

function shown({ flags, body: content }: Frame): string {
  const text = content.toString('hex');
  return `${flags} ${content.length} ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`;
}

function mutate(
  frames: readonly Buffer[],
  mutations: ConstructorParameters<typeof Mutator>[0],
): Buffer {
  const mutator = new Mutator(mutations);
  const units = frames.flatMap((each) => mutator.pass(each));
  return Buffer.concat([...units, ...mutator.rest()]);
}

function ofParts([flags, content]: readonly [number, Buffer]): Buffer {
  return frame(flags, content);
}

function sizeOf(content: Buffer): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(content.length));
  return size;
}
