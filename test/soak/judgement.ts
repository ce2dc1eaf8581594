/**
 * Whether a figure grew over a run. Pure.
 *
 * The first fifth is warm-up: code is compiled, heaps find their size. The rest is cut in three: the median of the last part against
 * the median of the first says whether it grew, and what comes and goes between samples does not matter.
 */

/** The part of a run that is not judged. */
const WARM_UP = 0.2;
const PARTS = 3;
/** With fewer samples behind the warm-up nothing can be said. */
const LEAST_SAMPLES = 6;

/** What is measured of a process. */
export const FIGURES = {
  /** Resident memory, in MiB. */
  rss: { unit: 'MiB', factor: 1.2, margin: 16 },
  /** Open descriptors: sockets, pipes, files. */
  fds: { unit: 'descriptors', factor: 1.1, margin: 8 },
  /** Threads. */
  threads: { unit: 'threads', factor: 1, margin: 4 },
} as const;
/** One of them. */
export type Figure = keyof typeof FIGURES;
/** All of them at one time. */
export type Sample = Readonly<Record<Figure, number>>;

/** What came of one figure. */
export interface Verdict {
  readonly figure: Figure;
  /** Medians of the first and of the last part. */
  readonly first: number;
  readonly last: number;
  /** What the last may be. */
  readonly limit: number;
  readonly grows: boolean;
}

/** Judges each figure of a process; nothing when there are too few samples to. */
export function judge(samples: readonly Sample[]): readonly Verdict[] {
  const judged = samples.slice(Math.ceil(samples.length * WARM_UP));
  if (judged.length < LEAST_SAMPLES) return [];
  const part = Math.floor(judged.length / PARTS);
  // Each is a Figure: they are the keys of FIGURES.
  return (Object.keys(FIGURES) as Figure[]).map((figure) => {
    const { factor, margin } = FIGURES[figure];
    const values = judged.map((sample) => sample[figure]);
    const first = median(values.slice(0, part));
    const last = median(values.slice(-part));
    const limit = Math.round(first * factor + margin);
    return { figure, first, last, limit, grows: last > limit };
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? 0;
}
