import { describe, expect, it } from 'vitest';
import {
  decodeRequestHead,
  decodeResponseHead,
  decodeTrailers,
  encodeRequestHead,
  encodeResponseHead,
  encodeTrailers,
  type RequestHead,
} from '../../../packages/core/src/messages/http-message.ts';

const HEAD: RequestHead = {
  method: 'POST',
  target: '/orders?id=7',
  httpVersion: '1.1',
  isUpgrade: false,
  isEncrypted: true,
  remoteAddress: '::ffff:10.0.0.7',
  remotePort: 51_034,
  localAddress: '10.0.0.1',
  localPort: 443,
  rawHeaders: [
    'Host',
    'shop.example',
    'X-Empty',
    '',
    'x-latin',
    'caf\xe9',
    'x-twice',
    '1',
    'X-Twice',
    '2',
  ],
};

describe('the heads of HTTP messages', () => {
  it('writes a request as lines of latin1', () => {
    const frame = encodeRequestHead({ ...HEAD, isUpgrade: true, rawHeaders: ['Host', 'caf\xe9'] });
    expect(frame.toString('latin1')).toBe(
      'POST\n/orders?id=7\n1.1\nus\n::ffff:10.0.0.7\n51034\n10.0.0.1\n443\nHost\ncaf\xe9',
    );
    expect(frame.at(-1)).toBe(0xe9);
  });

  it('reads back what it wrote, with order and spelling of names', () => {
    expect(decodeRequestHead(encodeRequestHead(HEAD))).toEqual(HEAD);
    const bare = { ...HEAD, rawHeaders: [], remoteAddress: '', remotePort: 0 };
    expect(decodeRequestHead(encodeRequestHead(bare))).toEqual(bare);
  });

  it('writes a response as lines of latin1, and reads it back', () => {
    const head = {
      status: 204,
      statusMessage: '',
      rawHeaders: ['Set-Cookie', 'a', 'Set-Cookie', 'b'],
      isComplete: false,
    };
    const frame = encodeResponseHead(head);
    expect(frame.toString('latin1')).toBe('204\n\n\nSet-Cookie\na\nSet-Cookie\nb');
    expect(decodeResponseHead(frame)).toEqual(head);
    const complete = encodeResponseHead({ ...head, isComplete: true });
    expect(complete.toString('latin1')).toBe('204\n\nc\nSet-Cookie\na\nSet-Cookie\nb');
    expect(decodeResponseHead(complete)).toEqual({ ...head, isComplete: true });
    expect(decodeResponseHead(Buffer.from('0\n\n')).status).toBe(0);
  });

  it('writes trailers, and none', () => {
    expect(encodeTrailers(['Digest', 'x', 'A', '']).toString()).toBe('Digest\nx\nA\n');
    expect(decodeTrailers(encodeTrailers(['Digest', 'x', 'A', '']))).toEqual([
      'Digest',
      'x',
      'A',
      '',
    ]);
    expect(decodeTrailers(encodeTrailers([]))).toEqual([]);
  });

  it.each(['a\nb', 'a\rb', 'a\u010ab', '\n', 'a\u{1f600}'])(
    'refuses to write %j into a head',
    (bad) => {
      const code = expect.objectContaining({ code: 'ZSCALE_ERR_ENCODE' });
      expect(() => encodeRequestHead({ ...HEAD, target: bad })).toThrow(code);
      expect(() => encodeRequestHead({ ...HEAD, rawHeaders: ['x', bad] })).toThrow(code);
      expect(() => encodeRequestHead({ ...HEAD, rawHeaders: [bad, 'x'] })).toThrow(code);
      expect(() => encodeResponseHead({ status: 200, statusMessage: bad, rawHeaders: [] })).toThrow(
        code,
      );
      expect(() => encodeTrailers(['x', bad])).toThrow(code);
      expect(() => encodeTrailers([bad, 'x'])).toThrow(code);
    },
  );

  it.each([
    ['nothing', ''],
    ['too few fields', 'GET\n/\n1.1\n\n\n0\n'],
    ['a name without a value', 'GET\n/\n1.1\n\n\n0\n\n0\nhost'],
    ['no method', '\n/\n1.1\n\n\n0\n\n0'],
    ['no target', 'GET\n\n1.1\n\n\n0\n\n0'],
    ['a port that is none', 'GET\n/\n1.1\n\n\n65536\n\n0'],
    ['a port that is no number', 'GET\n/\n1.1\n\n\n-1\n\n0'],
    ['a carriage return', 'GET\n/\n1.1\n\n\n0\n\n0\nhost\na\r'],
  ])('refuses to read a request with %s', (_what, text) => {
    const code = expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' });
    expect(() => decodeRequestHead(Buffer.from(text))).toThrow(code);
  });

  it.each(['', '200', '200\nOK', '99\n\n', '1000\n\n', 'x\n\n', '200\n\n\nname', '0200\n\r\n'])(
    'refuses to read the response %j',
    (text) => {
      const code = expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' });
      expect(() => decodeResponseHead(Buffer.from(text))).toThrow(code);
    },
  );

  it('reads or refuses whatever a frame is cut to', () => {
    const frame = encodeRequestHead(HEAD);
    for (let length = 0; length < frame.length; length += 1) {
      try {
        decodeRequestHead(frame.subarray(0, length));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ZSCALE_ERR_DECODE' });
      }
    }
  });
});
