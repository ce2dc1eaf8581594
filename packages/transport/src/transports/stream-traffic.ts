/**
 * What went over the streams that a socket accepted (tcp and ipc), in bytes: net.Socket counts them anyway, so nothing is done for
 * a message or a chunk. Those of streams that ended are added up, so the counts never fall.
 */

import type { Socket as NetSocket } from 'node:net';

/** Counts since the socket was made. */
export interface TrafficStats {
  /** Connections that are open, their handshake included. */
  readonly connections: number;
  /** Connections that were accepted. */
  readonly accepted: number;
  readonly receivedBytes: number;
  /** What was given to the system, and what waits for that. */
  readonly sentBytes: number;
}

/** The accepted streams of one socket. */
export class StreamTraffic {
  readonly #open = new Set<NetSocket>();
  #accepted = 0;
  #receivedBytes = 0;
  #sentBytes = 0;

  /** A stream was accepted. */
  opened(stream: NetSocket): void {
    this.#accepted += 1;
    this.#open.add(stream);
  }

  /** It was destroyed. */
  closed(stream: NetSocket): void {
    if (!this.#open.delete(stream)) return;
    this.#receivedBytes += stream.bytesRead;
    this.#sentBytes += stream.bytesWritten;
  }

  /** A snapshot; looks at every open stream. */
  stats(): TrafficStats {
    let receivedBytes = this.#receivedBytes;
    let sentBytes = this.#sentBytes;
    for (const { bytesRead, bytesWritten } of this.#open) {
      receivedBytes += bytesRead;
      sentBytes += bytesWritten;
    }
    return { connections: this.#open.size, accepted: this.#accepted, receivedBytes, sentBytes };
  }
}
