import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  interfaceAddress,
  resolveLocal,
  resolveLocalNow,
  withKnownZone,
} from '../../../packages/transport/src/transports/local-address.ts';

const off = { ipv6: false, interface: null };
const on = { ipv6: true, interface: null };
const hasIpv6 = networkInterfaces().lo?.some(({ address }) => address === '::1') ?? false;

describe.each([
  ['resolveLocal', resolveLocal],
  [
    'resolveLocalNow',
    async (...args: Parameters<typeof resolveLocalNow>) => resolveLocalNow(...args),
  ],
] as const)('%s', (_, resolve) => {
  it.each([
    ['*', off, '0.0.0.0'],
    ['*', on, '::'],
    ['*', { ipv6: false, interface: 'lo' }, '127.0.0.1'],
    ['127.0.0.1', off, '127.0.0.1'],
    ['127.0.0.1', on, '::ffff:127.0.0.1'],
    ['1.2.3.4', { ipv6: false, interface: 'lo' }, '1.2.3.4'],
    ['::1', on, '::1'],
    ['lo', off, '127.0.0.1'],
    ['localhost', off, '127.0.0.1'],
  ])('takes %s with %j for %s', async (name, options, expected) => {
    expect(await resolve(name, options, 'tcp://x')).toBe(expected);
  });

  it.each([
    ['::1', off, 'ENODEV'],
    ['nosuchif', off, 'ENODEV'],
    ['256.1.1.1', on, 'ENODEV'],
    ['*', { ipv6: false, interface: 'nosuchif' }, 'ENODEV'],
    ['fe80::1%nosuchif', on, 'EINVAL'],
  ])('refuses %s with %j: %s', async (name, options, code) => {
    await expect(resolve(name, options, 'tcp://x')).rejects.toMatchObject({ code });
  });
});

describe('interfaceAddress', () => {
  it('is of the family that is asked for', () => {
    expect(interfaceAddress('lo', false)).toBe('127.0.0.1');
    expect(interfaceAddress('lo', true)).toBe(hasIpv6 ? '::1' : '::ffff:127.0.0.1');
    expect(interfaceAddress('nosuchif', true)).toBeUndefined();
  });
});

describe('withKnownZone', () => {
  it('leaves addresses without a zone alone', () => {
    expect(['::1', '10.0.0.1', 'host'].map((text) => withKnownZone(text, 'tcp://x'))).toEqual([
      '::1',
      '10.0.0.1',
      'host',
    ]);
    expect(withKnownZone('fe80::1%lo', 'tcp://x')).toBe('fe80::1%lo');
  });
});
