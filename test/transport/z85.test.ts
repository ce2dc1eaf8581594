/*
 * Z85 (RFC 32): the vectors of the RFC and of CURVE's test keys, and what is no Z85.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeZ85, encodeZ85 } from '../../packages/transport/src/z85.ts';
import { hex } from '../support/hex.ts';
import { KEYS, Z85_KEYS } from './mechanisms/curve-vectors.ts';

const VECTORS = [
  ['864fd26fb559f75b', 'HelloWorld'],
  ['00000000', '00000'],
  ['ffffffff', '%nSc0'],
  [KEYS.clientPublic, Z85_KEYS.clientPublic],
  [KEYS.clientSecret, Z85_KEYS.clientSecret],
  [KEYS.serverPublic, Z85_KEYS.serverPublic],
  [KEYS.serverSecret, Z85_KEYS.serverSecret],
] as const;

describe('Z85', () => {
  it.each(VECTORS)('writes %s as %s and reads it back', (bytes, text) => {
    expect(encodeZ85(hex(bytes))).toBe(text);
    expect(decodeZ85(text)?.toString('hex')).toBe(bytes);
  });

  it('gives back any bytes in fours', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff_ffff), { minLength: 1, maxLength: 20 }), (words) => {
        const bytes = Buffer.alloc(words.length * 4);
        for (const [i, word] of words.entries()) bytes.writeUInt32BE(word, i * 4);
        const text = encodeZ85(bytes);
        expect(text).toHaveLength(words.length * 5);
        expect(decodeZ85(text)?.equals(bytes)).toBe(true);
      }),
    );
  });

  it.each([
    ['the empty text', ''],
    ['four characters', 'Hell'],
    ['six characters', 'HelloW'],
    ['a group above 2^32 - 1', '%nSc1'],
    ['the highest group', '#####'],
    ['a blank', 'Hell '],
    ['a quote', 'Hell"'],
    ['a backslash', 'Hell\\'],
    ['a letter beyond ASCII', 'Hellé'],
    ['a letter of two units', 'Hel\u{1f511}'],
  ])('does not read %s', (_, text) => {
    expect(decodeZ85(text)).toBeUndefined();
  });
});
