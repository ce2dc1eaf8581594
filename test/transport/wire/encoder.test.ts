import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from '../../../packages/transport/src/wire/decoder.ts';
import {
  encodeBatch,
  encodedLength,
  encodeFrame,
  REFERENCE_BYTES,
} from '../../../packages/transport/src/wire/encoder.ts';
import { FLAG_COMMAND } from '../../../packages/transport/src/wire/frame.ts';
import { hex } from '../../support/hex.ts';

function encode(...batch: Buffer[][]): Buffer[] {
  const bytes = batch.reduce((sum, message) => sum + encodedLength(message), 0);
  return encodeBatch(batch, batch.length, bytes);
}

const encodeHex = (...batch: Buffer[][]): string => Buffer.concat(encode(...batch)).toString('hex');
const expected = (...parts: string[]): string => hex(...parts).toString('hex');

describe('encodeBatch', () => {
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

  it('encodes only the first `count` messages', () => {
    const batch = [[Buffer.from('a')], [Buffer.from('b')]];
    const chunks = encodeBatch(batch, 1, encodedLength([Buffer.from('a')]));
    expect(Buffer.concat(chunks).toString('hex')).toBe(expected('00 01 61'));
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

describe('encodedLength', () => {
  it('counts headers of two bytes up to a body of 255 and of nine above', () => {
    expect(encodedLength([Buffer.alloc(0)])).toBe(2);
    expect(encodedLength([Buffer.alloc(255)])).toBe(257);
    expect(encodedLength([Buffer.alloc(256)])).toBe(265);
    expect(encodedLength([Buffer.alloc(1), Buffer.alloc(300)])).toBe(3 + 309);
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
