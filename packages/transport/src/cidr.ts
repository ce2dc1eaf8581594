/** Ranges of IP addresses as they are written: `address/bits` (RFC 4632, RFC 4291 section 2.3). Pure: no name is looked up. */

import { isIP } from 'node:net';

/** The addresses whose first `bits` bits are those of `address`. */
export interface AddressRange {
  /** Without brackets or zone. Bits behind the first `bits` have no meaning. */
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** @returns undefined for what is no range; an address without `/bits` is a range of one. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return undefined;
  const most = version === 4 ? 32 : 128;
  const digits = slash < 0 ? String(most) : text.slice(slash + 1);
  const bits = /^\d{1,3}$/.test(digits) ? Number(digits) : -1;
  if (bits < 0 || bits > most) return undefined;
  return { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}
