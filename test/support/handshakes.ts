/*
 * Waiting until a socket knows its peers.
 */
import type { Socket } from '@zscale/transport';
import { until } from './until.ts';

/** Counts the handshakes of `socket` from now on. */
export class Handshakes {
  #count = 0;

  constructor(socket: Socket) {
    socket.events.on('handshake', () => {
      this.#count += 1;
    });
  }

  get count(): number {
    return this.#count;
  }

  /** Resolves once there were so many. */
  async reach(count: number): Promise<void> {
    await until(
      () => this.#count >= count,
      () => `${count} handshakes; there were ${this.#count}`,
    );
  }
}
