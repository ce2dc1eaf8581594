/**
 * The epgm transport (zmq_pgm(7)): reliable multicast, PGM inside UDP, over IPv4. Publishers send to a group and subscribers listen
 * to it; nobody connects to anybody, so `bind` and `connect` mean the same, and no handshake, security or heartbeat of ZMTP applies.
 */

import { networkInterfaces } from 'node:os';
import { fail } from '../../errors.ts';
import type { ResolvedSocketOptions } from '../../options.ts';
import { parseEndpoint } from '../endpoint.ts';
import type { Dialer, Listener, PipeHost, Transport } from '../transport.ts';
import { parseGroupAddress } from './group-address.ts';
import { GroupReceiver } from './group-receiver.ts';
import { GroupSender } from './group-sender.ts';

/** The smallest packets leave some room beside their headers. */
const PACKET_BYTES_MIN = 100;
const PACKET_BYTES_MAX = 65_535;

/** `epgm://` */
export const epgmTransport: Transport = {
  bindsByConnecting: true,

  async bind(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Promise<Listener> {
    return open(endpoint, host, options);
  },

  bindSync: open,

  connect: open,
};

function open(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Dialer {
  const { socketType } = host;
  const sends = socketType === 'PUB' || socketType === 'XPUB';
  if (!sends && socketType !== 'SUB' && socketType !== 'XSUB') {
    fail(
      'ENOCOMPATPROTO',
      `Multicast is for Publisher, XPublisher, Subscriber and XSubscriber; a ${socketType} cannot use ${endpoint}.`,
      { endpoint },
    );
  }
  const { multicastMaxTransportDataUnit: packetBytes } = options;
  if (packetBytes < PACKET_BYTES_MIN || packetBytes > PACKET_BYTES_MAX) {
    fail(
      'EINVAL',
      `multicastMaxTransportDataUnit is from ${PACKET_BYTES_MIN} to ${PACKET_BYTES_MAX} where an endpoint is multicast; got ${packetBytes} (${endpoint}).`,
      { endpoint },
    );
  }
  const { address } = parseEndpoint(endpoint);
  const group = parseGroupAddress(address, endpoint, networkInterfaces());
  return sends
    ? new GroupSender(endpoint, group, host, options)
    : new GroupReceiver(endpoint, group, host, options);
}
