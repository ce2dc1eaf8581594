/**
 * Names that stand for endpoints, and what is to be done about each answer of DNS. Pure: answers in, endpoints and times out.
 *
 *     dns:<name>:<port>     every address of the name, A and AAAA, at this port
 *     srv:<name>            every target of the name's SRV records, at its own port
 *
 * What an answer does not say is kept: the addresses of a family that could not be asked for, and everything when the name has no
 * address at all. For a name without addresses is more often a name server that is behind than a service that wants nobody, and who
 * is gone ends the connections anyway.
 */

import { ZscaleError } from '../errors.ts';

/** A name to be followed. */
export interface Source {
  /** As it was given. */
  readonly text: string;
  readonly kind: 'dns' | 'srv';
  readonly name: string;
  /** Of `dns:`. */
  readonly port: number;
}

/** An address, and how long it may be believed, ms. */
export interface AddressRecord {
  readonly address: string;
  readonly ttl: number;
}

/** What became of one question: records; none, where the name or the type is not there; undefined where nobody answered. */
export type Answer<T> = readonly T[] | undefined;

/** The addresses of one host, by family. */
export interface HostAnswer {
  readonly ipv4: Answer<AddressRecord>;
  readonly ipv6: Answer<AddressRecord>;
}

/** What is known of one host at one port. */
export interface KnownHost {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** What is known now, and when to ask again. */
export interface Finding {
  readonly host: KnownHost;
  /** How long it may be believed, ms; undefined where the look-up failed. */
  readonly ttl: number | undefined;
}

/** What is known of a host before anything was asked. */
export const NOTHING_KNOWN: KnownHost = { ipv4: [], ipv6: [] };

/** Answers are believed for at least and at most so long, ms. */
const TTL_MIN_MS = 1000;
const TTL_MAX_MS = 60_000;
/** The wait after a first failure, doubled at each further one up to the longest, ms. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
/** A wait is spread over 75 % to 100 % of its value, so that many machines do not ask at once. */
const JITTER = 0.25;
const MAX_DOUBLINGS = 16;

const NAME = /^(?=.{1,253}$)[a-z\d_]([a-z\d_-]*[a-z\d_])?(\.[a-z\d_]([a-z\d_-]*[a-z\d_])?)*\.?$/i;
const PORT_MAX = 65_535;

/** Whether a text is meant as a name to be followed, and not as an endpoint. */
export function isSource(text: string): boolean {
  return /^(dns|srv):/.test(text);
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what is none */
export function parseSource(text: string): Source {
  const [, kind, rest = ''] = /^(dns|srv):(.*)$/.exec(text) ?? [];
  if (kind === 'srv' && NAME.test(rest)) return { text, kind, name: rest, port: 0 };
  const [, name = '', digits = ''] = /^(.*):(\d{1,5})$/.exec(rest) ?? [];
  const port = Number(digits);
  if (kind === 'dns' && NAME.test(name) && port >= 1 && port <= PORT_MAX) {
    return { text, kind, name, port };
  }
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `a name to follow is dns:<name>:<port>, such as dns:front.default.svc:5556, or srv:<name>, such as srv:_zscale._tcp.front; got ${JSON.stringify(text)}.`,
  );
}

/** What is known of a host after an answer. */
export function learn(known: KnownHost, { ipv4, ipv6 }: HostAnswer): Finding {
  const records = [...(ipv4 ?? []), ...(ipv6 ?? [])];
  if (records.length === 0) return { host: known, ttl: undefined };
  const isWhole = ipv4 !== undefined && ipv6 !== undefined;
  return {
    host: {
      ipv4: ipv4 === undefined ? known.ipv4 : ipv4.map(({ address }) => address),
      ipv6: ipv6 === undefined ? known.ipv6 : ipv6.map(({ address }) => address),
    },
    ttl: isWhole ? Math.min(...records.map(({ ttl }) => ttl)) : undefined,
  };
}

/** The endpoints of a host. */
export function endpointsOf({ ipv4, ipv6 }: KnownHost, port: number): string[] {
  return [
    ...ipv4.map((address) => `tcp://${address}:${port}`),
    ...ipv6.map((address) => `tcp://[${address}]:${port}`),
  ];
}

/**
 * How long until the next look-up, in whole ms.
 *
 * @param ttl how long the answer may be believed, ms; undefined after a failure
 * @param failures in a row, this one counted
 * @param random a number from 0 to 1
 */
export function nextLookUp(ttl: number | undefined, failures: number, random: number): number {
  const wait =
    ttl === undefined
      ? Math.min(RETRY_MIN_MS * 2 ** Math.min(failures - 1, MAX_DOUBLINGS), RETRY_MAX_MS)
      : Math.min(Math.max(ttl, TTL_MIN_MS), TTL_MAX_MS);
  return Math.round(wait * (1 - JITTER * random));
}

/** What is new in a list, and what is gone from it. */
export function compare(
  before: readonly string[],
  after: readonly string[],
): { readonly added: readonly string[]; readonly removed: readonly string[] } {
  return {
    added: [...new Set(after)].filter((item) => !before.includes(item)),
    removed: before.filter((item) => !after.includes(item)),
  };
}
