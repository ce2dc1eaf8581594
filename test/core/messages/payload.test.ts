import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ZscaleError } from '../../../packages/core/src/errors.ts';
import {
  type Codec,
  type CodecName,
  createCodec,
} from '../../../packages/core/src/messages/payload.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const bytes = (frames: Buffer[]): string => frames.map((frame) => frame.toString('hex')).join('|');

const msgpack = createCodec('msgpack');
const json = createCodec('json');
const raw = createCodec('raw');

/** The text of the refusal, after its class and code were checked. */
function refusal(code: string, act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ZscaleError);
    expect(error).toMatchObject({ code });
    return (error as ZscaleError).message;
  }
  throw new Error('was not refused');
}

const notEncoded = (codec: Codec, value: unknown): string =>
  refusal('ZSCALE_ERR_ENCODE', () => codec.encode(value));
const notDecoded = (codec: Codec, ...body: Buffer[]): string =>
  refusal('ZSCALE_ERR_DECODE', () => codec.decode(body));

/** Half a surrogate pair has no UTF-8; what becomes of it is U+FFFD. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

/** So many arrays in each other, the innermost empty. */
function nested(depth: number): unknown[] {
  let value: unknown[] = [];
  for (let i = 1; i < depth; i++) value = [value];
  return value;
}

/** Any JSON value, but for `__proto__`, which no codec takes, and -0, which has no form. */
const anyJson = fc
  .jsonValue({ maxDepth: 8 })
  .filter((value) => !JSON.stringify(value).includes('__proto__'))
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);

