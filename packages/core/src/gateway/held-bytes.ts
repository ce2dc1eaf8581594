/**
 * What the gateway holds for all its clients together: answers that they do not take, and short bodies that are not whole yet. Each
 * is bounded by itself; of a crowd that is still too much, so beyond a limit the one with the most is ended.
 */

/** Something that holds bytes. */
export interface Holder {
  /** It has the most, and all have too much: end it. */
  endGreediest(): void;
}

/** See the top of the file. */
export class HeldBytes {
  readonly #limit: number;
  readonly #held: Map<Holder, number>;
  #total: number;
  #ended: number;

  /** @param limit in bytes; Infinity for none */
  constructor(limit: number) {
    this.#limit = limit;
    this.#held = new Map();
    this.#total = 0;
    this.#ended = 0;
  }

  /** Of all together. */
  get total(): number {
    return this.#total;
  }

  /** How many were ended because they had the most. */
  get ended(): number {
    return this.#ended;
  }

  /** So many bytes more are held. May end the holder, or another. */
  add(holder: Holder, bytes: number): void {
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + bytes);
    this.#total += bytes;
    if (this.#total > this.#limit) this.#endGreediest();
  }

  /** It holds nothing any more. */
  forget(holder: Holder): void {
    const bytes = this.#held.get(holder);
    if (bytes === undefined) return;
    this.#held.delete(holder);
    this.#total -= bytes;
  }

  #endGreediest(): void {
    let greediest: Holder | undefined;
    let most = 0;
    for (const [holder, bytes] of this.#held) {
      if (bytes <= most) continue;
      greediest = holder;
      most = bytes;
    }
    if (greediest === undefined) return;
    this.forget(greediest);
    this.#ended += 1;
    greediest.endGreediest();
  }
}
