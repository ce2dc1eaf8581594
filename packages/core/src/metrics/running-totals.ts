/**
 * Totals of workers that never fall: what a process counts begins at 0 with each process, so what one had counted at its end is kept
 * for its worker. A process that said nothing before its end adds nothing; one that dies adds what it said last.
 */

/** Numbers that a process counts, always the same ones in the same order. */
export type Totals = readonly number[];

/** Totals by worker, of processes that come and go. */
export class RunningTotals {
  readonly #base = new Map<number, Totals>();
  readonly #present = new Map<number, { readonly worker: number; readonly totals: Totals }>();

  /** What a process has counted so far. @param process a number that no other has. */
  set(process: number, worker: number, totals: Totals): void {
    this.#present.set(process, { worker, totals });
  }

  /** A process has ended. */
  ended(process: number): void {
    const last = this.#present.get(process);
    if (last === undefined) return;
    this.#present.delete(process);
    this.#base.set(last.worker, sum(this.#base.get(last.worker), last.totals));
  }

  /** The totals of each worker that has ever said something. */
  read(): ReadonlyMap<number, Totals> {
    const all = new Map(this.#base);
    for (const { worker, totals } of this.#present.values()) {
      all.set(worker, sum(all.get(worker), totals));
    }
    return all;
  }
}

function sum(one: Totals | undefined, other: Totals): Totals {
  return other.map((n, i) => n + (one?.[i] ?? 0));
}
