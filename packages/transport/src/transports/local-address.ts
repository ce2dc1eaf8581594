/**
 * Which of this machine's addresses is meant: by `*`, an interface's name, an IPv6 zone, a host name, or the option `interface`
 * (zmq_tcp(7); zmq_setsockopt(3), `ZMQ_BINDTODEVICE`).
 *
 * With the option `ipv6` every address is an IPv6 one, and IPv4 addresses have their `::ffff:` form, as in libzmq.
 */

import { promises as dns, V4MAPPED } from 'node:dns';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fail } from '../errors.ts';
import type { ResolvedSocketOptions } from '../options.ts';

/** The options that say which address is meant. */
export type LocalOptions = Pick<ResolvedSocketOptions, 'ipv6' | 'interface'>;

const LINK_LOCAL = /^fe[89ab]/i;

/**
 * The address to listen on.
 *
 * @throws (rejects) TransportError `ENODEV` for what is no address, interface or host; `EINVAL` for an unknown zone.
 */
export async function resolveLocal(
  name: string,
  options: LocalOptions,
  endpoint: string,
): Promise<string> {
  const known = knownLocal(name, options, endpoint);
  if (known !== undefined) return known;
  try {
    const wanted = options.ipv6 ? { family: 6, hints: V4MAPPED } : { family: 4 };
    return (await dns.lookup(name, wanted)).address;
  } catch (cause) {
    return fail(
      'ENODEV',
      `There is no interface, address or host ${JSON.stringify(name)} on this machine (${endpoint}). Use *, an address of this machine, or an interface name.`,
      { endpoint, cause },
    );
  }
}

/** As {@link resolveLocal}, with no look-up: of host names it knows `localhost` only. @throws TransportError as there. */
export function resolveLocalNow(name: string, options: LocalOptions, endpoint: string): string {
  const known = knownLocal(name, options, endpoint);
  if (known !== undefined) return known;
  if (name.toLowerCase() === 'localhost') return options.ipv6 ? '::ffff:127.0.0.1' : '127.0.0.1';
  return fail(
    'ENODEV',
    `${endpoint} is not *, an address, localhost or an interface of this machine. bindSync() looks no names up: use bind() for other host names.`,
    { endpoint },
  );
}

/** The address of an interface by the rules of the option `ipv6`; undefined when there is none. */
export function interfaceAddress(name: string, ipv6: boolean): string | undefined {
  const addresses = networkInterfaces()[name] ?? [];
  const v4 = addresses.find(({ family }) => family === 'IPv4')?.address;
  if (!ipv6) return v4;
  const v6 = addresses.filter(({ family }) => family === 'IPv6').map(({ address }) => address);
  const everywhere = v6.find((address) => !LINK_LOCAL.test(address));
  if (everywhere !== undefined) return everywhere;
  if (v4 !== undefined) return `::ffff:${v4}`;
  return v6[0] === undefined ? undefined : `${v6[0]}%${name}`;
}

/** Whether this machine has an interface of this name that is up. */
export function isInterface(name: string): boolean {
  return networkInterfaces()[name] !== undefined;
}

/**
 * An IPv6 address with its zone as the system wants it: by name. Others are given back as they are.
 *
 * @throws TransportError `EINVAL` for a zone that names no interface.
 */
export function withKnownZone(address: string, endpoint: string): string {
  const percent = address.indexOf('%');
  if (percent < 0) return address;
  const zone = address.slice(percent + 1);
  const name = isInterface(zone) ? zone : interfaceOfNumber(zone);
  if (name === undefined) {
    fail('EINVAL', `The zone ${JSON.stringify(zone)} in ${endpoint} is no interface that is up.`, {
      endpoint,
    });
  }
  return `${address.slice(0, percent)}%${name}`;
}

/** What needs no look-up; undefined for a host name. */
function knownLocal(name: string, options: LocalOptions, endpoint: string): string | undefined {
  const { ipv6 } = options;
  if (name === '*') {
    if (options.interface !== null) return addressOfOption(options.interface, ipv6, endpoint);
    return ipv6 ? '::' : '0.0.0.0';
  }
  const version = isIP(name);
  if (version === 4) return ipv6 ? `::ffff:${name}` : name;
  if (version === 6) {
    if (ipv6) return withKnownZone(name, endpoint);
    fail('ENODEV', `${endpoint} is an IPv6 address, and the option ipv6 is off. Set ipv6: true.`, {
      endpoint,
    });
  }
  return interfaceAddress(name, ipv6);
}

function addressOfOption(name: string, ipv6: boolean, endpoint: string): string {
  const address = interfaceAddress(name, ipv6);
  if (address !== undefined) return address;
  return fail(
    'ENODEV',
    `The option interface names ${JSON.stringify(name)}, which has no ${ipv6 ? '' : 'IPv4 '}address or does not exist (${endpoint}).`,
    { endpoint },
  );
}

/** Link-local addresses carry the number of their interface. */
function interfaceOfNumber(zone: string): string | undefined {
  if (!/^\d{1,9}$/.test(zone)) return undefined;
  const number = Number(zone);
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const each of addresses ?? []) {
      if (each.family === 'IPv6' && each.scopeid === number && number > 0) return name;
    }
  }
  return undefined;
}
