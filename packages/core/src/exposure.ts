/**
 * Whether others than this machine can reach an endpoint, and what a service without keys may be bound to. What cannot be decided
 * counts as reachable.
 */

import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ZscaleError } from './errors.ts';
import type { Logger } from './logger.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Interfaces and names as the decision needs them; the system's own by default. */
export interface NameFacts {
  /** The addresses of an interface of this machine; none when there is no such interface. */
  addressesOf(interfaceName: string): readonly string[];
  /** The addresses of a host name; none when it has none. */
  lookup(name: string): Promise<readonly string[]>;
}

/** What the system says. */
const SYSTEM: NameFacts = {
  addressesOf: (name) => (networkInterfaces()[name] ?? []).map(({ address }) => address),
  lookup: async (name) => {
    try {
      return (await lookup(name, { all: true })).map(({ address }) => address);
    } catch {
      return []; // a name without an address: the bind will say so
    }
  },
};

/** Whether an endpoint that is bound, or is to be bound, can be reached from another machine. */
export async function isBeyondLoopback(
  endpoint: string,
  facts: NameFacts = SYSTEM,
): Promise<boolean> {
  if (!endpoint.startsWith('tcp://')) return false;
  const address = endpoint.slice(endpoint.lastIndexOf(';') + 1).replace(/^tcp:\/\//, '');
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const literal = host.replace(/%.*$/, '');
  if (isIP(literal) !== 0) return !isLoopback(literal);
  if (host === '*') return true;
  const ofInterface = facts.addressesOf(host);
  const addresses = ofInterface.length > 0 ? ofInterface : await facts.lookup(host);
  return addresses.length === 0 || !addresses.every(isLoopback);
}

/** Whether a host, as it stands in a URL, is a name or an address of this machine's loopback by what it says. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return isLoopback(bare);
  return bare.toLowerCase() === 'localhost'; // RFC 6761: it is never another machine's
}

/**
 * For a service without CURVE: warns of front ends that other machines can reach.
 *
 * @throws (rejects) ZscaleError `ZSCALE_ERR_INSECURE` for a back end that they can reach: whoever connects there is given requests
 */
export async function checkExposure(
  { bind, backend }: { readonly bind: readonly string[]; readonly backend: readonly string[] },
  logger: Logger,
): Promise<void> {
  for (const endpoint of backend) {
    if (await isBeyondLoopback(endpoint)) {
      throw new ZscaleError(
        'ZSCALE_ERR_INSECURE',
        `the back end ${endpoint} can be reached from other machines, and whoever connects there is given requests. ` +
          'Give the service keys (curve; zscale keygen makes them), or say that the network is trusted: insecure: true, --insecure.',
      );
    }
  }
  const open: string[] = [];
  for (const endpoint of bind) if (await isBeyondLoopback(endpoint)) open.push(endpoint);
  if (open.length === 0) return;
  logger.warn(
    { endpoints: open },
    'clients on other machines are neither encrypted nor known: give the service keys (curve), or say that this is meant (insecure)',
  );
}

function isLoopback(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return LOOPBACK.check(mapped, 'ipv4');
  return LOOPBACK.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
