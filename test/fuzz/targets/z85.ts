/** Z85 (RFC 32). */

import { strictEqual } from 'node:assert';
import fc from 'fast-check';
import { decodeZ85, encodeZ85 } from '../../../packages/transport/src/z85.ts';
import { bytes } from '../bytes.ts';
import { ok } from '../ok.ts';
import type { FuzzTarget } from '../target.ts';

const ALPHABET =
  '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

const text = fc.oneof(
  fc.string({ maxLength: 45 }),
  fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 45 }),
  fc.string({ unit: fc.constantFrom('#', '$', '%', 'n', 'S', 'c', '0'), maxLength: 10 }),
);

export const z85: FuzzTarget = {
  name: 'z85',
  promise: 'reads back what it wrote, and takes only text that it would write',
  runs: 1500,
  property: fc.property(bytes(64), text, (some, any) => {
    const whole = some.subarray(0, some.length - (some.length % 4));
    const written = encodeZ85(whole);
    strictEqual(written.length, (whole.length / 4) * 5);
    if (whole.length > 0) ok(decodeZ85(written)?.equals(whole), 'reads back what it wrote');

    const read = decodeZ85(any);
    if (read === undefined) {
      const isZ85 = any.length > 0 && any.length % 5 === 0 && [...any].every(isDigit);
      ok(!isZ85 || hasLargeGroup(any), 'takes text that stands for bytes');
    } else {
      strictEqual(encodeZ85(read), any);
    }
  }),
};

function isDigit(character: string): boolean {
  return ALPHABET.includes(character);
}

/** Whether some five characters stand for more than four bytes hold. */
function hasLargeGroup(digits: string): boolean {
  for (let i = 0; i < digits.length; i += 5) {
    let value = 0n;
    for (const digit of digits.slice(i, i + 5))
      value = value * 85n + BigInt(ALPHABET.indexOf(digit));
    if (value > 0xffff_ffffn) return true;
  }
  return false;
}
