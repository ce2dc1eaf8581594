import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Control,
  decodeControl,
  encodeControl,
} from '../../../packages/core/src/messages/control.ts';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('a control frame', () => {
  it.each<[Control, string]>([
    [{}, '80'],
    [{ credit: 3 }, '81a6637265646974 03'],
    [{ credit: 65_535 }, '81a6637265646974 cdffff'],
    [{ error: true }, '81a56572726f72 c3'],
    [{ drain: true }, '81a5647261696e c3'],
    [{ part: true, more: true }, '82a470617274 c3 a46d6f7265 c3'],
    [{ grant: 131_072 }, '81a56772616e74 ce00020000'],
  ])('that says %o is %s', (control, expected) => {
    expect(encodeControl(control)).toEqual(hex(expected));
  });

  it('is the MessagePack of what it says, whatever that is', () => {
    const value = fc.oneof(
      fc.boolean(),
      fc.nat({ max: 0xffff_ffff }),
      fc.double(),
      fc.integer({ min: -5, max: 300 }),
      fc.string({ maxLength: 40, unit: 'grapheme' }),
      fc.nat({ max: 300 }).map((length) => 'x'.repeat(length)),
      fc.constant('x'.repeat(66_000)),
    );
    const codec = createCodec('msgpack');
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 40 }), value, { maxKeys: 17 }), (words) => {
        const said: object = { ...words };
        const expected = codec.encode(said)[0] ?? Buffer.alloc(0);
        expect(encodeControl(said).equals(expected)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('arrives as it was sent, and is never an empty frame', () => {
    const control = fc.record(
      {
        credit: fc.integer({ min: 0, max: 65_535 }),
        spare: fc.integer({ min: 0, max: 255 }),
        error: fc.boolean(),
        drain: fc.boolean(),
        cancel: fc.boolean(),
        deadline: fc.integer({ min: 0, max: 2_147_483_647 }),
        id: fc.stringMatching(/^[\x21-\x7e]{1,64}$/),
        trace: fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
        state: fc.stringMatching(/^[\x20-\x7e]{1,512}$/),
        baggage: fc.stringMatching(/^[\x20-\x7e]{1,8192}$/),
        idempotent: fc.boolean(),
        attempt: fc.integer({ min: 2, max: 1000 }),
        key: fc.string({ maxLength: 32 }),
        route: fc.string({ maxLength: 64 }),
        streams: fc.boolean(),
        more: fc.boolean(),
        part: fc.boolean(),
        interim: fc.boolean(),
        grant: fc.integer({ min: 1, max: 2_147_483_647 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(control, (control) => {
        const frame = encodeControl(control);
        expect(frame.length).toBeGreaterThan(0);
        expect(decodeControl(frame)).toEqual(control);
      }),
    );
  });

  it.each([
    ['an empty frame', ''],
    ['no map', '01'],
    ['a list', '91 01'],
    ['nil', 'c0'],
    ['a map that is cut off', '81 a6 6372656469'],
    ['a credit that is no number', '81 a6637265646974 a133'],
    ['a negative credit', '81 a6637265646974 ff'],
    ['more spare than there can be', '81 a57370617265 cd0100'],
    ['a credit with a fraction', '81 a6637265646974 cb3ff8000000000000'],
    ['a credit beyond any concurrency', '81 a6637265646974 ce00010000'],
    ['a credit of 2^64 - 1', '81 a6637265646974 cfffffffffffffffff'],
    ['an error that is no boolean', '81 a56572726f72 01'],
    ['a key of another version', '81 a46d6f7273 c3'],
    ['a key of another version beside a known one', '82 a6637265646974 01 a46d6f7273 c3'],
    ['a key __proto__', '81 a95f5f70726f746f5f5f 80'],
    ['a text', `d9ff ${'61'.repeat(255)}`],
    ['an id with a space', '81 a26964 a3 61 20 62'],
    ['an id without a character', '81 a26964 a0'],
    ['a trace that is none', '81 a57472616365 a3 616263'],
    ['baggage beyond the longest', `81 a762616767616765 da2001 ${'61'.repeat(8193)}`],
    ['baggage with the end of a line', '81 a762616767616765 a3 61 0a 62'],
    ['a first attempt', '81 a7617474656d7074 01'],
    ['a deadline that is over', '81 a8646561646c696e65 ff'],
    ['a key longer than any', `81 a36b6579 d9ff ${'61'.repeat(255)}`],
  ])('is not: %s', (_, frame) => {
    expect(decodeControl(hex(frame))).toBeUndefined();
  });

  it('is refused without a throw, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (frame) => {
        decodeControl(Buffer.from(frame));
      }),
      { numRuns: 5_000 },
    );
  });
});
