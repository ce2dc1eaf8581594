/**
 * How long a dialer waits before it tries again (RFC 37, "Connection": a possibly randomized interval, so that clients do
 * not storm a server that comes back; zmq_setsockopt(3), `ZMQ_RECONNECT_IVL` and `ZMQ_RECONNECT_IVL_MAX`).
 */

/** The two options a wait depends on. */
export interface BackoffOptions {
  readonly reconnectInterval: number;
  readonly reconnectMaxInterval: number;
}

/**
 * The wait before try number `attempt` (0 is the first after a loss), in ms: the interval, doubled with each attempt up to
 * the maximum where there is one, and a random part of up to one interval on top.
 *
 * @param random a number from 0 up to but not including 1.
 * @returns undefined when it is not to be tried again (`reconnectInterval` 0 or -1).
 */
export function reconnectDelay(
  options: BackoffOptions,
  attempt: number,
  random: number,
): number | undefined {
  const { reconnectInterval, reconnectMaxInterval } = options;
  if (reconnectInterval <= 0) return undefined;
  const grown =
    reconnectMaxInterval > 0
      ? Math.min(
          reconnectInterval * 2 ** attempt,
          Math.max(reconnectInterval, reconnectMaxInterval),
        )
      : reconnectInterval;
  return grown + Math.floor(random * reconnectInterval);
}
