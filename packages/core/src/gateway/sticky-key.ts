/**
 * What makes requests of HTTP belong together, so that they go to the same worker (`balance: 'hash'`): a cookie, a header, a
 * parameter of the query, or the client's address.
 *
 * A cookie that a client does not have yet is made and given to it with the answer. Where a header or a parameter is missing, the
 * connection stands in for it.
 */

import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ZscaleError } from '../errors.ts';

/** What a key is taken from. */
export type StickyRule =
  | { readonly by: 'address' }
  | { readonly by: 'cookie' | 'header' | 'query'; readonly name: string };

/** The key of one request. */
export interface StickyKey {
  readonly key: string;
  /** The value of `Set-Cookie` for a client that has no cookie yet. */
  readonly cookie: string | undefined;
}

/** The longest that a control frame takes; longer ones are hashed. */
const MAX_KEY_CHARACTERS = 128;
const COOKIE_BYTES = 12;
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` */
export function parseStickyRule(text: string): StickyRule {
  if (text === 'address') return { by: 'address' };
  const [, by, name = ''] = /^(cookie|header|query):(.+)$/s.exec(text) ?? [];
  const isToken = by === 'query' ? name !== '' : TOKEN.test(name);
  if ((by === 'cookie' || by === 'header' || by === 'query') && isToken) {
    return { by, name: by === 'header' ? name.toLowerCase() : name };
  }
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `sticky takes cookie:NAME, header:NAME, query:NAME or address; got ${JSON.stringify(text)}.`,
  );
}

/** @param address the client's, as the rule for proxies says; @param encrypted whether a cookie is for TLS alone */
export function stickyKeyOf(
  rule: StickyRule,
  request: IncomingMessage,
  { address, encrypted }: { readonly address: string; readonly encrypted: boolean },
): StickyKey {
  switch (rule.by) {
    case 'address':
      return { key: address, cookie: undefined };
    case 'cookie': {
      const value = cookieOf(request.headers.cookie, rule.name);
      if (value !== undefined && value !== '') return { key: bounded(value), cookie: undefined };
      const fresh = randomBytes(COOKIE_BYTES).toString('base64url');
      const secure = encrypted ? '; Secure' : '';
      const cookie = `${rule.name}=${fresh}; Path=/; HttpOnly; SameSite=Lax${secure}`;
      return { key: fresh, cookie };
    }
    case 'header': {
      const value = request.headers[rule.name];
      return of(Array.isArray(value) ? value[0] : value, request);
    }
    case 'query':
      return of(parameterOf(request.url, rule.name), request);
  }
}

function of(value: string | undefined, { socket }: IncomingMessage): StickyKey {
  const key = value ? bounded(value) : `${socket.remoteAddress ?? ''} ${socket.remotePort ?? ''}`;
  return { key, cookie: undefined };
}

function bounded(value: string): string {
  if (value.length <= MAX_KEY_CHARACTERS) return value;
  return createHash('sha256').update(value).digest('base64url');
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

function parameterOf(url: string | undefined, name: string): string | undefined {
  const question = url?.indexOf('?') ?? -1;
  if (url === undefined || question < 0) return undefined;
  return new URLSearchParams(url.slice(question + 1)).get(name) ?? undefined;
}