describe('every codec', () => {
  it.each<CodecName>(['msgpack', 'json', 'raw'])('%s knows its name', (name) => {
    expect(createCodec(name).name).toBe(name);
  });

  it.each([msgpack, json])('$name gives back every JSON value', (codec) => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(codec.decode(codec.encode(value))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('raw gives back any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 2 }), (frames) => {
        expect(raw.decode(raw.encode(frames))).toEqual(frames.map((frame) => Buffer.from(frame)));
      }),
    );
  });

  it.each([msgpack, json])('$name answers bad bytes with ZSCALE_ERR_DECODE only', (codec) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (body) => {
        try {
          codec.decode([Buffer.from(body)]);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ZscaleError', code: 'ZSCALE_ERR_DECODE' });
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([msgpack, json])('$name survives any byte of a body being changed or cut', (codec) => {
    const [body = Buffer.alloc(0)] = codec.encode({
      text: 'größer',
      list: [1, -1, 1.5, null, true, 70_000, 2 ** 40],
      inner: { deep: [[{}]] },
    });
    for (let i = 0; i < body.length; i++) {
      expect(() => codec.decode([body.subarray(0, i)])).toThrow(ZscaleError);
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(body);
        changed[i] = byte;
        try {
          codec.decode([changed]);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ZscaleError', code: 'ZSCALE_ERR_DECODE' });
        }
      }
    }
  });

  it.each([msgpack, json, raw])('$name gives back an error reply', (codec) => {
    const code = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,63}$/);
    fc.assert(
      fc.property(code, fc.string({ unit: 'binary' }), (code, message) => {
        const body = codec.encodeError(code, message);
        expect(body).toHaveLength(1);
        expect(codec.decodeError(body)).toEqual({ code, message: wellFormed(message) });
      }),
    );
  });

  it.each([msgpack, json, raw])('$name finds no error reply in anything else', (codec) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), (body) => {
        codec.decodeError([Buffer.from(body)]);
      }),
      { numRuns: 5_000 },
    );
    const [error = Buffer.alloc(0)] = codec.encodeError('NO', 'no');
    for (let end = 0; end < error.length - 3; end++) {
      expect(codec.decodeError([error.subarray(0, end)])).toBeUndefined();
    }
    expect(codec.decodeError([])).toBeUndefined();
    expect(codec.decodeError([error, error])).toBeUndefined();
  });

  it.each([msgpack, json])('$name takes a body of one frame only, and says so', (codec) => {
    const [frame = Buffer.alloc(0)] = codec.encode(1);
    expect(notDecoded(codec, frame, frame, frame)).toBe(
      `Codec ${codec.name} takes a body of one frame; 3 came. ` +
        'Send one frame, or use codec raw (--codec raw) on both sides, which takes any number.',
    );
    expect(notDecoded(codec)).toContain('0 came');
  });

  it.each([msgpack, json])(
    '$name sends null for undefined, and leaves out undefined properties',
    (codec) => {
      expect(codec.decode(codec.encode(undefined))).toBeNull();
      expect(codec.decode(codec.encode([undefined]))).toEqual([null]);
      const decoded = codec.decode(codec.encode({ here: 1, gone: undefined }));
      expect(Object.keys(decoded as object)).toEqual(['here']);
    },
  );

  it.each([msgpack, json])('$name sends what toJSON() gives', (codec) => {
    class Money {
      readonly #cents: number;
      constructor(cents: number) {
        this.#cents = cents;
      }
      toJSON(): unknown {
        return { amount: this.#cents / 100 };
      }
    }
    const value = { url: new URL('http://a.b/c'), price: [new Money(150)] };
    expect(codec.decode(codec.encode(value))).toEqual({
      url: 'http://a.b/c',
      price: [{ amount: 1.5 }],
    });
  });

  it.each([msgpack, json])('$name sends the fields of an instance of a class', (codec) => {
    class Point {
      readonly x = 1;
      readonly #secret = 2;
      get secret(): number {
        return this.#secret;
      }
    }
    expect(codec.decode(codec.encode(new Point()))).toEqual({ x: 1 });
  });

  describe.each([msgpack, json])('$name refuses to send', (codec) => {
    class Order {
      items = [{ price: 1 }, { price: () => 1 }];
    }
    class Query {
      // biome-ignore lint/suspicious/noThenProperty: a query builder that is sent when awaited
      then(): void {}
    }
    async function* rows(): AsyncGenerator<number> {
      yield 1;
    }
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;

    it.each<[string, unknown, RegExp]>([
      ['a function', () => 1, /^value is a function and cannot be sent; leave it out/],
      ['a function inside', new Order(), /^value\.items\[1\]\.price is a function and/],
      ['a symbol', { 'a key': Symbol('s') }, /^value\["a key"\] is a symbol and/],
      ['a promise', { user: Promise.resolve(1) }, /^value\.user is a promise .+; await it first/],
      ['a foreign promise', new Query(), /a promise/],
      ['a Map', new Map([[1, 2]]), /^value is a Map .+ Object\.fromEntries\(map\)/],
      ['a Set', { tags: new Set([1]) }, /^value\.tags is a Set .+ \[\.\.\.set\]/],
      ['an Error', { error: new Error('x') }, /^value\.error is an Error .+; throw it/],
      [
        'a stream',
        Readable.from(['x']),
        /^value is a stream .+; send what it gives, or .+\{ fetch \}/,
      ],
      ['an async generator', { rows: rows() }, /^value\.rows is a stream/],
      ['a stream of the web', new ReadableStream(), /^value is a ReadableStream .+\{ fetch \}/],
      ['a Response', new Response('x'), /^value is a Response .+ or export \{ fetch \}/],
      ['a Request', new Request('http://a/'), /^value is a Request/],
      ['Headers', new Headers(), /^value is Headers .+ Object\.fromEntries/],
      ['a form', { form: new FormData() }, /^value\.form is FormData/],
      ['a Blob', new Blob(['x']), /^value is a Blob .+arrayBuffer\(\)/],
      ['URLSearchParams', new URLSearchParams('a=1'), /^value is URLSearchParams/],
      ['a RegExp', [/x/], /^value\[0\] is a RegExp/],
      ['an invalid Date', [new Date('x')], /^value\[0\] is an invalid Date/],
      ['a cycle', cycle, /^value(\.self){100} is nested more than 100 deep .+contain itself/],
      ['a deep value', nested(102), /is nested more than 100 deep/],
    ])('%s, and says where it sits and what to do', (_, value, message) => {
      expect(notEncoded(codec, value)).toMatch(message);
    });

    it('a value with a getter that throws, keeping its error as the cause', () => {
      const boom = new Error('boom');
      const value = {
        get x(): number {
          throw boom;
        },
      };
      expect(() => codec.encode(value)).toThrow(
        expect.objectContaining({ code: 'ZSCALE_ERR_ENCODE', cause: boom }),
      );
      expect(notEncoded(codec, value)).toContain('boom');
    });

    it('what a toJSON() gives that cannot be sent either', () => {
      expect(notEncoded(codec, { toJSON: () => 1n << 70n })).not.toBe('');
    });
  });

  it.each([msgpack, json])('$name goes on after a refusal as if nothing had been', (codec) => {
    for (let i = 0; i < 3; i++) {
      notEncoded(codec, { a: [1, 2, () => 3] });
      notDecoded(codec, hex('93 01 02'));
      expect(codec.decode(codec.encode({ i }))).toEqual({ i });
    }
  });

  it.each([msgpack, json])('$name can be used again while a getter or toJSON is read', (codec) => {
    const inner: string[] = [];
    const value = {
      before: 'before',
      get x(): string {
        inner.push(bytes(codec.encode('inner')));
        return 'x';
      },
      after: 'after',
    };
    expect(codec.decode(codec.encode(value))).toEqual({ before: 'before', x: 'x', after: 'after' });
    expect(new Set(inner)).toEqual(new Set([bytes(codec.encode('inner'))]));
  });

  it.each([msgpack, json])('$name gives frames that later messages leave alone', (codec) => {
    const first = codec.encode({ text: 'first' });
    codec.encode({ text: 'second, and longer' });
    expect(codec.decode(first)).toEqual({ text: 'first' });
  });

  it.each([msgpack, json])('$name takes values of many megabytes', (codec) => {
    const value = {
      text: 'x'.repeat(3 * 1024 * 1024),
      list: Array.from({ length: 100_000 }, (_, i) => i),
    };
    const body = codec.encode(value);
    codec.encode(value);
    expect(codec.decode(body)).toEqual(value);
  });
});

