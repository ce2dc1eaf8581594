/*
 * Who a client is, by what stands in headers and who wrote them.
 */
import { describe, expect, it } from 'vitest';
import { type Origin, TrustedProxies } from '../../../packages/core/src/gateway/trusted-proxies.ts';
import { startGateway } from '../../support/gateway.ts';
import { exchange } from '../../support/http-client.ts';

function seen(ranges: readonly string[], address: string, headers: Record<string, string>): Origin {
  const origin: Origin = { address, port: 1234, encrypted: false, trusted: false };
  new TrustedProxies(ranges).correct(origin, headers);
  return origin;
}

describe('a trusted proxy', () => {
  it.each([
    ['the client', { 'x-forwarded-for': '203.0.113.7' }, '203.0.113.7', 0],
    ['a client with a port', { 'x-forwarded-for': '203.0.113.7:99' }, '203.0.113.7', 99],
    ['a client of IPv6', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1', 0],
    ['one of IPv6 with a port', { 'x-forwarded-for': '[2001:db8::1]:99' }, '2001:db8::1', 99],
    [
      'the last that is no proxy of ours',
      { 'x-forwarded-for': '6.6.6.6, 203.0.113.7, 10.0.0.9' },
      '203.0.113.7',
      0,
    ],
    ['only proxies of ours', { 'x-forwarded-for': '10.0.0.8, 10.0.0.9' }, '10.0.0.8', 0],
    ['nobody', {}, '10.0.0.1', 1234],
    ['nonsense', { 'x-forwarded-for': 'unknown' }, '10.0.0.1', 1234],
    ['nonsense behind somebody', { 'x-forwarded-for': '203.0.113.7, _hidden' }, '10.0.0.1', 1234],
    ['an attack', { 'x-forwarded-for': '127.0.0.1\t, ::1%lo' }, '10.0.0.1', 1234],
    ['RFC 7239', { forwarded: 'for=6.6.6.6, for="203.0.113.7:99";proto=https' }, '203.0.113.7', 99],
    ['RFC 7239 of IPv6', { forwarded: 'For="[2001:db8::1]:99"' }, '2001:db8::1', 99],
    ['RFC 7239 of a hidden one', { forwarded: 'for=_secret' }, '10.0.0.1', 1234],
    [
      'both, and the standard counts',
      { forwarded: 'for=203.0.113.7', 'x-forwarded-for': '6.6.6.6' },
      '203.0.113.7',
      0,
    ],
  ])('that names %s', (_what, headers, address, port) => {
    expect(seen(['10.0.0.0/8'], '10.0.0.1', headers)).toMatchObject({
      address,
      port,
      trusted: true,
    });
  });

  it.each([
    [{ 'x-forwarded-proto': 'https' }, true],
    [{ 'x-forwarded-proto': 'http' }, false],
    [{ 'x-forwarded-proto': 'http, https' }, true],
    [{ 'x-forwarded-proto': 'wss' }, true],
    [{ forwarded: 'proto=https;for=1.2.3.4' }, true],
    [{ forwarded: 'proto=https;for=1.2.3.4, proto=http;for=10.0.0.2' }, false],
  ])('says of TLS %j: %s', (headers, encrypted) => {
    expect(seen(['10.0.0.0/8'], '10.0.0.1', headers).encrypted).toBe(encrypted);
  });

  it.each([
    ['loopback', '127.0.0.1', true],
    ['loopback', '::1', true],
    ['loopback', '::ffff:127.0.0.1', true],
    ['private', '192.168.4.4', true],
    ['private', '8.8.8.8', false],
    ['*', '8.8.8.8', true],
    ['*', '2001:db8::1', true],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['2001:db8::/32', '2001:db8:1::1', true],
    ['10.0.0.1', '', true],
  ])('in %s: %s is %s', (range, address, trusted) => {
    expect(seen([range], address, {}).trusted).toBe(trusted);
  });

  it.each(['10.0.0.0/33', '10.0.0', 'localhost', '10.0.0.0/-1', '::1/129', '10.0.0.0/8/8', ''])(
    'cannot be %j',
    (range) => {
      expect(() => new TrustedProxies([range])).toThrow(/trustedProxies takes/);
    },
  );
});

describe('the gateway', () => {
  const text =
    'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nX-FORWARDED-proto: https\r\nForwarded: for=6.6.6.6\r\nX-Request-Id: theirs\r\nX-Own: 1\r\nConnection: close\r\n\r\n';

  it('without a rule passes on what came, and who connected', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(200);
    await exchange(endpoint, text);
    const { head, control } = await upstream.exchange();
    expect(head.remoteAddress).toBe('127.0.0.1');
    expect(head.isEncrypted).toBe(false);
    expect(head.rawHeaders).toContain('X-FORWARDED-proto');
    expect(control.id).toBe('theirs');
  });

  it('believes a trusted proxy', async () => {
    const { endpoint, upstream, accesses } = await startGateway({ trustedProxies: ['loopback'] });
    upstream.onOpen = (one) => one.reply(200);
    await exchange(endpoint, text.replace(/Forwarded: .*?\r\n/, ''));
    const { head, control } = await upstream.exchange();
    expect(head).toMatchObject({ remoteAddress: '203.0.113.7', remotePort: 0, isEncrypted: true });
    expect(head.rawHeaders).toContain('X-Forwarded-For');
    expect(control.id).toBe('theirs');
    expect(accesses).toMatchObject([{ client: '203.0.113.7', requestId: 'theirs' }]);
  });

  it('takes away what others claim', async () => {
    const { endpoint, upstream } = await startGateway({ trustedProxies: ['10.0.0.1'] });
    upstream.onOpen = (one) => one.reply(200);
    const answer = await exchange(endpoint, text);
    const { head, control } = await upstream.exchange();
    expect(head).toMatchObject({ remoteAddress: '127.0.0.1', isEncrypted: false });
    expect(head.rawHeaders.filter((_, i) => i % 2 === 0)).toEqual([
      'Host',
      'X-Request-Id',
      'X-Own',
      'Connection',
    ]);
    expect(control.id).not.toBe('theirs');
    expect(answer).toContain(`X-Request-Id: ${control.id}\r\n`);
  });
});
