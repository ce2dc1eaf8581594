/*
 * CURVE after the handshake (RFC 26, "MESSAGE"): each frame comes once, in order and unchanged, or the connection ends.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProtocolError } from '../../../packages/transport/src/errors.ts';
import { seal } from '../../../packages/transport/src/mechanisms/curve/boxes.ts';
import { CurveTraffic } from '../../../packages/transport/src/mechanisms/curve/curve-traffic.ts';
import {
  nonceOf,
  OwnCounter,
  PeerCounter,
} from '../../../packages/transport/src/mechanisms/curve/nonces.ts';
import { hex } from '../../support/hex.ts';
import { BOX_KEYS, CLIENT_MESSAGES } from './curve-vectors.ts';

const MORE = 0x01;
const COMMAND = 0x04;

/** Both ends of a connection. */
function ends(): { client: CurveTraffic; server: CurveTraffic } {
  const end = (role: 'client' | 'server'): CurveTraffic =>
    new CurveTraffic(role, hex(BOX_KEYS[1].key), {
      own: new OwnCounter(),
      peer: new PeerCounter(),
    });
  return { client: end('client'), server: end('server') };
}

/** A MESSAGE of the client with any counter and any content, as one who has the key can make it. */
function message(counter: string, content: string, prefix = 'CurveZMQMESSAGEC'): Buffer {
  const box = seal(hex(BOX_KEYS[1].key), nonceOf(prefix, hex(counter)), hex(content));
  return Buffer.concat([hex('07 4d455353414745', counter), box]);
}

/** The code with which `bytes` are refused; undefined when they are taken. */
function refusal(traffic: CurveTraffic, bytes: Buffer): string | undefined {
  try {
    traffic.decrypt(bytes);
    return undefined;
  } catch (error) {
    return (error as ProtocolError).code;
  }
}

