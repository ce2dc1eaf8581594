/**
 * Who a client is when proxies stand in between: the addresses of proxies that are believed, and what they say.
 *
 * Without a rule the application gets what came, as it would without us: the address of whoever connected, and the headers as
 * they are, to judge by a rule of its own. With a rule, `X-Forwarded-*` and `Forwarded` of those that are trusted say the client's
 * address, and whether it came by TLS; those of others are lies until shown otherwise, and are taken away.
 *
 * A client can write anything to the left of what a proxy adds, so addresses are read from the right, and the first that is no
 * trusted proxy is the client. A Unix socket has no address: whoever may open its file is trusted.
 */

import { BlockList, isIP } from 'node:net';
import { ZscaleError } from '../errors.ts';

/** Names for addresses that belong together. */
const NAMED: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fe80::/10']],
  ['*', ['0.0.0.0/0', '::/0']],
]);

/** Headers in which proxies say what they know, in lower case. */
const FORWARDING = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-protocol',
  'x-forwarded-scheme',
  'x-forwarded-ssl',
  'x-real-ip',
]);

/** As many addresses are looked at in one request. */
const MAX_HOPS = 64;

/** Where a request came from. */
export interface Origin {
  /** Empty when unknown: a Unix socket. */
  address: string;
  /** 0 when unknown. */
  port: number;
  encrypted: boolean;
  /** Whether the connection is one of a trusted proxy's. */
  trusted: boolean;
}

/** The headers of a request, by lower-case name, as `node:http` has them. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The rule of one service. */
export class TrustedProxies {
  readonly #list: BlockList;

  /** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what is no address, no range of addresses and no name of one */
  constructor(ranges: readonly string[]) {
    this.#list = new BlockList();
    for (const range of ranges) {
      for (const plain of NAMED.get(range) ?? [range]) this.#add(plain, range);
    }
  }

  /** Corrects what is known of a request from its connection by what trusted proxies say. */
  correct(origin: Origin, headers: Headers): void {
    origin.trusted = this.trusts(origin.address);
    if (!origin.trusted) return;
    const forwarded = headers.forwarded;
    if (typeof forwarded === 'string') this.#followForwarded(origin, forwarded);
    else this.#followForwardedFor(origin, headers);
  }

  /** Whether this is the address of a trusted proxy; that of a Unix socket is empty. */
  trusts(address: string): boolean {
    if (address === '') return true;
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 6 ? 'ipv6' : 'ipv4');
  }

  /** Takes away what somebody said who is not to be believed. @returns the list itself when there is nothing */
  withoutClaims(rawHeaders: string[]): string[] {
    for (let i = 0; i < rawHeaders.length; i += 2) {
      if (!isForwarding(rawHeaders[i])) continue;
      return rawHeaders.filter((_, at) => !isForwarding(rawHeaders[at - (at % 2)]));
    }
    return rawHeaders;
  }

  #add(range: string, given: string): void {
    const [address = '', prefix] = range.split('/');
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    const length = prefix === undefined ? bits : Number(prefix);
    const isLength = prefix === undefined || (/^\d{1,3}$/.test(prefix) && length <= bits);
    if (version === 0 || !isLength || range.split('/').length > 2) {
      throw new ZscaleError(
        'ZSCALE_ERR_OPTIONS',
        `trustedProxies takes addresses (10.0.0.1), ranges of them (10.0.0.0/8, fc00::/7), loopback, private or *; got ${JSON.stringify(given)}.`,
      );
    }
    this.#list.addSubnet(address, length, version === 6 ? 'ipv6' : 'ipv4');
  }

  #followForwardedFor(origin: Origin, headers: Headers): void {
    const proto = lastOf(headers['x-forwarded-proto']);
    if (proto !== undefined) origin.encrypted = isSecure(proto);
    const hops = headers['x-forwarded-for'];
    if (typeof hops !== 'string') return;
    for (const hop of hops
      .split(',', MAX_HOPS * 2)
      .slice(-MAX_HOPS)
      .reverse()) {
      if (!this.#step(origin, hop.trim())) return;
    }
  }

  /** RFC 7239. */
  #followForwarded(origin: Origin, value: string): void {
    const elements = splitQuoted(value, ',').slice(-MAX_HOPS).reverse();
    for (const [i, element] of elements.entries()) {
      const pairs = splitQuoted(element, ';').map((pair) => pair.trim());
      const said = (name: string): string | undefined =>
        unquote(
          pairs.find((pair) => pair.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1),
        );
      const proto = said('proto');
      if (i === 0 && proto !== undefined) origin.encrypted = isSecure(proto);
      const hop = said('for');
      if (hop === undefined || !this.#step(origin, hop)) return;
    }
  }

  /** One address further from us. @returns whether it is one of a trusted proxy, which may know a further one */
  #step(origin: Origin, hop: string): boolean {
    const [, bracketed, plain, port] =
      /^(?:\[([\da-f:.]+)\]|([\da-f:.]+?))(?::(\d{1,5}))?$/i.exec(hop) ?? [];
    const whole = isIP(hop) === 6 && !hop.includes('%') ? hop : (bracketed ?? plain ?? '');
    if (isIP(whole) === 0) return false; // `unknown`, or a name made up: what is known is the proxy
    origin.address = whole;
    origin.port = isIP(hop) === 6 || port === undefined || Number(port) > 65_535 ? 0 : Number(port);
    return this.trusts(whole);
  }
}

function isForwarding(name: string | undefined): boolean {
  return name !== undefined && FORWARDING.has(name.toLowerCase());
}

/** The proxy next to us wrote the last one. */
function lastOf(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.at(-1) : value;
  return text?.slice(text.lastIndexOf(',') + 1).trim();
}

function isSecure(proto: string): boolean {
  return /^(https|wss)$/i.test(proto);
}

/** Splits where `separator` stands outside of quotes. */
function splitQuoted(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    if (isQuoted && text[i] === '\\') i += 1;
    else if (text[i] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && text[i] === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function unquote(text: string | undefined): string | undefined {
  if (text === undefined || !text.startsWith('"')) return text;
  return text.replace(/^"|"$/g, '').replaceAll(/\\(.)/g, '$1');
}
