import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMetadata, encodeMetadata } from '../../../packages/transport/src/wire/metadata.ts';
import { hex } from '../../support/hex.ts';

const expected = (...parts: string[]): string => hex(...parts).toString('hex');

/** What a REQ without a routing id announces. */
const REQ = '0b 536f636b65742d54797065 00000003 524551 08 4964656e74697479 00000000';

describe('encodeMetadata', () => {
  it('writes properties back to back, as libzmq does for a REQ', () => {
    const properties: Array<[string, Buffer]> = [
      ['Socket-Type', Buffer.from('REQ')],
      ['Identity', Buffer.alloc(0)],
    ];
    expect(encodeMetadata(properties).toString('hex')).toBe(expected(REQ));
  });

  it('writes nothing for no properties', () => {
    expect(encodeMetadata([])).toHaveLength(0);
  });
});

describe('decodeMetadata', () => {
  it('reads every property, also an empty one', () => {
    const properties = decodeMetadata(hex(REQ));
    expect([...properties.keys()]).toEqual(['Socket-Type', 'Identity']);
    expect(properties.get('Socket-Type')?.toString()).toBe('REQ');
    expect(properties.get('Identity')).toHaveLength(0);
  });

  it('reads no properties from no bytes', () => {
    expect(decodeMetadata(Buffer.alloc(0)).size).toBe(0);
  });

  it('compares names exactly: socket-type is not Socket-Type', () => {
    const properties = decodeMetadata(hex('0b 736f636b65742d74797065 00000003 505542'));
    expect(properties.has('Socket-Type')).toBe(false);
  });

  it('copies values, which are kept for the life of a connection, out of their chunk', () => {
    const chunk = hex(REQ);
    const properties = decodeMetadata(chunk);
    chunk.fill(0);
    expect(properties.get('Socket-Type')?.toString()).toBe('REQ');
  });

  it('refuses every proper prefix of a property but the empty one', () => {
    const one = hex('0b 536f636b65742d54797065 00000003 524551');
    for (let length = 1; length < one.length; length++) {
      expect(() => decodeMetadata(one.subarray(0, length)), `${length} bytes`).toThrow(
        expect.objectContaining({ code: 'ERR_ZMTP_INVALID_METADATA' }),
      );
    }
  });

  it('refuses bytes left over after the last property', () => {
    expect(() => decodeMetadata(hex(REQ, '00'))).toThrow(
      expect.objectContaining({ code: 'ERR_ZMTP_INVALID_METADATA' }),
    );
  });

  it('refuses a value length above 2^31 - 1', () => {
    expect(() => decodeMetadata(hex('01 41 80000000'))).toThrow(
      expect.objectContaining({ code: 'ERR_ZMTP_INVALID_METADATA' }),
    );
  });

  it('reads back what encodeMetadata wrote, for any properties', () => {
    const property = fc.tuple(fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,30}$/), fc.uint8Array());
    fc.assert(
      fc.property(fc.uniqueArray(property, { selector: ([name]) => name }), (properties) => {
        const pairs = properties.map(([name, value]) => [name, Buffer.from(value)] as const);
        expect([...decodeMetadata(encodeMetadata(pairs))]).toEqual(pairs);
      }),
    );
  });

  it('never throws anything but a ProtocolError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          decodeMetadata(Buffer.from(bytes));
        } catch (error) {
          expect(error).toMatchObject({ name: 'ProtocolError' });
        }
      }),
    );
  });
});
