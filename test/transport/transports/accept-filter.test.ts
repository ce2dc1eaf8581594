import { describe, expect, it } from 'vitest';
import { AcceptFilter } from '../../../packages/transport/src/transports/accept-filter.ts';

describe('AcceptFilter', () => {
  it.each([
    ['10.1.0.0/16', '10.1.255.255', true],
    ['10.1.0.0/16', '10.2.0.0', false],
    ['10.1.2.3/16', '10.1.9.9', true],
    ['10.1.0.0/15', '10.0.0.1', true],
    ['10.1.0.0/16', '::ffff:10.1.2.3', true],
    ['10.1.0.0/16', '::ffff:10.2.2.3', false],
    ['10.1.0.0/16', '::1', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::ffff:10.1.0.0/112', '10.1.2.3', true],
    ['::1', '127.0.0.1', false],
  ])('%s and a peer from %s: %j', (filter, address, expected) => {
    expect(new AcceptFilter([filter], 'tcp://x').admits(address)).toBe(expected);
  });

  it('admits who matches any of its ranges', () => {
    const filter = new AcceptFilter(['10.1.0.0/16', 'fd00::/8', '10.2.3.4'], 'tcp://x');
    expect(['10.1.1.1', 'fd00::1', '10.2.3.4', '10.2.3.5'].map((a) => filter.admits(a))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('does not admit a peer that is gone already', () => {
    expect(new AcceptFilter(['0.0.0.0/0'], 'tcp://x').admits(undefined)).toBe(false);
  });

  it('is EINVAL for a malformed range, by its text', () => {
    expect(() => new AcceptFilter(['10.0.0.0/8', 'nonsense'], 'tcp://x')).toThrow(/"nonsense"/);
  });
});
