/*
 * Names, what an answer of DNS changes, and when to ask again: as pure functions.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compare,
  endpointsOf,
  isSource,
  learn,
  NOTHING_KNOWN,
  nextLookUp,
  parseSource,
} from '../../../packages/core/src/discovery/records.ts';

const refusal = expect.objectContaining({ name: 'ZscaleError', code: 'ZSCALE_ERR_OPTIONS' });
const known = { ipv4: ['10.0.0.1', '10.0.0.2'], ipv6: ['fd00::1'] };
const record = (address: string, ttl = 5000) => ({ address, ttl });

describe('a name to follow', () => {
  it.each([
    ['dns:front:5556', { kind: 'dns', name: 'front', port: 5556 }],
    ['dns:front.default.svc.cluster.local.:1', { kind: 'dns', port: 1 }],
    ['srv:_zscale._tcp.front.default.svc', { kind: 'srv', name: '_zscale._tcp.front.default.svc' }],
  ])('is %s', (text, source) => {
    expect(parseSource(text)).toMatchObject({ text, ...source });
    expect(isSource(text)).toBe(true);
  });

  it.each([
    'dns:front',
    'dns:front:0',
    'dns:front:65536',
    'dns:front:http',
    'dns::5556',
    'dns://front:5556',
    'dns:a..b:1',
    'dns:-a:1',
    'srv:',
    'srv:a b',
    `srv:${'a'.repeat(254)}`,
    'tcp://front:1',
  ])('is not %s', (text) => {
    expect(() => parseSource(text)).toThrow(refusal);
  });

  it('is no endpoint', () => {
    expect(['tcp://front:1', 'ipc:///run/dns:a', 'front:1'].map(isSource)).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('an answer', () => {
  it('replaces what was known', () => {
    const finding = learn(known, {
      ipv4: [record('10.0.0.2'), record('10.0.0.3', 3000)],
      ipv6: [],
    });
    expect(finding).toEqual({ host: { ipv4: ['10.0.0.2', '10.0.0.3'], ipv6: [] }, ttl: 3000 });
  });

  it('keeps the family that nobody answered for, and is asked for again soon', () => {
    const finding = learn(known, { ipv4: [record('10.0.0.9')], ipv6: undefined });
    expect(finding).toEqual({ host: { ipv4: ['10.0.0.9'], ipv6: ['fd00::1'] }, ttl: undefined });
  });

  it.each([
    ['failed', { ipv4: undefined, ipv6: undefined }],
    ['has no address in it', { ipv4: [], ipv6: [] }],
    ['is half missing and half empty', { ipv4: undefined, ipv6: [] }],
  ])('that %s changes nothing', (_, answer) => {
    expect(learn(known, answer)).toEqual({ host: known, ttl: undefined });
    expect(learn(NOTHING_KNOWN, answer)).toEqual({ host: NOTHING_KNOWN, ttl: undefined });
  });

  it('becomes endpoints', () => {
    expect(endpointsOf(known, 5556)).toEqual([
      'tcp://10.0.0.1:5556',
      'tcp://10.0.0.2:5556',
      'tcp://[fd00::1]:5556',
    ]);
  });
});

describe('the next look-up', () => {
  it('is when the answer is over, but neither at once nor in an hour', () => {
    expect([0, 500, 1000, 7000, 60_000, 3_600_000].map((ttl) => nextLookUp(ttl, 0, 0))).toEqual([
      1000, 1000, 1000, 7000, 60_000, 60_000,
    ]);
  });

  it('comes later after each failure, up to a limit', () => {
    const waits = [1, 2, 3, 6, 7, 8, 1000].map((failures) => nextLookUp(undefined, failures, 0));
    expect(waits).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('is up to a quarter earlier, so that not all machines ask at once', () => {
    expect([nextLookUp(8000, 0, 0), nextLookUp(8000, 0, 0.5), nextLookUp(8000, 0, 1)]).toEqual([
      8000, 7000, 6000,
    ]);
    expect(nextLookUp(undefined, 1, 1)).toBe(375);
  });
});

it('what is new and what is gone of a list, together with what stays, is all of it', () => {
  const list = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e'));
  fc.assert(
    fc.property(list, list, (before, after) => {
      const { added, removed } = compare(before, [...after, ...after]);
      const result = [...before.filter((item) => !removed.includes(item)), ...added];
      expect(result.sort()).toEqual([...after].sort());
      expect(added.some((item) => before.includes(item))).toBe(false);
      expect(removed.every((item) => before.includes(item))).toBe(true);
    }),
  );
});