describe('CURVE traffic', () => {
  it('gives each frame to the other end as it was, in both directions', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            body: fc.uint8Array({ maxLength: 1000 }).map((array) => Buffer.from(array)),
            flags: fc.constantFrom(0, MORE, COMMAND),
            up: fc.boolean(),
          }),
          { maxLength: 20 },
        ),
        (frames) => {
          const { client, server } = ends();
          for (const { body, flags, up } of frames) {
            const [from, to] = up ? [client, server] : [server, client];
            const before = Buffer.from(body);
            const sent = from.encrypt(body, flags);
            expect(sent).toHaveLength(33 + body.length);
            expect(body.equals(before)).toBe(true);
            const plain = to.decrypt(sent);
            expect(plain[0]).toBe(flags);
            expect(plain.subarray(1).equals(body)).toBe(true);
          }
        },
      ),
    );
  });

  it('carries a frame of a megabyte', () => {
    const { client, server } = ends();
    const body = Buffer.alloc(1024 * 1024, 'abc');
    expect(server.decrypt(client.encrypt(body, 0)).subarray(1).equals(body)).toBe(true);
  });

  it('leaves what was received as it is, and gives memory of its own', () => {
    const { client, server } = ends();
    const sent = client.encrypt(Buffer.from('hello'), 0);
    const before = Buffer.from(sent);
    const plain = server.decrypt(sent);
    expect(sent.equals(before)).toBe(true);
    sent.fill(0);
    expect(plain.toString('latin1', 1)).toBe('hello');
  });

  it('makes a different MESSAGE of the same frame each time', () => {
    const { client } = ends();
    const boxes = new Set(
      Array.from({ length: 50 }, () => client.encrypt(Buffer.from('x'), 0).toString('hex', 16)),
    );
    expect(boxes.size).toBe(50);
  });

  it('counts the nonces of what it sends up by one from 1', () => {
    const { client } = ends();
    const counters = [0, 1, 2].map(() => client.encrypt(Buffer.alloc(0), 0).readBigUInt64BE(8));
    expect(counters).toEqual([1n, 2n, 3n]);
  });

  it('refuses a MESSAGE that comes again', () => {
    const { client, server } = ends();
    const sent = client.encrypt(Buffer.from('pay'), 0);
    server.decrypt(sent);
    expect(refusal(server, sent)).toBe('ERR_ZMTP_INVALID_SEQUENCE');
  });

  it('refuses an older MESSAGE behind a newer one', () => {
    const { client, server } = ends();
    const [first, second] = [
      client.encrypt(Buffer.from('1'), 0),
      client.encrypt(Buffer.from('2'), 0),
    ];
    server.decrypt(second);
    expect(refusal(server, first)).toBe('ERR_ZMTP_INVALID_SEQUENCE');
  });

  it('takes counters that leave out values, up to the highest', () => {
    const { server } = ends();
    for (const counter of [
      '0000000000000007',
      '00000000ffffffff',
      '0000000100000000',
      '8000000000000000',
      'ffffffffffffffff',
    ])
      expect(refusal(server, message(counter, '00 61')), counter).toBeUndefined();
    expect(refusal(server, message('ffffffffffffffff', '00 61'))).toBe('ERR_ZMTP_INVALID_SEQUENCE');
    expect(refusal(server, message('00000001ffffffff', '00 61'))).toBe('ERR_ZMTP_INVALID_SEQUENCE');
  });

  it('compares counters as one number of 64 bits', () => {
    const { server } = ends();
    expect(refusal(server, message('0000000200000001', '00 61'))).toBeUndefined();
    expect(refusal(server, message('00000001ffffffff', '00 61'))).toBe('ERR_ZMTP_INVALID_SEQUENCE');
    expect(refusal(server, message('0000000200000000', '00 61'))).toBe('ERR_ZMTP_INVALID_SEQUENCE');
    expect(refusal(server, message('0000000200000002', '00 61'))).toBeUndefined();
  });

  it('does not count a MESSAGE that it refused', () => {
    const { client, server } = ends();
    const [first, second] = [
      client.encrypt(Buffer.from('1'), 0),
      client.encrypt(Buffer.from('2'), 0),
    ];
    const forged = Buffer.from(second);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(refusal(server, forged)).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
    expect(server.decrypt(first).toString('latin1', 1)).toBe('1');
  });

  it('refuses its own MESSAGEs thrown back at it', () => {
    const { client } = ends();
    expect(refusal(client, client.encrypt(Buffer.from('x'), 0))).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
  });

  it('refuses a MESSAGE with any bit turned over', () => {
    const sent = hex(CLIENT_MESSAGES[1].message);
    for (let bit = 0; bit < sent.length * 8; bit += 1) {
      const { server } = ends();
      const forged = Buffer.from(sent);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(refusal(server, forged), `bit ${bit}`).toMatch(/^ERR_ZMTP_/);
    }
  });

  it('refuses a MESSAGE cut short anywhere, or with more behind it', () => {
    const sent = hex(CLIENT_MESSAGES[1].message);
    for (let length = 0; length < sent.length; length += 1)
      expect(refusal(ends().server, sent.subarray(0, length)), `${length}`).toMatch(/^ERR_ZMTP_/);
    expect(refusal(ends().server, hex(CLIENT_MESSAGES[1].message, '00'))).toBe(
      'ERR_ZMTP_CRYPTOGRAPHIC',
    );
  });

  it.each([
    ['a frame in clear', hex('48656c6c6f'), 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    ['an empty frame', Buffer.alloc(0), 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    ['a PING in clear', hex('04 50494e47 0000'), 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    ['ERROR', hex('05 4552524f52 03 343030'), 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    [
      'a name that only begins like MESSAGE',
      hex('07 4d455353414746', '00'.repeat(30)),
      'ERR_ZMTP_UNEXPECTED_COMMAND',
    ],
    [
      'a box without room for flags',
      message('0000000000000001', ''),
      'ERR_ZMTP_MALFORMED_COMMAND_MESSAGE',
    ],
  ])('refuses %s', (_, bytes, code) => {
    expect(refusal(ends().server, bytes)).toBe(code);
  });

  it('reads MORE and COMMAND where RFC 26 has them, and no other bit', () => {
    const { server } = ends();
    const flags = ['00', '01', '02', '03', '04', 'fc'].map(
      (inner, i) => server.decrypt(message(`000000000000000${i + 1}`, `${inner} 61`))[0],
    );
    expect(flags).toEqual([0, MORE, COMMAND, MORE | COMMAND, 0, 0]);
  });

  it('boxes and unboxes nothing any more once it is closed', () => {
    const { client, server } = ends();
    const sent = client.encrypt(Buffer.from('x'), 0);
    client.close();
    server.close();
    expect(() => client.encrypt(Buffer.from('x'), 0)).toThrow('closed');
    expect(() => server.decrypt(sent)).toThrow('closed');
  });
});
