/*
 * A message handler as clients of HTTP see it.
 */
import { describe, expect, it } from 'vitest';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import { startGateway } from '../../support/gateway.ts';

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
