/**
 * Durations counted in buckets that never change: what many requests took, in a few numbers.
 *
 * Made for hot paths: one observation is a short search among bounds and two additions in arrays of doubles, and makes no object.
 * Counts only grow, so two snapshots can be subtracted to know what was between them.
 */

/** Upper ends of the buckets, in ms, from 100 us to 60 s; what is longer falls in the last one. */
export const BUCKET_BOUNDS_MS: readonly number[] = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000,
];

/** What a histogram holds at a time. Nobody changes it. */
export interface HistogramSnapshot {
  /** Observations in each bucket alone, and those beyond the last bound: one more than there are bounds. */
  readonly counts: readonly number[];
  /** All observations. */
  readonly count: number;
  /** Of all of them, in ms. */
  readonly sum: number;
}

const BOUNDS = Float64Array.of(...BUCKET_BOUNDS_MS, Number.POSITIVE_INFINITY);
/** Where the sum is kept, behind the counts: as a field of the object it would be boxed anew each time. */
const SUM = BOUNDS.length;

/** A histogram of durations. */
export class Histogram {
  readonly #cells = new Float64Array(BOUNDS.length + 1);

  /** Counts one duration. @param ms from 0; NaN would spoil the sum. */
  observe(ms: number): void {
    const cells = this.#cells;
    let bucket = 0;
    while (ms > (BOUNDS[bucket] as number)) bucket += 1; // the last bound is Infinity
    cells[bucket] = (cells[bucket] as number) + 1; // there is a cell for each bound
    cells[SUM] = (cells[SUM] as number) + ms;
  }

  /** What was counted so far. */
  snapshot(): HistogramSnapshot {
    const counts = [...this.#cells.subarray(0, SUM)];
    return {
      counts,
      count: counts.reduce((sum, n) => sum + n, 0),
      sum: this.#cells[SUM] as number, // it is always there
    };
  }
}

/** What was observed after `earlier` and up to `later`, two snapshots of one histogram. */
export function between(earlier: HistogramSnapshot, later: HistogramSnapshot): HistogramSnapshot {
  return {
    counts: later.counts.map((n, i) => n - (earlier.counts[i] ?? 0)),
    count: later.count - earlier.count,
    sum: later.sum - earlier.sum,
  };
}

/** Several histograms as one. */
export function together(snapshots: readonly HistogramSnapshot[]): HistogramSnapshot {
  const counts = Array.from(BOUNDS, (_, i) =>
    snapshots.reduce((sum, one) => sum + (one.counts[i] ?? 0), 0),
  );
  return {
    counts,
    count: snapshots.reduce((sum, { count }) => sum + count, 0),
    sum: snapshots.reduce((sum, one) => sum + one.sum, 0),
  };
}

/**
 * The duration that a share of the observations did not exceed, in ms; undefined when there are none. Inside of a bucket it is
 * taken to grow evenly, so it is as exact as the buckets are; beyond the last bound it is that bound.
 *
 * @param share from 0 to 1: 0.99 for the 99th percentile.
 */
export function quantile({ counts, count }: HistogramSnapshot, share: number): number | undefined {
  if (count === 0) return undefined;
  const rank = share * count;
  let below = 0;
  let lower = 0;
  for (const [i, upper] of BUCKET_BOUNDS_MS.entries()) {
    const inside = counts[i] ?? 0;
    if (inside > 0 && below + inside >= rank) {
      return lower + ((upper - lower) * Math.max(rank - below, 0)) / inside;
    }
    below += inside;
    lower = upper;
  }
  return lower;
}