describe('codec msgpack', () => {
  it.each<[unknown, string]>([
    [null, 'c0'],
    [false, 'c2'],
    [127, '7f'],
    [-32, 'e0'],
    [255, 'ccff'],
    [65_536, 'ce00010000'],
    [-129, 'd1ff7f'],
    [2 ** 40, 'cf0000010000000000'],
    [-(2 ** 40), 'd3ffffff0000000000'],
    [1.5, 'cb3ff8000000000000'],
    ['hé', 'a368c3a9'],
    [Buffer.from([1, 2]), 'c4020102'],
    [new Uint8Array([1, 2]), 'c4020102'],
    [new Uint8Array([1, 2]).buffer, 'c4020102'],
    [new Date(1_000), 'd6ff00000001'],
    [new Date(1_500), 'd7ff7735940000000001'],
    [[1, 'a'], '9201a161'],
    [{ a: 1 }, '81a16101'],
    [{}, '80'],
  ])('writes %o as the specification has it', (value, expected) => {
    expect(bytes(msgpack.encode(value))).toBe(expected);
  });

  it('reads bytes as Buffers, which are views, and timestamps as Dates', () => {
    const frame = hex('92 c4 02 0102 d6 ff 00000001');
    const [data, date] = msgpack.decode([frame]) as [Buffer, Date];
    expect(Buffer.isBuffer(data)).toBe(true);
    expect(data.buffer).toBe(frame.buffer);
    expect(date).toEqual(new Date(1_000));
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        expect(msgpack.decode(msgpack.encode(date))).toEqual(date);
      }),
    );
  });

  it('takes numbers as keys, as other languages send them', () => {
    expect(msgpack.decode([hex('81 05 a161')])).toEqual({ 5: 'a' });
    expect(msgpack.decode([hex('81 cf ffffffffffffffff 01')])).toEqual({
      '18446744073709551615': 1,
    });
  });

  describe('integers', () => {
    it('of 64 bits become numbers where a number can hold them, else bigints', () => {
      expect(msgpack.decode([hex('cf 001fffffffffffff')])).toBe(2 ** 53 - 1);
      expect(msgpack.decode([hex('cf 0020000000000000')])).toBe(2n ** 53n);
      expect(msgpack.decode([hex('cf ffffffffffffffff')])).toBe(2n ** 64n - 1n);
      expect(msgpack.decode([hex('d3 ffe0000000000001')])).toBe(-(2 ** 53 - 1));
      expect(msgpack.decode([hex('d3 ffe0000000000000')])).toBe(-(2n ** 53n));
      expect(msgpack.decode([hex('d3 8000000000000000')])).toBe(-(2n ** 63n));
      expect(msgpack.decode([hex('d3 ffffffffffffffff')])).toBe(-1);
    });

    it('that a number can hold are numbers also beside one that it cannot', () => {
      const value = [5, 2 ** 40, -(2 ** 40), 1.5, { a: 2 ** 33, b: Buffer.from([1]) }, 2n ** 60n];
      expect(msgpack.decode(msgpack.encode(value))).toEqual(value);
    });

    it('are written as integers also beside a bigint, in the smallest form', () => {
      expect(bytes(msgpack.encode([1n, 2 ** 40, -1n, 2n ** 63n, -(2n ** 63n)]))).toBe(
        '95 01 cf0000010000000000 ff cf8000000000000000 d38000000000000000'.replaceAll(' ', ''),
      );
    });

    it('keep their value, whatever it is', () => {
      const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
      fc.assert(
        fc.property(fc.array(integer), (values) => {
          const decoded = msgpack.decode(msgpack.encode(values)) as (number | bigint)[];
          expect(decoded.map(BigInt)).toEqual(values);
          for (const value of decoded) {
            expect(typeof value).toBe(Number.isSafeInteger(Number(value)) ? 'number' : 'bigint');
          }
        }),
      );
    });

    it('of more than 64 bits are refused', () => {
      expect(notEncoded(msgpack, { total: 2n ** 64n })).toBe(
        'value.total is a bigint of more than 64 bits and cannot be sent; ' +
          'send a string in its place.',
      );
      notEncoded(msgpack, -(2n ** 63n) - 1n);
    });
  });

  describe('texts', () => {
    it('are always UTF-8: half a surrogate pair becomes U+FFFD', () => {
      const half = '🙂'.slice(0, 1);
      for (const text of [half, `${half}b`, half.repeat(100)]) {
        expect(msgpack.decode(msgpack.encode([text]))).toEqual([wellFormed(text)]);
      }
      expect(msgpack.decode(msgpack.encode({ [half]: 1 }))).toEqual({ '\uFFFD': 1 });
    });

    it('come back whole in any script', () => {
      for (const text of ['퀀텀 점프', '🙂'.repeat(100), 'é', 'ascii '.repeat(50)]) {
        expect(msgpack.decode(msgpack.encode({ [text]: text }))).toEqual({ [text]: text });
      }
    });

    it.each(['a1 ff', 'a3 eda080', `d940 ${'61'.repeat(63)}ff`, '81 a1 ff 01'])(
      'that are not UTF-8 are refused: %s',
      (body) => {
        expect(notDecoded(msgpack, hex(body))).toContain('is not UTF-8');
      },
    );
  });

  describe('refuses at once, whatever is claimed', () => {
    it.each<[string, string]>([
      ['nothing at all', ''],
      ['an array of four billion', 'dd ffffffff'],
      ['a map of four billion', 'df ffffffff'],
      ['a text of four gigabytes', 'db ffffffff 61'],
      ['bytes of four gigabytes', 'c6 ffffffff 00'],
      ['an extension of four gigabytes', 'c9 ffffffff ff 00'],
      ['arrays of sixteen million in each other', 'dd 00ffffff'.repeat(50)],
      ['a byte that starts nothing', 'c1'],
      ['half a number', 'cb 3ff8'],
      ['half a length', 'dc 00'],
      ['an extension without its type', 'd4'],
      ['an unknown extension', 'd4 05 00'],
      ['an error reply as a value', 'c7 04 01 92 a1 41 a0'],
      ['an error reply inside of a value', '91 c7 04 01 92 a1 41 a0'],
      ['a timestamp of five bytes', 'c7 05 ff 0000000000'],
      ['a timestamp beyond any date', 'c7 0c ff 00000000 7fffffffffffffff'],
      ['a list as a key', '81 90 01'],
      ['bytes after the end', '01 02'],
    ])('%s', (_, body) => {
      notDecoded(msgpack, hex(body));
    });

    it('a body that would become gigabytes of objects', () => {
      for (const unit of ['80', '90', 'c0', 'a0']) {
        const body = Buffer.alloc(64 * 1024 * 1024, unit, 'hex');
        body[0] = 0xdd;
        body.writeUInt32BE(body.length - 5, 1);
        expect(notDecoded(msgpack, body)).toContain('holds more than 4194304 values');
      }
    });

    it('arrays and maps that nest more than 100 deep', () => {
      expect(msgpack.decode([hex(`${'91'.repeat(99)}90`)])).toEqual(nested(100));
      const tooDeep = /nest more than 100 deep/;
      expect(notDecoded(msgpack, hex(`${'91'.repeat(100)}90`))).toMatch(tooDeep);
      expect(notDecoded(msgpack, Buffer.alloc(16 * 1024 * 1024, 0x91))).toMatch(tooDeep);
      expect(notDecoded(msgpack, hex(`${'81a161'.repeat(1_000)}c0`))).toMatch(tooDeep);
    });

    it('a key __proto__, in any spelling', () => {
      // The second writes "_" in two bytes, which UTF-8 forbids.
      const plain = Buffer.from('__proto__');
      for (const key of [plain, Buffer.concat([hex('c19f'), plain.subarray(1)])]) {
        notDecoded(
          msgpack,
          Buffer.concat([hex('81'), Buffer.from([0xa0 | key.length]), key, hex('80')]),
        );
      }
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    });
  });

  it('suggests codec raw or json for bytes that look like text', () => {
    expect(notDecoded(msgpack, Buffer.from('hello world'))).toMatch(
      /^The body is refused as MessagePack: .+\. It looks like text: .+ codec raw \(--codec raw\)/,
    );
    expect(notDecoded(msgpack, Buffer.from(' {"a":"größer"}'))).toMatch(
      /It looks like JSON: .+ codec json \(--codec json\)/,
    );
    expect(notDecoded(msgpack, hex('00 ff'))).toMatch(/Both sides must use the same codec\.$/);
  });

  it('writes an error reply as extension 1 of [code, message]', () => {
    expect(bytes(msgpack.encodeError('NO', 'no'))).toBe(
      'c707 01 92a24e4fa26e6f'.replaceAll(' ', ''),
    );
    expect(msgpack.decodeError(msgpack.encode(['NO', 'no']))).toBeUndefined();
  });

  it.each([1, 5, 13, 200, 300, 70_000])(
    'reads an error reply with a message of %i bytes',
    (length) => {
      const reply = { code: 'A', message: 'm'.repeat(length) };
      expect(msgpack.decodeError(msgpack.encodeError(reply.code, reply.message))).toEqual(reply);
    },
  );

  it.each(['d4 01 c0', 'c7 03 01 92 01 02', 'c7 01 01 90', 'c7 02 01 91 c1', 'c7 03 02 92 a0 a0'])(
    'finds no error reply in %s',
    (body) => {
      expect(msgpack.decodeError([hex(body)])).toBeUndefined();
    },
  );
});

