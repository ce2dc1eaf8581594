/** One line of the benchmark. */

import type { Library, Measurement } from '../measurement.ts';

/** Something that both libraries can do. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  /** What the ratio should be, in words. */
  readonly goal: string;
  /** Runs it once, in fresh processes. */
  measure(library: Library): Promise<Measurement>;
}
