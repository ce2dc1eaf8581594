import { describe, expect, it } from 'vitest';
import { type CodecName, createCodec } from '../../../packages/core/src/messages/payload.ts';
import { PoolRouter } from '../../../packages/core/src/queue/pool-router.ts';

const PATTERNS = [['report*', 'export?'], ['mail/*'], ['*port*']];

/** The number of the pool of a value, with this codec. */
function poolOf(codecName: CodecName, value: unknown): number {
  const codec = createCodec(codecName);
  return new PoolRouter(codec, PATTERNS).poolOf(undefined, codec.encode(value));
}

describe('the pool of a request', () => {
  it('is the first one of whose patterns the route matches, else the default one', () => {
    for (const [route, pool] of [
      ['reports', 1],
      ['export1', 1],
      ['export12', 3],
      ['mail/7', 2],
      ['mail', 0],
      ['', 0],
    ] as const) {
      expect(poolOf('raw', route)).toBe(pool);
    }
  });

  it('is by what the client says, before anything in the value', () => {
    const codec = createCodec('msgpack');
    const router = new PoolRouter(codec, PATTERNS);
    expect(router.poolOf({ route: 'mail/7' }, codec.encode('reports'))).toBe(2);
    expect(router.poolOf({ route: 'none' }, codec.encode('reports'))).toBe(0);
    expect(router.poolOf({ id: 'x' }, codec.encode('reports'))).toBe(1);
  });

  it.each<CodecName>(['msgpack', 'json'])(
    'with %s is by a text, or a property that is one',
    (codec) => {
      expect(poolOf(codec, 'reports')).toBe(1);
      expect(poolOf(codec, { route: 'reports', path: 'mail/7' })).toBe(1);
      expect(poolOf(codec, { path: 'mail/7', method: 'reports' })).toBe(2);
      expect(poolOf(codec, { method: 'reports' })).toBe(1);
      expect(poolOf(codec, { route: 7, path: 'mail/7' })).toBe(2);
      for (const value of [{ name: 'reports' }, {}, [], ['reports'], 7, null, true]) {
        expect(poolOf(codec, value)).toBe(0);
      }
    },
  );

  it('with raw is by the beginning of the first frame', () => {
    expect(poolOf('raw', ['mail/7', 'reports'])).toBe(2);
    expect(poolOf('raw', ['reports', 'x'.repeat(100_000)])).toBe(1);
    expect(poolOf('raw', Buffer.from([0xff, 0xfe, 0x00]))).toBe(0);
  });

  it('is the default one for what is too large to be looked into, or no value at all', () => {
    expect(poolOf('json', { route: 'reports', data: 'x'.repeat(70_000) })).toBe(0);
    expect(poolOf('raw', `reports${'x'.repeat(70_000)}`)).toBe(0);
    const router = new PoolRouter(createCodec('json'), PATTERNS);
    expect(router.poolOf(undefined, [Buffer.from('{"route":')])).toBe(0);
    expect(router.poolOf(undefined, [Buffer.from('1'), Buffer.from('2')])).toBe(0);
  });
});
