/**
 * Follows names in DNS: asks, tells what changed, and asks again when the answer is no longer to be believed.
 *
 * Asks the name servers itself (node:dns, c-ares), so nothing waits in a thread and the TTL is known; `/etc/hosts` is not read. One
 * question at a time for each name. Timers hold no process.
 */

import { Resolver } from 'node:dns/promises';
import { ZscaleError } from '../errors.ts';
import {
  type AddressRecord,
  type Answer,
  compare,
  endpointsOf,
  type Finding,
  type HostAnswer,
  type KnownHost,
  learn,
  NOTHING_KNOWN,
  nextLookUp,
  parseSource,
  type Source,
} from './records.ts';

/** How long one name server may take, in ms, and how often it is asked. */
const QUERY_TIMEOUT_MS = 2000;
const QUERY_TRIES = 2;

/** Answers that say that there is nothing, as opposed to none. */
const NOTHING_THERE: ReadonlySet<unknown> = new Set(['ENODATA', 'ENOTFOUND']);

/** Whom a discovery tells. */
export interface DiscoverySink {
  /** Endpoints came or went. */
  endpointsChanged(added: readonly string[], removed: readonly string[]): void;
  /** A name could not be looked up, or has no address; what was known of it is kept. Told once until it can. */
  lookUpFailed(source: string, reason: string): void;
}

/** How to look names up. */
export interface DiscoveryOptions {
  /** Name servers, `address` or `address:port`; undefined for those of the system. */
  readonly servers?: readonly string[] | undefined;
}

/** A name, and what is known of it. */
interface Followed {
  readonly source: Source;
  /** By `host:port`, in the order of the answer. */
  hosts: ReadonlyMap<string, { readonly port: number; readonly host: KnownHost }>;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

/** Follows some names. */
export class Discovery {
  readonly #sink: DiscoverySink;
  readonly #resolver: Resolver;
  readonly #followed: readonly Followed[];
  #endpoints: readonly string[] = [];
  /** The code of the last question that failed; for the log. */
  #reason = '';
  #closed = false;

  /**
   * @param names as `records.ts` has them
   * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for a text that is no such name
   */
  constructor(names: readonly string[], sink: DiscoverySink, options: DiscoveryOptions = {}) {
    this.#sink = sink;
    this.#followed = names.map((name) => ({
      source: parseSource(name),
      hosts: new Map(),
      failures: 0,
      timer: undefined,
    }));
    this.#resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
    if (options.servers !== undefined) setServers(this.#resolver, options.servers);
  }

  /** Asks for the first time. */
  start(): void {
    for (const followed of this.#followed) void this.#lookUp(followed);
  }

  /** Asks no more, and tells nothing more. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { timer } of this.#followed) clearTimeout(timer);
    this.#resolver.cancel();
  }

  async #lookUp(followed: Followed): Promise<void> {
    const { source } = followed;
    const ttl =
      source.kind === 'dns'
        ? await this.#lookUpHost(followed)
        : await this.#lookUpService(followed);
    if (this.#closed) return;
    const isFirstFailure = ttl === undefined && followed.failures === 0;
    followed.failures = ttl === undefined ? followed.failures + 1 : 0;
    if (isFirstFailure) this.#sink.lookUpFailed(source.text, this.#reason);
    const delay = nextLookUp(ttl, followed.failures, Math.random());
    followed.timer = setTimeout(() => void this.#lookUp(followed), delay).unref();
    this.#tell();
  }

  /** @returns how long the answer may be believed, ms; undefined where it failed */
  async #lookUpHost(followed: Followed): Promise<number | undefined> {
    const { name, port } = followed.source;
    const { host, ttl } = await this.#ask(followed, name, port);
    followed.hosts = new Map([[`${name}:${port}`, { port, host }]]);
    return ttl;
  }

  async #lookUpService(followed: Followed): Promise<number | undefined> {
    const targets = await this.#answer(this.#resolver.resolveSrv(followed.source.name));
    if (targets === undefined || targets.length === 0) return undefined;
    const hosts = new Map<string, { port: number; host: KnownHost }>();
    const findings = await Promise.all(
      targets.map(async ({ name, port }) => {
        const { host, ttl } = await this.#ask(followed, name, port);
        hosts.set(`${name}:${port}`, { port, host });
        return ttl;
      }),
    );
    followed.hosts = hosts;
    // Node does not tell the TTL of SRV records; those of the targets stand for it.
    const known = findings.filter((ttl) => ttl !== undefined);
    return known.length < findings.length ? undefined : Math.min(...known);
  }

  async #ask(followed: Followed, name: string, port: number): Promise<Finding> {
    const known = followed.hosts.get(`${name}:${port}`)?.host ?? NOTHING_KNOWN;
    const [ipv4, ipv6] = await Promise.all([
      this.#answer(this.#resolver.resolve4(name, { ttl: true })),
      this.#answer(this.#resolver.resolve6(name, { ttl: true })),
    ]);
    const answer: HostAnswer = { ipv4: inMilliseconds(ipv4), ipv6: inMilliseconds(ipv6) };
    return learn(known, answer);
  }

  async #answer<T>(question: Promise<T[]>): Promise<Answer<T>> {
    try {
      return await question;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : error;
      this.#reason = String(code);
      return NOTHING_THERE.has(code) ? [] : undefined;
    }
  }

  #tell(): void {
    const hosts = this.#followed.flatMap((followed) => [...followed.hosts.values()]);
    const endpoints = [...new Set(hosts.flatMap(({ host, port }) => endpointsOf(host, port)))];
    const { added, removed } = compare(this.#endpoints, endpoints);
    this.#endpoints = endpoints;
    if (added.length + removed.length > 0) this.#sink.endpointsChanged(added, removed);
  }
}

function inMilliseconds(answer: Answer<AddressRecord>): Answer<AddressRecord> {
  return answer?.map(({ address, ttl }) => ({ address, ttl: ttl * 1000 }));
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what is no address */
function setServers(resolver: Resolver, servers: readonly string[]): void {
  try {
    resolver.setServers(servers);
  } catch (cause) {
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      `dnsServers must be IP addresses, with a port or without: 10.0.0.10, [::1]:53; got ${JSON.stringify(servers)}.`,
      { cause },
    );
  }
}