describe('codec json', () => {
  it('writes what JSON.stringify writes', () => {
    const value = { at: new Date(0), list: [1, undefined, Number.NaN], gone: undefined };
    expect(json.encode(value).join()).toBe(JSON.stringify(value));
  });

  it('refuses what JSON has no form for, and says where it sits', () => {
    expect(notEncoded(json, { total: 1n })).toMatch(
      /^value\.total is a bigint, which JSON has no form for .+ codec msgpack\.$/,
    );
    for (const data of [Buffer.from('x'), new Uint8Array(1), new ArrayBuffer(1)]) {
      expect(notEncoded(json, [data])).toMatch(/^value\[0\] is bytes, .+base64/);
    }
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(notDecoded(json, hex('22 ff 22'))).toContain('is not UTF-8');
  });

  it.each(['', 'hello', '{', '[1,]', "{'a':1}", 'NaN', '\uFEFF1', '1 2'])('refuses %j', (text) => {
    expect(notDecoded(json, Buffer.from(text))).toMatch(/^The body is refused as JSON: /);
  });

  it('refuses a key __proto__, in any spelling, and nothing else that looks like it', () => {
    for (const text of [
      '{"__proto__":{"polluted":1}}',
      '[{"a":{"\\u005f_proto__":1}}]',
      '{"__pr\\u006Fto__":1}',
    ]) {
      expect(notDecoded(json, Buffer.from(text))).toContain('__proto__ is not allowed');
    }
    expect(json.decode([Buffer.from('["__proto__", "\\u0041"]')])).toEqual(['__proto__', 'A']);
  });

  it('refuses what nests too deep or holds too much, before it is parsed', () => {
    expect(json.decode([Buffer.from(`${'['.repeat(100)}${']'.repeat(100)}`)])).toEqual(nested(100));
    const deep = Buffer.from(`${'['.repeat(101)}${']'.repeat(101)}`);
    expect(notDecoded(json, deep)).toContain('more than 100 deep');
    const large = Buffer.from(`[${'{},'.repeat(4_000_000)}1]`);
    expect(notDecoded(json, large)).toContain('holds more than 4194304 values');
  });

  it('is not misled by brackets and commas in texts', () => {
    const text = '[{"\\,:'.repeat(1_000_000);
    expect(json.decode(json.encode([text]))).toEqual([text]);
  });

  it('writes an error reply as {"error":{"code","message"}}, and reads it with any spacing', () => {
    expect(json.encodeError('NO', 'no').join()).toBe('{"error":{"code":"NO","message":"no"}}');
    const spaced = Buffer.from(' {\n "error" : { "message": "no", "code": "not_found" } }\n');
    expect(json.decodeError([spaced])).toEqual({ code: 'not_found', message: 'no' });
  });

  it.each([
    '{"error":{"code":"NO"}}',
    '{"error":{"code":1,"message":"no"}}',
    '{"error":"no"}',
    '{"error":null}',
    '{"error":{"code":"NO","message":"no"},"more":1}',
    '{"errors":{"code":"NO","message":"no"}}',
    '{"error":{"code":"NO","message":"no"}',
    '["error"]',
  ])('finds no error reply in %s', (text) => {
    expect(json.decodeError([Buffer.from(text)])).toBeUndefined();
  });
});

