import { describe, expect, it } from 'vitest';
import { ForeignFormat } from '../../../packages/core/src/gateway/foreign-format.ts';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import {
  decodeTnetstring,
  encodeTnetstring,
} from '../../../packages/core/src/messages/tnetstring.ts';

const HEAD = {
  method: 'PUT',
  target: '/a?b',
  httpVersion: '1.1',
  isUpgrade: false,
  isEncrypted: true,
  remoteAddress: '10.0.0.1',
  remotePort: 999,
  localAddress: '10.0.0.2',
  localPort: 443,
  rawHeaders: ['Host', 'example.org', 'X-A', '1', 'x-a', 'caf\xe9'],
};
const json = (value: unknown): Buffer[] => [Buffer.from(JSON.stringify(value))];

describe('a request for a worker in any language', () => {
  it('is T and a tnetstring, with headers as pairs', () => {
    const frame = new ForeignFormat('zhttp').frameOf(HEAD, Buffer.from('\0\xff', 'latin1'), 'id-1');
    expect(frame.toString('latin1', 0, 1)).toBe('T');
    const text = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');
    expect(decodeTnetstring(frame.subarray(1))).toEqual(
      new Map<string, unknown>([
        ['id', text('id-1')],
        ['method', text('PUT')],
        ['uri', text('https://example.org/a?b')],
        ['version', text('1.1')],
        [
          'headers',
          [
            [text('Host'), text('example.org')],
            [text('X-A'), text('1')],
            [text('x-a'), text('caf\xe9')],
          ],
        ],
        ['body', text('\0\xff')],
        ['peer-address', text('10.0.0.1')],
        ['peer-port', 999],
      ]),
    );
  });

  it('is an object of JSON whose body is a text, or base64', () => {
    const format = new ForeignFormat('json');
    const said = JSON.parse(String(format.frameOf(HEAD, Buffer.from('grün'), '1')));
    expect(said).toMatchObject({
      method: 'PUT',
      body: 'grün',
      headers: [
        ['Host', 'example.org'],
        ['X-A', '1'],
        ['x-a', 'café'],
      ],
    });
    expect(JSON.parse(String(format.frameOf(HEAD, Buffer.from([255]), '1')))).toMatchObject({
      'body-base64': '/w==',
    });
  });

  it('is a map of MessagePack whose body is bytes', () => {
    const frame = new ForeignFormat('msgpack').frameOf(HEAD, Buffer.from([255]), '1');
    expect(createCodec('msgpack').decode([frame])).toMatchObject({
      method: 'PUT',
      uri: 'https://example.org/a?b',
      body: Buffer.from([255]),
    });
  });
});

describe('the reply of such a worker', () => {
  it('becomes an answer, without what is for the gateway to say', () => {
    const reply = {
      ...{ code: 201, reason: 'Made', body: 'made' },
      headers: [
        ['Content-Type', 'text/x'],
        ['Content-Length', '999'],
        ['connection', 'close'],
        ['Set-Cookie', 'a'],
        ['Set-Cookie', 'b'],
        ['Date', 'today'],
      ],
    };
    const rawHeaders = [
      'Content-Type',
      'text/x',
      'Set-Cookie',
      'a',
      'Set-Cookie',
      'b',
      'Date',
      'today',
    ];
    const answer = {
      head: { status: 201, statusMessage: 'Made', rawHeaders },
      body: Buffer.from('made'),
    };
    expect(new ForeignFormat('json').answerOf(json(reply))).toEqual(answer);
    const frame = Buffer.concat([Buffer.from('T'), encodeTnetstring(reply)]);
    expect(new ForeignFormat('zhttp').answerOf([frame])).toEqual(answer);
    expect(new ForeignFormat('msgpack').answerOf(createCodec('msgpack').encode(reply))).toEqual(
      answer,
    );
  });

  it('needs no more than a code, which may be called status', () => {
    const { head, body } = new ForeignFormat('json').answerOf(json({ status: 404 }));
    expect(head).toMatchObject({ status: 404, statusMessage: 'Not Found' });
    expect(body).toHaveLength(0);
    expect(
      new ForeignFormat('json').answerOf(json({ code: 200, 'body-base64': '/w==' })).body,
    ).toEqual(Buffer.from([255]));
  });

  it.each([
    ['no object', 'text'],
    ['a list', []],
    ['no code', {}],
    ['a code of informational heads', { code: 101 }],
    ['a code beyond all', { code: 1000 }],
    ['a code that is a text', { code: '200' }],
    ['a reason of two lines', { code: 200, reason: 'a\r\nb' }],
    ['a reason beyond latin1', { code: 200, reason: '\u2713' }],
    ['headers that are no list', { code: 200, headers: { a: 'b' } }],
    ['a header that is no pair', { code: 200, headers: ['a'] }],
    ['a header with a number', { code: 200, headers: [['a', 1]] }],
    ['a name that is none', { code: 200, headers: [['a b', 'c']] }],
    ['a header that would be two', { code: 200, headers: [['a', 'b\r\nc: d']] }],
    ['a body that is a number', { code: 200, body: 1 }],
    ['an error', { type: 'error', condition: 'bad-request' }],
  ])('is refused where it has %s', (_what, reply) => {
    expect(() => new ForeignFormat('json').answerOf(json(reply))).toThrow(
      expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' }),
    );
  });

  it('is refused where it is nonsense, or several frames', () => {
    for (const frames of [
      [],
      [Buffer.from('x')],
      [Buffer.from('T')],
      [Buffer.from('T5:x,')],
      [Buffer.from('T0:}'), Buffer.alloc(0)],
    ]) {
      expect(() => new ForeignFormat('zhttp').answerOf(frames)).toThrow(
        /A worker's reply|A tnetstring/,
      );
    }
  });
});
