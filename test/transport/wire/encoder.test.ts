import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SLAB_BYTES, Slab } from '../../../packages/transport/src/slab.ts';
import { FrameDecoder } from '../../../packages/transport/src/wire/decoder.ts';
import {
  Encoder,
  encodeFrame,
  REFERENCE_BYTES,
} from '../../../packages/transport/src/wire/encoder.ts';
import { FLAG_COMMAND } from '../../../packages/transport/src/wire/frame.ts';
import { hex } from '../../support/hex.ts';

function encodeWith(encoder: Encoder, batch: readonly Buffer[][]): Buffer[] {
  for (const message of batch) encoder.add(message);
  return encoder.finish();
}

function encode(...batch: Buffer[][]): Buffer[] {
  return encodeWith(new Encoder(new Slab()), batch);
}

const encodeHex = (...batch: Buffer[][]): string => Buffer.concat(encode(...batch)).toString('hex');
const expected = (...parts: string[]): string => hex(...parts).toString('hex');

describe('the encoder', () => {
  it('counts the bytes of a batch: headers of two up to a body of 255, and of nine above', () => {
    const encoder = new Encoder(new Slab());
    encoder.add([Buffer.alloc(0)]);
    expect(encoder.bytes).toBe(2);
    encoder.add([Buffer.alloc(255)]);
    expect(encoder.bytes).toBe(2 + 257);
    encoder.add([Buffer.alloc(256), Buffer.alloc(REFERENCE_BYTES)]);
    expect(encoder.bytes).toBe(2 + 257 + 265 + 9 + REFERENCE_BYTES);
    encoder.finish();
    expect(encoder.bytes).toBe(0);
  });

  it('writes a one-frame message as flags 00, size, body', () => {
    expect(encodeHex([Buffer.from('Hello')])).toBe(expected('00 05 48656c6c6f'));
  });

  it('sets MORE on every frame but the last', () => {
    expect(encodeHex([Buffer.from('id1'), Buffer.from('x')])).toBe(
      expected('01 03 696431 00 01 78'),
    );
  });

  it('writes an empty message as 00 00', () => {
    expect(encodeHex([Buffer.alloc(0)])).toBe(expected('00 00'));
  });

  it('writes a body of 255 bytes in the short form and one of 256 in the long form', () => {
    const body = Buffer.alloc(256, 0x61);
    const a255 = '61'.repeat(255);
    expect(encodeHex([body.subarray(0, 255)])).toBe(expected(`00 ff ${a255}`));
    expect(encodeHex([body])).toBe(expected(`02 0000000000000100 ${a255} 61`));
  });

  it('writes LONG together with MORE as 03', () => {
    const body = Buffer.alloc(300, 0x61);
    expect(encodeHex([body, Buffer.alloc(0)])).toBe(
      expected(`03 000000000000012c ${'61'.repeat(300)} 00 00`),
    );
  });

  it('writes the messages of a batch one after the other', () => {
    const batch = [[Buffer.alloc(0), Buffer.from('Hello')], [Buffer.from('World')]];
    expect(encodeHex(...batch)).toBe(expected('01 00 00 05 48656c6c6f 00 05 576f726c64'));
  });

  it('puts many small messages into one Buffer', () => {
    const batch = Array.from({ length: 100 }, () => [Buffer.from('x'), Buffer.from('y')]);
    expect(encode(...batch)).toHaveLength(1);
  });

  it('passes a large body on by reference, uncopied, between its neighbours', () => {
    const large = Buffer.alloc(REFERENCE_BYTES, 0x7a);
    const chunks = encode([Buffer.from('a')], [large, Buffer.from('b')]);
    expect(chunks).toContain(large);
    expect(Buffer.concat(chunks).toString('hex')).toBe(
      expected('00 01 61', '03 0000000000002000', '7a'.repeat(REFERENCE_BYTES), '00 01 62'),
    );
  });

  it('leaves the messages and their bodies as they were', () => {
    const message = [Buffer.from('id'), Buffer.alloc(0), Buffer.alloc(REFERENCE_BYTES, 1)];
    const before = message.map((frame) => Buffer.from(frame));
    encode(message);
    expect(message).toEqual(before);
  });

  it('writes what the decoder reads back, for any batch', () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ minLength: 250, maxLength: 260, size: 'max' }),
      fc.uint8Array({
        minLength: REFERENCE_BYTES - 2,
        maxLength: REFERENCE_BYTES + 2,
        size: 'max',
      }),
    );
    const batches = fc.array(fc.array(frame, { minLength: 1, maxLength: 4 }), { maxLength: 5 });
    fc.assert(
      fc.property(batches, (batch) => {
        const messages = batch.map((parts) => parts.map((part) => Buffer.from(part)));
        const read: string[][] = [];
        let open: string[] = [];
        const decoder = new FrameDecoder(
          {
            onFrame(flags, body) {
              open.push(body.toString('hex'));
              if ((flags & 0x01) !== 0) return;
              read.push(open);
              open = [];
            },
          },
          -1,
        );
        for (const chunk of encode(...messages)) decoder.decode(chunk);
        expect(read).toEqual(messages.map((m) => m.map((f) => f.toString('hex'))));
      }),
      { numRuns: 50 },
    );
  });
});

