import { describe, expect, it } from 'vitest';
import { parseAddressRange } from '../../packages/transport/src/cidr.ts';

describe('parseAddressRange', () => {
  it.each([
    ['10.0.0.0/8', { address: '10.0.0.0', bits: 8, family: 'ipv4' }],
    ['10.0.0.1', { address: '10.0.0.1', bits: 32, family: 'ipv4' }],
    ['0.0.0.0/0', { address: '0.0.0.0', bits: 0, family: 'ipv4' }],
    ['::1', { address: '::1', bits: 128, family: 'ipv6' }],
    ['fd00::/8', { address: 'fd00::', bits: 8, family: 'ipv6' }],
  ])('reads %s', (text, expected) => {
    expect(parseAddressRange(text)).toEqual(expected);
  });

  // What libzmq refuses, too.
  it.each([
    '',
    'x',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/x',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '256.0.0.0/8',
    '::1/129',
    'fe80::1%eth0',
    '[::1]/128',
    'localhost',
    'localhost/8',
  ])('refuses %j', (text) => {
    expect(parseAddressRange(text)).toBeUndefined();
  });
});
