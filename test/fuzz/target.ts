/**
 * What a fuzz target is, and how one is run: by `pnpm fuzz` for as long as one likes, and by test/transport/fuzz.test.ts for a
 * moment. A target is a property of fast-check, which makes the input from a seed and makes it small again when it fails.
 */

import { inspect } from 'node:util';
import fc from 'fast-check';

/** One property that must hold whatever comes in. */
export interface FuzzTarget {
  readonly name: string;
  /** The promise, as the end of "it ...". */
  readonly promise: string;
  /** How many runs the test suite can afford (about half a second). */
  readonly runs: number;
  readonly property: Property;
}

/** Whatever fast-check makes of arbitraries and a predicate; the type of what it makes is its own affair. */
// biome-ignore lint/suspicious/noExplicitAny: a list of properties of different types has no other element type
export type Property = fc.IRawProperty<any>;

/** Where a run starts. */
export interface FuzzRun {
  readonly seed: number;
  readonly runs: number;
  /** Of a counterexample: straight to it. */
  readonly path?: string;
}

/** Runs a target. Gives the report of its counterexample: seed, path, the shrunk input and how to repeat it; undefined if it held. */
export async function fuzz(target: FuzzTarget, run: FuzzRun): Promise<string | undefined> {
  const details = await fc.check(target.property, {
    seed: run.seed,
    numRuns: run.runs,
    ...(run.path === undefined ? {} : { path: run.path }),
  });
  if (!details.failed) return undefined;
  const path = details.counterexamplePath === null ? '' : ` --path ${details.counterexamplePath}`;
  return [
    `${target.name}: not so: ${target.promise}`,
    `repeat: pnpm fuzz ${target.name} --seed ${details.seed} --runs ${run.runs}${path}`,
    fc.defaultReportMessage(details) ?? 'no report',
    inspect(details.errorInstance, { depth: 5 }),
  ].join('\n');
}

/** A seed that nobody chose. */
export function randomSeed(): number {
  return Math.floor(Math.random() * 0x7fff_ffff);
}