describe('the slab', () => {
  const kib = (fill: number): Buffer => Buffer.alloc(1024, fill);
  const batchOf = (fill: number): Buffer[][] => Array.from({ length: 8 }, () => [kib(fill)]);

  it('serves one batch after the other, once the system has taken each', () => {
    const encoder = new Encoder(new Slab());
    const [first] = encodeWith(encoder, batchOf(1));
    encoder.settle(true);
    const [second] = encodeWith(encoder, batchOf(2));
    expect(second?.buffer).toBe(first?.buffer);
  });

  it('is not written to again while a stream still holds what was in it', () => {
    const encoder = new Encoder(new Slab());
    const chunks = encodeWith(encoder, batchOf(1));
    const held = Buffer.concat(chunks);
    encoder.settle(false);
    encodeWith(encoder, batchOf(2));
    expect(Buffer.concat(chunks)).toEqual(held);
  });

  it('serves the next batch also when a stream holds the last, if that has nothing of the slab', () => {
    const encoder = new Encoder(new Slab());
    const [first] = encodeWith(encoder, batchOf(1));
    encoder.settle(true);
    const large = encodeWith(encoder, [[Buffer.alloc(1), Buffer.alloc(64 * 1024)]]);
    const held = Buffer.concat(large);
    encoder.settle(false);
    const [next] = encodeWith(encoder, batchOf(2));
    expect(next?.buffer).toBe(first?.buffer);
    expect(Buffer.concat(large)).toEqual(held);
  });

  it('is shared by all encoders, one batch at a time', () => {
    const slab = new Slab();
    const [a, b] = [new Encoder(slab), new Encoder(slab)];
    const first = encodeWith(a, batchOf(1)); // not settled
    const second = encodeWith(b, batchOf(2));
    expect(first[0]?.buffer).not.toBe(second[0]?.buffer);
    expect(Buffer.concat(first).includes(kib(1))).toBe(true);
  });

  it('is not what a small batch is left in: a stream that cannot send it holds no more than it', () => {
    const [chunk] = encode([Buffer.from('small')]);
    expect(chunk?.buffer.byteLength).toBeLessThan(SLAB_BYTES / 2);
  });

  it('is followed by other memory when one message has more frames than fit', () => {
    const message = Array.from({ length: 200 }, (_, i) => kib(i));
    const chunks = encode(message);
    const read: Buffer[] = [];
    const decoder = new FrameDecoder({ onFrame: (_flags, body) => read.push(body) }, -1);
    for (const chunk of chunks) decoder.decode(chunk);
    expect(read).toEqual(message);
    expect(chunks.length).toBeLessThanOrEqual(6);
  });
});

describe('encodeFrame', () => {
  it('writes a short command as flags 04', () => {
    expect(encodeFrame(hex('04 50494e47 0000'), FLAG_COMMAND).toString('hex')).toBe(
      expected('04 07 04 50494e47 0000'),
    );
  });

  it('writes a command of more than 255 bytes as flags 06', () => {
    const body = Buffer.alloc(256, 0x61);
    expect(encodeFrame(body, FLAG_COMMAND).toString('hex')).toBe(
      expected('06 0000000000000100', '61'.repeat(256)),
    );
  });
});
