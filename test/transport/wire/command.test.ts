import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCommand,
  decodePing,
  encodeCommand,
  encodePing,
  encodePong,
} from '../../../packages/transport/src/wire/command.ts';
import { hex } from '../../support/hex.ts';

const expected = (...parts: string[]): string => hex(...parts).toString('hex');

describe('encodeCommand and decodeCommand', () => {
  it('write and read name length, name, data', () => {
    const body = encodeCommand('ERROR', hex('03 343030'));
    expect(body.toString('hex')).toBe(expected('05 4552524f52 03 343030'));
    const command = decodeCommand(body);
    expect([command?.name, command?.data.toString('hex')]).toEqual(['ERROR', '03343030']);
  });

  it("are each other's inverse", () => {
    const names = fc.stringMatching(/^[A-Z]{1,20}$/);
    fc.assert(
      fc.property(names, fc.uint8Array(), (name, bytes) => {
        const command = decodeCommand(encodeCommand(name, Buffer.from(bytes)));
        expect(command?.name).toBe(name);
        expect(command?.data.equals(bytes)).toBe(true);
      }),
    );
  });

  it.each([
    ['an empty body', ''],
    ['an empty name', '00 41'],
    ['a name that runs past the end', '05 50494e47'],
  ])('take %s for no command', (_, body) => {
    expect(decodeCommand(hex(body))).toBeUndefined();
  });

  it('never throw, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => decodeCommand(Buffer.from(bytes))).not.toThrow();
      }),
    );
  });
});

describe('encodePing', () => {
  it('writes a ping without time to live as 04 PING 0000', () => {
    expect(encodePing(0).toString('hex')).toBe(expected('04 50494e47 0000'));
  });

  it('writes the time to live in tenths of a second', () => {
    expect(encodePing(2500).toString('hex')).toBe(expected('04 50494e47 0019'));
  });

  it('rounds a time to live under 100 ms down to none', () => {
    expect(encodePing(99).toString('hex')).toBe(expected('04 50494e47 0000'));
  });

  it('never writes more than 655 tenths, where libzmq would wrap', () => {
    expect(encodePing(65_500).toString('hex')).toBe(expected('04 50494e47 028f'));
    expect(encodePing(6_553_599).toString('hex')).toBe(expected('04 50494e47 028f'));
  });
});

describe('decodePing', () => {
  it('reads time to live in milliseconds, and the context', () => {
    const ping = decodePing(hex('0019 637478'));
    expect(ping?.timeToLive).toBe(2500);
    expect(ping?.context.toString()).toBe('ctx');
  });

  it('keeps the first 16 bytes of a longer context', () => {
    const ping = decodePing(hex('0000', '61'.repeat(17)));
    expect(ping?.context.toString()).toBe('a'.repeat(16));
  });

  it.each(['', '00'])('gives undefined for a ping without a whole time to live (%j)', (data) => {
    expect(decodePing(hex(data))).toBeUndefined();
  });
});

describe('encodePong', () => {
  it('gives the context back', () => {
    expect(encodePong(Buffer.from('ctx')).toString('hex')).toBe(expected('04 504f4e47 637478'));
    expect(encodePong(Buffer.alloc(0)).toString('hex')).toBe(expected('04 504f4e47'));
  });
});
