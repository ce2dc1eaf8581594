/** How much the two windows of multicast hold: what the rate brings in the recovery interval (zmq_pgm(7)), as OpenPGM counts it. */

import type { ResolvedSocketOptions } from '../../options.ts';

/** The most packets that numbers of 32 bits can tell apart. */
const PACKETS_MAX = 0x3fff_ffff;

/** A window, of at least one packet. */
export interface WindowSize {
  readonly packets: number;
  readonly bytes: number;
}

/** The window of these options. */
export function windowOf(options: ResolvedSocketOptions): WindowSize {
  const { rate, recoveryInterval, multicastMaxTransportDataUnit: packetBytes } = options;
  const bytesPerMs = Math.floor(rate / 8);
  const wanted = Math.floor((recoveryInterval * bytesPerMs) / packetBytes);
  const packets = Math.min(Math.max(wanted, 1), PACKETS_MAX);
  return { packets, bytes: packets * packetBytes };
}
