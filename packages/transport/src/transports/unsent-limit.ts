/**
 * Gives a tcp connection up whose bytes the system has not taken for a time (zmq_setsockopt(3), `ZMQ_TCP_MAXRT`).
 *
 * libzmq has the system count from the last byte the peer acknowledged (`TCP_USER_TIMEOUT`), which a program on Node cannot set. What can
 * be seen here is whether the system still takes bytes: with a peer that is gone it stops when its send buffer is full.
 */

import type { Socket as NetSocket } from 'node:net';
import { TransportError } from '../errors.ts';

/**
 * How often it is looked, per limit. Looks are counted and not time: when this process itself stood still, no byte went either, and
 * that is not the peer's doing.
 */
const LOOKS = 8;

/** Node's handle of a stream, of which we need what libuv has not yet given to the system. It is not documented, so it may be missing. */
type WithHandle = NetSocket & { readonly _handle?: { readonly writeQueueSize?: number } | null };

/** Destroys `socket` with ETIMEDOUT once it made no progress for `limit` ms while it had something to write. Ends with the socket. */
export function limitUnsent(socket: NetSocket, limit: number): void {
  let progress = -1;
  let idle = 0;
  const look = (): void => {
    // What whole writes have taken, and what a write that is under way has.
    const queued = (socket as WithHandle)._handle?.writeQueueSize ?? 0; // see WithHandle
    const taken = socket.bytesWritten - socket.writableLength - queued;
    if (socket.writableLength === 0 || taken !== progress) {
      progress = taken;
      idle = 0;
      return;
    }
    idle += 1;
    if (idle >= LOOKS) {
      socket.destroy(
        new TransportError(
          'ETIMEDOUT',
          `The system took no byte for ${limit} ms (tcpMaxRetransmitTimeout): the peer is gone or does not read.`,
        ),
      );
    }
  };
  const timer = setInterval(look, Math.max(1, Math.ceil(limit / LOOKS))).unref();
  socket.once('close', () => clearInterval(timer));
}
