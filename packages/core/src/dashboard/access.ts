/**
 * Who may see the dashboard, and who may change something there.
 *
 *     without a token   only who comes from this machine: the address is a loopback one, and so is the Host that was asked for, or a
 *                       page of another site could have its name resolved to 127.0.0.1 and would be let in
 *     with a token      whoever has it: in an Authorization header, or in the cookie that a browser is given for it once
 *
 * Either way, what another site's page makes a browser ask for is refused, but for following a link to the page.
 * Pure but for the answers' headers. Secrets are compared in constant time, and none is in a cookie or a text.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '../exposure.ts';

/** The header that every change needs. No page of another site can send it without being asked first, and it is never allowed. */
export const ACTION_HEADER = 'x-zscale-action';

/** Hexadecimal digits of the token's hash in the cookie's name: cookies know no ports, and services on one host have several. */
const NAME_DIGITS = 8;

/** Why somebody is not let in. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly text: string;
}

/** What decides. */
export interface AccessOptions {
  /** What lets people in; undefined for nothing. */
  readonly token: string | undefined;
  /** Whether other machines can reach the address. */
  readonly isExposed: boolean;
}

/** See the top of the file. */
export class Access {
  readonly #options: AccessOptions;
  readonly #digest: Buffer | undefined;
  readonly #cookieName: string;
  readonly #cookieValue: string;

  constructor(options: AccessOptions) {
    const { token } = options;
    this.#options = options;
    this.#digest = token === undefined ? undefined : digestOf(token);
    const secretFor = (what: string): Buffer =>
      createHmac('sha256', token ?? '')
        .update(`zscale dashboard ${what}`)
        .digest();
    this.#cookieName = `zscale_${secretFor('name').toString('hex').slice(0, NAME_DIGITS)}`;
    this.#cookieValue = secretFor('cookie').toString('base64url');
  }

  /** Why the request is refused whoever it is from; undefined when it is not. */
  refusePlace(request: IncomingMessage): Refusal | undefined {
    const { token, isExposed } = this.#options;
    if (token === undefined && isExposed) {
      return forbid(
        'The dashboard is closed: other machines can reach this address, and there is no token. Start the service with ' +
          '--admin-token-file <file> (option adminTokenFile), or with a loopback address, as in --admin http://127.0.0.1:9090.',
      );
    }
    if (token === undefined && !isLoopbackHost(hostnameOf(request.headers.host))) {
      return forbid(
        'Without a token the dashboard answers only as localhost, 127.0.0.1 or [::1], and it was asked for by another name. ' +
          'Behind a proxy, start the service with --admin-token-file <file> (option adminTokenFile).',
      );
    }
    return isFromElsewhere(request) ? forbid('A page of another site asked for this.') : undefined;
  }

  /** Why the request is refused for lack of the token; undefined when it is not. */
  refuseStranger(request: IncomingMessage): Refusal | undefined {
    if (this.#digest === undefined) return undefined;
    const [, bearer] = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
    if (bearer !== undefined && this.isToken(bearer)) return undefined;
    const expected = digestOf(this.#cookieValue);
    for (const value of cookiesOf(request.headers.cookie, this.#cookieName)) {
      if (timingSafeEqual(digestOf(value), expected)) return undefined;
    }
    return { status: 401, text: 'The token is needed: Authorization: Bearer <token>.' };
  }

  /** Whether a text is the token; never when there is none. */
  isToken(text: string): boolean {
    return this.#digest !== undefined && timingSafeEqual(digestOf(text), this.#digest);
  }

  /** What a browser keeps instead of the token, until it is closed: a value for `Set-Cookie`. */
  get cookie(): string {
    return `${this.#cookieName}=${this.#cookieValue}; Path=/; HttpOnly; SameSite=Strict`;
  }
}

/** Digests have one length, whatever came, and say nothing about how much of it was right. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Whether a browser says that another site's page asks. One that says nothing is no browser, or an old one. */
function isFromElsewhere({ headers, method }: IncomingMessage): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const isLink = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
  if (site !== undefined) return site !== 'same-origin' && site !== 'none' && !isLink;
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== host;
}

function hostnameOf(host: string | undefined): string {
  try {
    return new URL(`http://${host ?? ''}`).hostname;
  } catch {
    return ''; // no host has that name
  }
}

function cookiesOf(header: string | undefined, name: string): string[] {
  return (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}

function forbid(text: string): Refusal {
  return { status: 403, text };
}
