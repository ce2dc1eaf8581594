import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeTnetstring,
  encodeTnetstring,
} from '../../../packages/core/src/messages/tnetstring.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('tnetstrings', () => {
  it.each([
    ['hello', '5:hello,'],
    ['', '0:,'],
    ['ü', '2:\xc3\xbc,'],
    [bytes('\0\xff'), '2:\0\xff,'],
    [42, '2:42#'],
    [-1, '2:-1#'],
    [1.5, '3:1.5^'],
    [true, '4:true!'],
    [false, '5:false!'],
    [null, '0:~'],
    [[], '0:]'],
    [['hello', 'world'], '16:5:hello,5:world,]'],
    [{}, '0:}'],
    [{ code: 200, list: [true, null] }, '34:4:code,3:200#4:list,10:4:true!0:~]}'],
  ])('writes %j as %j', (value, text) => {
    expect(encodeTnetstring(value).toString('latin1')).toBe(text);
  });

  it('reads what it wrote, texts as bytes and dictionaries as maps', () => {
    const value = { name: 'x', list: [1, -2.5, false, null, ['deep', {}]], body: bytes('\0\xff') };
    expect(decodeTnetstring(encodeTnetstring(value))).toEqual(
      new Map<string, unknown>([
        ['name', bytes('x')],
        ['list', [1, -2.5, false, null, [bytes('deep'), new Map()]]],
        ['body', bytes('\0\xff')],
      ]),
    );
  });

  it.each([
    ['nothing', ''],
    ['no colon', '5hello,'],
    ['a size that is none', 'x:hello,'],
    ['a size with a zero in front', '05:hello,'],
    ['a size beyond the end', '6:hello,'],
    ['a size beyond everything', '9999999999:hello,'],
    ['a type that is none', '5:hello?'],
    ['bytes behind it', '5:hello,x'],
    ['a list whose item is longer than it', '8:9:hello,x]'],
    ['a number that is none', '2:4x#'],
    ['a number that cannot be told from its neighbours', '17:12345678901234567#'],
    ['a boolean that is none', '3:yes!'],
    ['a null with bytes', '1:x~'],
    ['a name without a value', '4:1:a,}'],
    ['a name that is no bytes', '8:1:1#1:a,}'],
    ['values too deep in each other', nested(40)],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeTnetstring(bytes(text))).toThrow(
      expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' }),
    );
  });

  it('reads or refuses whatever comes', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: fc.constantFrom(...'0123456789:,#^!~]}ae'), maxLength: 40 }),
    );
    fc.assert(
      fc.property(anything, (came) => {
        try {
          decodeTnetstring(Buffer.from(came as string));
        } catch (error) {
          expect(error).toMatchObject({ code: 'ZSCALE_ERR_DECODE' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function nested(depth: number): string {
  let text = '0:~';
  for (let i = 0; i < depth; i += 1) text = `${text.length}:${text}]`;
  return text;
}
