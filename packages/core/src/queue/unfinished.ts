/**
 * What clients have sent of requests that are not whole: bounded for all clients together, so that many who begin a large request and
 * never end it take no more memory than the queue may have. One alone may have one, which `maxMessageSize` bounds.
 */

import type { Pipe } from '@zscale/transport';

/** Counts the bytes of unfinished requests, and says who has too many. */
export class Unfinished {
  readonly #limit: number;
  readonly #bytes = new Map<Pipe, number>();
  #total = 0;

  /** @param limit in bytes, for all clients together; Infinity for none. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of all of them. */
  get total(): number {
    return this.#total;
  }

  /** A client has so many now; 0 when its request is whole, or it is gone. Gives who has the most when all have too many. */
  set(pipe: Pipe, bytes: number): Pipe | undefined {
    this.#total += bytes - (this.#bytes.get(pipe) ?? 0);
    if (bytes === 0) this.#bytes.delete(pipe);
    else this.#bytes.set(pipe, bytes);
    return this.#total > this.#limit && this.#bytes.size > 1 ? this.#greediest() : undefined;
  }

  #greediest(): Pipe | undefined {
    let most = 0;
    let greediest: Pipe | undefined;
    for (const [pipe, bytes] of this.#bytes) {
      if (bytes <= most) continue;
      most = bytes;
      greediest = pipe;
    }
    return greediest;
  }
}
