/*
 * What makes requests of HTTP go to the same worker.
 */
import { describe, expect, it } from 'vitest';
import { parseStickyRule } from '../../../packages/core/src/gateway/sticky-key.ts';
import { startGateway } from '../../support/gateway.ts';
import { exchange } from '../../support/http-client.ts';

const request = (path = '/', headers = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`;

describe('sticky', () => {
  it('by a cookie that is there', async () => {
    const { endpoint, upstream } = await startGateway({ sticky: 'cookie:node' });
    upstream.onOpen = (one) => one.reply(200);
    const answer = await exchange(endpoint, request('/', 'Cookie: a=1; node=abc; b=2\r\n'));
    expect((await upstream.exchange()).control.key).toBe('abc');
    expect(answer).not.toContain('Set-Cookie');
  });

  it('by a cookie that is not there, which is set', async () => {
    const { endpoint, upstream } = await startGateway({ sticky: 'cookie:node' });
    upstream.onOpen = (one) => one.reply(200, ['Set-Cookie', 'other=1']);
    const answer = await exchange(endpoint, request('/', 'Cookie: nodes=1\r\n'));
    const { key } = (await upstream.exchange()).control;
    expect(key).toMatch(/^[\w-]{16}$/);
    expect(answer).toContain(`Set-Cookie: other=1\r\n`);
    expect(answer).toContain(`Set-Cookie: node=${key}; Path=/; HttpOnly; SameSite=Lax\r\n`);
  });

  it('by a cookie that the application sets itself', async () => {
    const { endpoint, upstream } = await startGateway({ sticky: 'cookie:node' });
    upstream.onOpen = (one) => one.reply(200, ['set-cookie', 'node=mine']);
    const answer = await exchange(endpoint, request());
    expect(answer.match(/set-cookie/gi)).toHaveLength(1);
  });

  it('by a header or a parameter, or the connection where they are missing', async () => {
    const header = await startGateway({ sticky: 'header:X-Tenant' });
    header.upstream.onOpen = (one) => one.reply(200);
    await exchange(header.endpoint, request('/', 'x-tenant: t1\r\n'));
    await exchange(header.endpoint, request());
    expect((await header.upstream.exchange(0)).control.key).toBe('t1');
    expect((await header.upstream.exchange(1)).control.key).toMatch(/^127.0.0.1 \d+$/);
    const query = await startGateway({ sticky: 'query:sid' });
    query.upstream.onOpen = (one) => one.reply(200);
    await exchange(query.endpoint, request('/a?x=1&sid=s%201'));
    await exchange(query.endpoint, request('/a'));
    expect((await query.upstream.exchange(0)).control.key).toBe('s 1');
    expect((await query.upstream.exchange(1)).control.key).toMatch(/^127.0.0.1 \d+$/);
  });

  it('by the address that the rule for proxies finds', async () => {
    const { endpoint, upstream } = await startGateway({
      sticky: 'address',
      trustedProxies: ['loopback'],
    });
    upstream.onOpen = (one) => one.reply(200);
    await exchange(endpoint, request('/', 'X-Forwarded-For: 203.0.113.7\r\n'));
    expect((await upstream.exchange()).control.key).toBe('203.0.113.7');
  });

  it('by a value that is too long, by its hash', async () => {
    const { endpoint, upstream } = await startGateway({ sticky: 'header:x' });
    upstream.onOpen = (one) => one.reply(200);
    await exchange(endpoint, request('/', `x: ${'a'.repeat(1000)}\r\n`));
    expect((await upstream.exchange()).control.key).toMatch(/^[\w-]{43}$/);
  });

  it.each(['cookie:', 'cookie:a b', 'header:a:b', 'ip', 'path:x', ''])('%j is refused', (text) => {
    expect(() => parseStickyRule(text)).toThrow(/sticky takes/);
  });

  it('does not exist without a rule, nor do routes without pools', async () => {
    const plain = await startGateway();
    plain.upstream.onOpen = (one) => one.reply(200);
    await exchange(plain.endpoint, request('/a?b'));
    const { control } = await plain.upstream.exchange();
    expect(Object.keys(control).sort()).toEqual(['id', 'idempotent']);
    const pools = await startGateway({ hasPools: true });
    pools.upstream.onOpen = (one) => one.reply(200);
    await exchange(pools.endpoint, request('/a?b'));
    expect((await pools.upstream.exchange()).control.route).toBe('/a');
  });
});
