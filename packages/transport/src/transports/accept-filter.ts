/** Which peers a tcp listener takes, by their address (zmq_setsockopt(3), `ZMQ_TCP_ACCEPT_FILTER`). */

import { BlockList, isIP } from 'node:net';
import { parseAddressRange } from '../cidr.ts';
import { fail } from '../errors.ts';

/** A set of address ranges; IPv4 ones also hold for the `::ffff:` form by which a dual-stack listener sees IPv4 peers. */
export class AcceptFilter {
  readonly #ranges = new BlockList(); // the name is Node's; it only tells whether an address is in the list

  /**
   * @param filters `address` or `address/bits`.
   * @param endpoint for the error text.
   * @throws TransportError `EINVAL` for a malformed filter.
   */
  constructor(filters: readonly string[], endpoint: string) {
    for (const filter of filters) {
      const range = parseAddressRange(filter);
      if (range === undefined) {
        fail(
          'EINVAL',
          `Cannot listen on ${endpoint}: a tcpAcceptFilter is an IPv4 or IPv6 address with an optional /bits; got ${JSON.stringify(filter)}.`,
          { endpoint },
        );
      }
      this.#ranges.addSubnet(range.address, range.bits, range.family);
    }
  }

  /** Whether a peer from this address may stay; one that is gone already (undefined) may not. */
  admits(remoteAddress: string | undefined): boolean {
    if (remoteAddress === undefined) return false;
    return this.#ranges.check(remoteAddress, isIP(remoteAddress) === 6 ? 'ipv6' : 'ipv4');
  }
}
