/**
 * How long it takes from a worker's death until its clients know, and until another one serves in its place. Times are ms.
 */

import type { Server } from '@zscale/core';

/** Of several waits: how many there were, the one in the middle, and the longest. */
export interface Waits {
  readonly count: number;
  readonly median: number;
  readonly longest: number;
}

/** Listens to a server and to the answers of its clients. */
export class Deaths {
  /** When workers were killed that did not end before. */
  readonly #kills: number[] = [];
  readonly #toldAfter: number[] = [];
  readonly #replacedAfter: number[] = [];

  constructor(server: Server) {
    const diedAt = new Map<number, number>();
    server.on('worker-exited', ({ id, expected }) => {
      if (!expected) diedAt.set(id, performance.now());
    });
    server.on('worker-ready', ({ id }) => {
      const at = diedAt.get(id);
      if (at === undefined) return;
      diedAt.delete(id);
      this.#replacedAfter.push(performance.now() - at);
    });
  }

  /** A worker is killed now. */
  killed(): void {
    this.#kills.push(performance.now());
  }

  /** A client is told that what it asked was lost with its worker, which was the last to be killed. */
  clientTold(): void {
    const at = this.#kills.at(-1);
    if (at !== undefined) this.#toldAfter.push(performance.now() - at);
  }

  /** From a kill until a client got `ZSCALE_ERR_WORKER_LOST`. */
  get told(): Waits {
    return waitsOf(this.#toldAfter);
  }

  /** From the end of a process until its place was taken by one that was ready; the delay of restarts is in it. */
  get replaced(): Waits {
    return waitsOf(this.#replacedAfter);
  }
}

function waitsOf(times: readonly number[]): Waits {
  const sorted = times.map(Math.round).sort((one, other) => one - other);
  const median = sorted[sorted.length >> 1] ?? 0;
  return { count: sorted.length, median, longest: sorted.at(-1) ?? 0 };
}
