/**
 * `pnpm fuzz [target...] [--seed n] [--runs n] [--seconds n] [--path p]`: the fuzz targets for longer than the test suite can.
 *
 * Each target gets its share of the time (or `--runs` runs), in batches whose seeds count up from the first one. The first target that
 * fails ends it with code 1 and the way to repeat it.
 */

import { parseArgs } from 'node:util';
import { type FuzzTarget, fuzz, randomSeed } from './target.ts';
import { TARGETS } from './targets.ts';

const DEFAULT_SECONDS = 60;
/** Runs of one seed, where time is what limits. */
const BATCH_RUNS = 500;
/** How often a target that takes long says how far it is. */
const PROGRESS_MS = 5000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    path: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  print('pnpm fuzz [target...] [--seed n] [--runs n] [--seconds n] [--path p]');
  for (const { name, promise } of TARGETS) print(`  ${name.padEnd(14)} ${promise}`);
  process.exit(0);
}

const unknown = positionals.filter((name) => !TARGETS.some((target) => target.name === name));
if (unknown.length > 0) usage(`there is no target ${unknown.join(', ')}`);
const targets = TARGETS.filter(
  ({ name }) => positionals.length === 0 || positionals.includes(name),
);
const seed = wholeNumber('seed', values.seed) ?? randomSeed();
const runs = wholeNumber('runs', values.runs);
const seconds = wholeNumber('seconds', values.seconds) ?? DEFAULT_SECONDS;
if (values.path !== undefined && targets.length !== 1) usage('--path belongs to one target');

print(`seed ${seed}`);
for (const target of targets) {
  const report = await runTarget(target);
  if (report === undefined) continue;
  print(report);
  process.exit(1);
}

/** The report of a counterexample; undefined if there was none. */
async function runTarget(target: FuzzTarget): Promise<string | undefined> {
  if (values.path !== undefined) {
    return fuzz(target, { seed, runs: runs ?? BATCH_RUNS, path: values.path });
  }
  const start = performance.now();
  const end = start + (seconds * 1000) / targets.length;
  const limit = runs ?? Number.POSITIVE_INFINITY;
  let told = start;
  let done = 0;
  for (let batch = 0; done < limit; batch++) {
    if (runs === undefined && performance.now() >= end) break;
    // A batch is told by its own seed and size, so what fails in it can be repeated alone.
    const size = runs ?? BATCH_RUNS;
    const report = await fuzz(target, { seed: (seed + batch) & 0x7fff_ffff, runs: size });
    if (report !== undefined) return report;
    done += size;
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    print(`${target.name.padEnd(14)} ${done} runs ...`);
  }
  const ms = performance.now() - start;
  print(`${target.name.padEnd(14)} ${done} runs in ${(ms / 1000).toFixed(1)} s: held`);
  return undefined;
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || text.trim() === '')
    usage(`--${name} is a whole number; got ${text}`);
  return number;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function usage(complaint: string): never {
  process.stderr.write(`${complaint}\nTargets: ${TARGETS.map(({ name }) => name).join(' ')}\n`);
  process.exit(2);
}
