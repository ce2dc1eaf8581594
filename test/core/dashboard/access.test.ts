import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Access } from '../../../packages/core/src/dashboard/access.ts';

const TOKEN = 'correct-horse-battery-staple';

const open = new Access({ token: undefined, isExposed: false });
const locked = new Access({ token: TOKEN, isExposed: true });

function request(headers: Readonly<Record<string, string>>, method = 'GET'): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { method, headers });
}

describe('without a token', () => {
  it.each([
    'localhost',
    'localhost:9090',
    'LOCALHOST',
    '127.0.0.1:9090',
    '127.8.8.8',
    '[::1]:9090',
  ])('answers as %s', (host) => {
    expect(open.refusePlace(request({ host }))).toBeUndefined();
    expect(open.refuseStranger(request({ host }))).toBeUndefined();
  });

  it.each([
    'example.com',
    'localhost.example.com',
    '127.0.0.1.example.com',
    '10.0.0.1:9090',
    '[::2]',
    'a b',
    '',
  ])('does not answer as %j, which may have been made to mean this machine', (host) => {
    expect(open.refusePlace(request({ host }))).toMatchObject({ status: 403 });
  });

  it('does not answer a request without a host', () => {
    expect(open.refusePlace(request({}))).toMatchObject({ status: 403 });
  });

  it('is closed where other machines can reach it, and says what to do', () => {
    const closed = new Access({ token: undefined, isExposed: true });
    expect(closed.refusePlace(request({ host: 'localhost' }))).toEqual({
      status: 403,
      text: expect.stringMatching(/there is no token.*--admin-token-file/),
    });
    expect(closed.isToken('')).toBe(false);
  });
});

describe('with a token', () => {
  it.each([
    ['a bearer', { authorization: `Bearer ${TOKEN}` }],
    ['a bearer in small letters', { authorization: `bearer ${TOKEN}` }],
    ['its cookie', { cookie: locked.cookie.split(';')[0] ?? '' }],
    ['its cookie among others', { cookie: `a=1; ${locked.cookie.split(';')[0]}; b=2` }],
  ])('lets in %s, by whatever name', (_what, headers) => {
    const asked = request({ host: 'ops.example.com', ...headers });
    expect(locked.refusePlace(asked)).toBeUndefined();
    expect(locked.refuseStranger(asked)).toBeUndefined();
  });

  const [name = ''] = locked.cookie.split('=');
  it.each([
    ['nothing', {}],
    ['another bearer', { authorization: `Bearer ${TOKEN}x` }],
    ['a shorter one', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['no scheme', { authorization: TOKEN }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['the token as the cookie', { cookie: `${name}=${TOKEN}` }],
    ['an empty cookie', { cookie: `${name}=` }],
    [
      'the cookie of another token',
      {
        cookie: new Access({ token: `${TOKEN}2`, isExposed: true }).cookie,
      },
    ],
  ])('does not let in %s', (_what, headers) => {
    expect(locked.refuseStranger(request(headers))).toMatchObject({ status: 401 });
  });

  it('gives a cookie that scripts and other sites do not get, and that does not show the token', () => {
    expect(locked.cookie).toMatch(
      /^zscale_[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect(locked.cookie).not.toContain(TOKEN);
  });
});

describe.each([
  ['without a token', open],
  ['with a token', locked],
])('another site, %s', (_how, access) => {
  const host = 'localhost:9090';
  it.each([
    ['its origin', { origin: 'http://evil.example' }],
    ['an origin that is hidden', { origin: 'null' }],
    ['another port of the same machine', { origin: 'http://localhost:3000' }],
    ['what the browser says', { 'sec-fetch-site': 'cross-site' }],
    ['what the browser says of another port', { 'sec-fetch-site': 'same-site' }],
    [
      'what the browser says, whatever the origin',
      {
        'sec-fetch-site': 'cross-site',
        origin: `http://${host}`,
      },
    ],
    ['a form of it', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
  ])('is refused by %s', (_what, headers) => {
    expect(access.refusePlace(request({ host, ...headers }, 'POST'))).toMatchObject({
      status: 403,
      text: expect.stringContaining('another site'),
    });
  });

  it('may lead to the page by a link', () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect(access.refusePlace(request({ host, ...link }))).toBeUndefined();
  });

  it.each([
    ['by its origin', { origin: `http://${host}` }],
    ['by what the browser says', { 'sec-fetch-site': 'same-origin' }],
    [
      'behind a proxy that has another name',
      {
        'sec-fetch-site': 'same-origin',
        origin: 'https://ops.example.com',
      },
    ],
  ])('is not mistaken for the page itself %s', (_what, headers) => {
    expect(access.refusePlace(request({ host, ...headers }, 'POST'))).toBeUndefined();
  });
});