describe('codec raw', () => {
  it.each<[string, unknown, string]>([
    ['a Buffer', Buffer.from('ab'), '6162'],
    ['a Uint8Array', new Uint8Array([1, 2, 3]).subarray(1), '0203'],
    ['a DataView', new DataView(new Uint8Array([1, 2]).buffer, 1), '02'],
    ['an ArrayBuffer', new Uint8Array([1, 2]).buffer, '0102'],
    ['a SharedArrayBuffer', new SharedArrayBuffer(2), '0000'],
    ['a string', 'hé', '68c3a9'],
    ['undefined', undefined, ''],
    ['null', null, ''],
    ['an empty array', [], ''],
    ['an array', ['a', null, Buffer.from('b')], '61||62'],
  ])('sends %s', (_, value, expected) => {
    const frames = raw.encode(value);
    expect(frames.every((frame) => Buffer.isBuffer(frame))).toBe(true);
    expect(bytes(frames)).toBe(expected);
  });

  it('shares the bytes it sends', () => {
    const data = new Uint8Array([1, 2]);
    expect(raw.encode(data)[0]?.buffer).toBe(data.buffer);
  });

  it.each<[string, unknown, RegExp]>([
    ['a number', 5, /^value is of type number, and codec raw sends bytes: .+ Convert it/],
    ['an object', { a: 1 }, /^value is of type object/],
    ['an array in an array', ['a', ['b']], /^value\[1\] is of type object/],
    ['a promise', Promise.resolve('x'), /^value is of type object/],
  ])('refuses %s', (_, value, message) => {
    expect(notEncoded(raw, value)).toMatch(message);
  });

  it('gives a Buffer for one frame and the list for several', () => {
    const [a, b] = [Buffer.from('a'), Buffer.from('b')];
    expect(raw.decode([a])).toBe(a);
    expect(raw.decode([a, b])).toEqual([a, b]);
    expect(raw.decode([])).toEqual(Buffer.alloc(0));
  });

  it('writes an error reply as -CODE message', () => {
    expect(raw.encodeError('NO', 'not this').join()).toBe('-NO not this');
    expect(raw.encodeError('NO', '').join()).toBe('-NO ');
  });

  it.each(['-5', '-NO', '- NO no', '-no no', '-NO\tno', '+NO no', '', `-${'A'.repeat(65)} no`])(
    'takes %j for a value',
    (text) => {
      expect(raw.decodeError([Buffer.from(text)])).toBeUndefined();
    },
  );
});
