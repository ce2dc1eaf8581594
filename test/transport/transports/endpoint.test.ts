import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkIpcPath,
  formatTcpEndpoint,
  parseBindAddress,
  parseConnectAddress,
  parseEndpoint,
} from '../../../packages/transport/src/transports/endpoint.ts';

const EINVAL = expect.objectContaining({ code: 'EINVAL' });

describe('parseEndpoint', () => {
  it('cuts at the first ://', () => {
    expect(parseEndpoint('tcp://127.0.0.1:5555')).toEqual({
      transport: 'tcp',
      address: '127.0.0.1:5555',
    });
    expect(parseEndpoint('ipc://a://b')).toEqual({ transport: 'ipc', address: 'a://b' });
  });

  it.each([undefined, null, 5, {}])('refuses %j, from callers without types', (value) => {
    // The types forbid it; JavaScript does not.
    expect(() => parseEndpoint(value as unknown as string)).toThrow(EINVAL);
  });

  it('says what was expected and what came', () => {
    expect(() => parseEndpoint('localhost:5555')).toThrow(/tcp:\/\/.*"localhost:5555"/);
  });
});

describe('parseBindAddress', () => {
  it.each([
    ['*:5555', { host: '*', port: 5555 }],
    ['*:*', { host: '*', port: 0 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:5555', { host: '::1', port: 5555 }],
    ['::1:5555', { host: '::1', port: 5555 }],
    ['eth0:5555', { host: 'eth0', port: 5555 }],
    ['whatever;lo:5555', { host: 'lo', port: 5555 }],
  ])('reads %s', (address, expected) => {
    expect(parseBindAddress(address, `tcp://${address}`)).toEqual(expected);
  });

  it.each(['x', 'x:', 'x:abc', 'x:65536', 'x:-1', 'x:1 ', 'x:0x10', 'x:1e3', 'x:99999999999'])(
    'refuses the port of %j',
    (address) => {
      expect(() => parseBindAddress(address, `tcp://${address}`)).toThrow(EINVAL);
    },
  );
});

describe('parseConnectAddress', () => {
  it.each([
    ['h:5555', { host: 'h', port: 5555, source: undefined }],
    ['[::1]:5555', { host: '::1', port: 5555, source: undefined }],
    ['::1:5555', { host: '::1', port: 5555, source: undefined }],
    ['[fe80::1%eth0]:1', { host: 'fe80::1%eth0', port: 1, source: undefined }],
    ['lo:0;h:1', { host: 'h', port: 1, source: { host: 'lo', port: 0 } }],
    ['10.0.0.1:*;h:1', { host: 'h', port: 1, source: { host: '10.0.0.1', port: 0 } }],
    ['[::1]:7;[::1]:1', { host: '::1', port: 1, source: { host: '::1', port: 7 } }],
  ])('reads %s', (address, expected) => {
    expect(parseConnectAddress(address, `tcp://${address}`)).toEqual(expected);
  });

  it('gives a host and port or EINVAL for any text, and throws nothing else', () => {
    fc.assert(
      fc.property(fc.string(), (address) => {
        try {
          const { host, port } = parseConnectAddress(address, `tcp://${address}`);
          expect(host).not.toBe('');
          expect(port).toBeGreaterThanOrEqual(0);
          expect(port).toBeLessThanOrEqual(65_535);
        } catch (error) {
          expect(error).toMatchObject({ code: 'EINVAL' });
        }
      }),
    );
  });
});

describe('checkIpcPath', () => {
  it('counts bytes, not characters', () => {
    const path = 'ü'.repeat(53);
    expect(checkIpcPath(`${path}x`, 'ipc://x')).toBe(`${path}x`);
    expect(() => checkIpcPath(`${path}xx`, 'ipc://x')).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    );
  });
});

describe('formatTcpEndpoint', () => {
  it('puts IPv6 addresses in brackets, so that the port can be told from them', () => {
    expect(formatTcpEndpoint('127.0.0.1', 5555)).toBe('tcp://127.0.0.1:5555');
    expect(formatTcpEndpoint('::1', 5555)).toBe('tcp://[::1]:5555');
  });
});
