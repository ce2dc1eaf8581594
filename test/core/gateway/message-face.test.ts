/*
 * A message handler as clients of HTTP see it.
 */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import { startGateway } from '../../support/gateway.ts';
import { until } from '../../support/until.ts';

const MSGPACK = createCodec('msgpack');
const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('a handler with codec msgpack', () => {
  it('is given what JSON says, and answers in JSON', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'msgpack' });
    upstream.onOpen = (one) => {
      const value = MSGPACK.decode([...one.request.frames]);
      one.answer(...MSGPACK.encode({ got: value }));
    };
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"name":"you"}',
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ got: { name: 'you' } });
    expect((await upstream.exchange()).control.idempotent).toBe(false);
  });

  it('speaks MessagePack with those who do', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'msgpack' });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    const [body = Buffer.alloc(0)] = MSGPACK.encode({ at: new Date(0) });
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-msgpack' },
      body: new Uint8Array(body),
    });
    expect(response.headers.get('content-type')).toBe('application/msgpack');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(body);
    const asJson = await fetch(endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/msgpack', Accept: 'application/json' },
      body: new Uint8Array(MSGPACK.encode([1])[0] ?? []),
    });
    expect(await asJson.text()).toBe('[1]');
  });

  it('takes what curl -d sends without a word on its type', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'msgpack' });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: '{"a":1}',
    });
    expect(await response.json()).toEqual({ a: 1 });
  });

  it('takes a body of any length up to its limit, whole', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'msgpack', maxBodySize: 1_000_000 });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    const text = JSON.stringify('x'.repeat(500_000));
    const response = await fetch(endpoint, { method: 'POST', headers: JSON_TYPE, body: text });
    expect(await response.text()).toBe(text);
    expect((await upstream.exchange()).request.more).toBe(false);
    const large = await fetch(endpoint, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify('x'.repeat(1_000_000)),
    });
    expect(large.status).toBe(413);
  });

  it.each([
    ['GET', undefined, undefined, 405],
    ['PUT', 'application/json', '1', 405],
    ['POST', 'application/xml', '<a/>', 415],
    ['POST', 'application/json', '{', 400],
    ['POST', 'application/json', undefined, 400],
    ['POST', 'application/json; charset=utf-16', '1', 415],
    ['POST', 'text/plain;charset="ISO-8859-1"', '1', 415],
  ])('refuses %s of %s %s with %i', async (method, type, body, status) => {
    const { endpoint, upstream } = await startGateway({ codec: 'msgpack' });
    const response = await fetch(endpoint, {
      method,
      ...(type !== undefined && { headers: { 'Content-Type': type } }),
      ...(body !== undefined && { body }),
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code: expect.any(String) } });
    if (status === 405) expect(response.headers.get('allow')).toBe('POST');
    expect(upstream.exchanges).toHaveLength(0);
  });

  it.each([
    ['ENOENT', 404],
    ['OUT_OF_STOCK', 500],
    ['ZSCALE_ERR_HANDLER', 500],
    ['ZSCALE_ERR_DECODE', 400],
  ])('its error %s is %i', async (code, status) => {
    const { endpoint, upstream } = await startGateway({ codec: 'msgpack' });
    upstream.onOpen = (one) => one.fail(code, 'no such thing');
    const response = await fetch(endpoint, { method: 'POST', headers: JSON_TYPE, body: '1' });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: { code, message: 'no such thing' } });
  });
});

describe('a body that is compressed', () => {
  const text = JSON.stringify({ text: 'x'.repeat(40_000) });
  const post = (endpoint: string, coding: string, body: Uint8Array): Promise<Response> =>
    fetch(endpoint, {
      method: 'POST',
      headers: { ...JSON_TYPE, 'Content-Encoding': coding },
      body: new Uint8Array(body),
    });

  it.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['Deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', Buffer.from(text)],
  ])('as %s is what it was to the handler', async (coding, body) => {
    const { endpoint, upstream } = await startGateway({ codec: 'json' });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    const response = await post(endpoint, coding, body);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(text);
  });

  it('is decompressed for a handler of bytes, too', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'raw' });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    expect(await (await post(endpoint, 'gzip', gzipSync('plain'))).text()).toBe('plain');
  });

  it('may have charset utf-8 and any spelling of it', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'json' });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    for (const charset of ['utf-8', 'UTF8', '"utf-8"', 'us-ascii']) {
      const headers = { 'Content-Type': `application/json; charset=${charset}` };
      const response = await fetch(endpoint, { method: 'POST', headers, body: '"\u00fc"' });
      expect(response.status).toBe(200);
    }
  });

  it.each([
    ['one that nobody knows', 'cow', gzipSync('1'), 415, /one of the codings gzip.+"cow"/],
    ['several', 'gzip, br', gzipSync('1'), 415, /"gzip, br"/],
    ['another than it says', 'gzip', Buffer.from('1'), 400, /not gzip.+Content-Encoding/],
    ['one that is cut', 'gzip', gzipSync(text).subarray(0, 30), 400, /unexpected end of file/],
    ['one with nonsense in it', 'br', Buffer.alloc(50, 0xff), 400, /not br/],
  ])('in a coding of which it is %s is refused', async (_, coding, body, status, message) => {
    const { endpoint, upstream } = await startGateway({ codec: 'json' });
    const response = await post(endpoint, coding, body);
    expect(response.status).toBe(status);
    expect(response.headers.get('accept-encoding')).toBe(
      status === 415 ? 'gzip, deflate, br' : null,
    );
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringMatching(message) },
    });
    expect(upstream.exchanges).toHaveLength(0);
  });

  it.each([
    ['gzip', gzipSync(Buffer.alloc(50_000_000))],
    ['br', brotliCompressSync(Buffer.alloc(50_000_000))],
  ])(
    'to much more than it may have (%s) is 413, and not decompressed further',
    async (coding, body) => {
      const { endpoint, upstream, gateway } = await startGateway({
        codec: 'raw',
        maxBodySize: 100_000,
      });
      expect(body.length).toBeLessThan(100_000);
      const response = await post(endpoint, coding, body);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({
        error: { code: 'EMSGSIZE', message: expect.stringContaining('decompressed') },
      });
      expect(upstream.exchanges).toHaveLength(0);
      expect(gateway.stats().heldBytes).toBe(0);
    },
  );

  it('counts as held while it is decompressed', async () => {
    const { endpoint, gateway } = await startGateway({ codec: 'raw', maxHeldBytes: 200_000 });
    const response = await post(endpoint, 'gzip', gzipSync(Buffer.alloc(20_000_000)));
    expect(response.status).toBe(503);
    await until(() => gateway.stats().heldBytes === 0);
  });
});

describe('a handler with codec json', () => {
  it('is given the bytes, once they are known to be JSON', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'json' });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    const post = (body: string): Promise<Response> =>
      fetch(endpoint, { method: 'POST', headers: JSON_TYPE, body });
    const response = await post('{ "a" : 1 }');
    expect(await response.text()).toBe('{ "a" : 1 }');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect((await post('{')).status).toBe(400);
  });
});

describe('a handler with codec raw', () => {
  it('is given any bytes, and answers with bytes', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'raw' });
    upstream.onOpen = (one) => one.answer(...one.request.frames, Buffer.from('!'));
    const response = await fetch(endpoint, { method: 'POST', body: 'any \0 thing' });
    expect(await response.text()).toBe('any \0 thing!');
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
  });
});
