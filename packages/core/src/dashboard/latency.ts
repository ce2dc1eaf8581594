/**
 * Percentiles of what came since the last look, out of histograms that only grow.
 *
 * Whoever looks for the first time, or again after a while, gets none: they would be of a time that nobody knows.
 */

import { between, type HistogramSnapshot, quantile } from '../metrics/histogram.ts';
import type { PercentilesView } from './snapshot.ts';

const NONE: PercentilesView = { p50: null, p95: null, p99: null };
/** Looks further apart than this have nothing to do with each other. */
const MAX_GAP_MS = 5000;

/** One histogram, looked at again and again. */
export class Latency {
  #last: HistogramSnapshot | undefined = undefined;
  #lastAt = 0;

  /** @param now in ms, on a clock that nobody sets */
  since(snapshot: HistogramSnapshot, now: number): PercentilesView {
    const earlier = now - this.#lastAt > MAX_GAP_MS ? undefined : this.#last;
    this.#last = snapshot;
    this.#lastAt = now;
    if (earlier === undefined) return NONE;
    const lately = between(earlier, snapshot);
    const percentile = (share: number): number | null => quantile(lately, share) ?? null;
    return { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) };
  }
}
