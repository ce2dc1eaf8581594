/**
 * `maxMessageSize` as the three sockets of core give it to the transport.
 *
 * The transport's limits only protect memory: they are wider than what was asked for by what an envelope may add, and never so
 * narrow that a READY, a control frame or an error reply would not pass. Who sends and who receives compare exactly (`frames.ts`, `sizeOf`), so
 * that the answer is an error and not a closed connection.
 */

/** Frames up to this size pass whatever the limit of messages is: READY, control frames and error replies, in bytes. */
const FRAME_MIN_BYTES = 12 * 1024;
/** What an envelope may add to a message of the largest size, in bytes. */
const ENVELOPE_BYTES = 64 * 1024;

/** Two socket options of the transport, in bytes; -1 for no limit. */
export interface SocketLimits {
  readonly maxMessageSize: number;
  readonly maxMultipartSize: number;
}

/** @param maxMessageSize bytes; Infinity for no limit. */
export function socketLimits(maxMessageSize: number): SocketLimits {
  if (maxMessageSize === Infinity) return { maxMessageSize: -1, maxMultipartSize: -1 };
  return {
    maxMessageSize: Math.max(maxMessageSize, FRAME_MIN_BYTES),
    maxMultipartSize: maxMessageSize + ENVELOPE_BYTES,
  };
}
