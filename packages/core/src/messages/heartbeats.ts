/**
 * `heartbeatTimeout` as the sockets of core give it to the transport: PINGs, and the silence after one of them, that together are
 * over when it is.
 */

/** A part of the timeout for the time until the next PING; the rest is for its answer. */
const INTERVAL_PART = 1 / 3;

/** Two socket options of the transport, in ms. */
export interface HeartbeatOptions {
  readonly heartbeatInterval: number;
  readonly heartbeatTimeout: number;
}

/**
 * For those who dial another machine: a link that is back is noticed within seconds. Left alone, TCP asks less and less often; and
 * whoever was let in while the link died waits for a handshake that does not come.
 */
export const PATIENCE_OF_DIALERS = { connectTimeout: 3000, handshakeInterval: 5000 } as const;

/** @param timeout ms from 3 until a silent peer is given up; Infinity never asks. */
export function heartbeats(timeout: number = Infinity): HeartbeatOptions {
  if (timeout === Infinity) return { heartbeatInterval: 0, heartbeatTimeout: 0 };
  const heartbeatInterval = Math.max(Math.floor(timeout * INTERVAL_PART), 1);
  return {
    heartbeatInterval,
    heartbeatTimeout: Math.max(Math.floor(timeout) - heartbeatInterval, 1),
  };
}
