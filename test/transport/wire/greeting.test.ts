import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkSignature,
  decodeGreeting,
  encodeGreeting,
  isVersion2,
} from '../../../packages/transport/src/wire/greeting.ts';
import { hex } from '../../support/hex.ts';
import { GREETING, GREETING_3_0, MECHANISM_NULL, MECHANISM_PLAIN } from '../../support/vectors.ts';

describe('encodeGreeting', () => {
  it('writes the 64 bytes that libzmq writes for NULL', () => {
    expect(encodeGreeting('NULL', false).toString('hex')).toBe(hex(GREETING).toString('hex'));
  });

  it('writes the as-server role into byte 32 and nowhere else', () => {
    const server = encodeGreeting('PLAIN', true);
    expect(server[32]).toBe(1);
    server[32] = 0;
    expect(server).toEqual(encodeGreeting('PLAIN', false));
  });
});

describe('decodeGreeting', () => {
  it('reads mechanism and minor version', () => {
    expect(decodeGreeting(hex(GREETING))).toEqual({ minor: 1, mechanism: 'NULL' });
    expect(decodeGreeting(hex(GREETING_3_0))).toEqual({ minor: 0, mechanism: 'NULL' });
    expect(decodeGreeting(hex('ff 0000000000000001 7f 03 01', MECHANISM_PLAIN))).toEqual({
      minor: 1,
      mechanism: 'PLAIN',
    });
  });

  it.each(['02', '04', 'ff'])('treats major version %s as 3.1', (major) => {
    const bytes = hex('ff 0000000000000001 7f', major, '00', MECHANISM_NULL);
    expect(decodeGreeting(bytes)).toEqual({ minor: 1, mechanism: 'NULL' });
  });

  it('ignores padding, as-server and filler', () => {
    const bytes = hex(
      'ff a1a2a3a4a5a6a7a8 01 03 01 4e554c4c',
      '00'.repeat(16),
      '01',
      'ee'.repeat(31),
    );
    expect(decodeGreeting(bytes)).toEqual({ minor: 1, mechanism: 'NULL' });
  });

  it('takes no mechanism with bytes behind its padding for NULL: all 20 bytes count', () => {
    const bytes = hex(GREETING);
    bytes[31] = 0x41;
    expect(decodeGreeting(bytes).mechanism).not.toBe('NULL');
  });

  it('takes nothing that differs from NULL in any of the 20 bytes for NULL', () => {
    fc.assert(
      fc.property(fc.integer({ min: 12, max: 31 }), fc.integer({ min: 1, max: 255 }), (at, xor) => {
        const bytes = hex(GREETING);
        bytes.writeUInt8(bytes.readUInt8(at) ^ xor, at);
        expect(decodeGreeting(bytes).mechanism).not.toBe('NULL');
      }),
    );
  });

  it('reads a mechanism name that fills all 20 bytes', () => {
    const bytes = hex('ff 0000000000000001 7f 03 01', '41'.repeat(20), '00'.repeat(32));
    expect(decodeGreeting(bytes).mechanism).toBe('A'.repeat(20));
  });
});

describe('checkSignature', () => {
  it('accepts every prefix of a signature', () => {
    const signature = hex('ff 0000000000000001 7f');
    for (let length = 0; length <= signature.length; length++) {
      expect(() => checkSignature(signature.subarray(0, length))).not.toThrow();
    }
  });

  it('accepts any odd byte at its end, as libzmq does', () => {
    expect(() => checkSignature(hex('ff 0000000000000000 01'))).not.toThrow();
  });

  it('refuses a first byte other than ff at once', () => {
    expect(() => checkSignature(hex('47'))).toThrow(
      expect.objectContaining({ name: 'ProtocolError' }),
    );
  });

  it('refuses an even byte at its end: an unversioned peer', () => {
    expect(() => checkSignature(hex('ff 0000000000000001 7e'))).toThrow(
      expect.objectContaining({ name: 'ProtocolError' }),
    );
  });

  it('shows what came, so that an HTTP client is recognised in a log', () => {
    expect(() => checkSignature(Buffer.from('GET / HTTP/1.1'))).toThrow(/GET/);
  });
});

describe('isVersion2', () => {
  it('is true for major version 1 only', () => {
    const majors = Array.from({ length: 256 }, (_, major) => major).filter(isVersion2);
    expect(majors).toEqual([1]);
  });
});
