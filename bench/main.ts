/**
 * `pnpm bench [row...] [--rounds n] [--quick] [--json]`: ours against npm zeromq, interleaved in one run.
 *
 * Each measurement runs in fresh processes (see processes.ts). A round measures every library once, one after the other, so that
 * a machine that gets slower or faster meanwhile does so for both; what is printed are medians over the rounds, with the
 * lowest and highest, and the ratio of the medians. Never run it beside other work.
 */

import { arch, cpus, platform, release } from 'node:os';
import { parseArgs } from 'node:util';
import { LIBRARIES, type Library, type Measurement } from './measurement.ts';
import { latencyIpc, latencyTcp } from './rows/latency.ts';
import { pipelined } from './rows/pipelined.ts';
import { queue } from './rows/queue.ts';
import type { Row } from './rows/row.ts';

const ROWS: readonly Row[] = [latencyTcp, latencyIpc, pipelined, queue];
const DEFAULT_ROUNDS = 7;
const QUICK_ROUNDS = 3;

interface Summary {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

interface Result {
  readonly row: string;
  readonly unit: string;
  readonly value: Readonly<Record<Library, Summary>>;
  /** CPU of all processes of the row, microseconds per message. */
  readonly cpu: Readonly<Record<Library, Summary>>;
  /** Ours over theirs. */
  readonly ratio: number;
  readonly goal: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : DEFAULT_ROUNDS));
if (!Number.isInteger(rounds) || rounds < 1)
  usage(`--rounds is a whole number from 1; got ${values.rounds}`);
const unknown = positionals.filter((name) => !ROWS.some((row) => row.name.startsWith(name)));
if (unknown.length > 0) usage(`there is no row ${unknown.join(', ')}`);
const rows = ROWS.filter(
  (row) => positionals.length === 0 || positionals.some((name) => row.name.startsWith(name)),
);

const results: Result[] = [];
for (const row of rows) results.push(await measure(row));
print(results);

async function measure(row: Row): Promise<Result> {
  const samples: Record<Library, Measurement[]> = { zscale: [], zeromq: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const library of LIBRARIES) {
      process.stderr.write(`\r${row.name}: round ${round} of ${rounds}, ${library}        `);
      samples[library].push(await row.measure(library));
    }
  }
  process.stderr.write(`\r${' '.repeat(60)}\r`);
  const value = perLibrary((library) => summarize(samples[library].map((sample) => sample.value)));
  const cpu = perLibrary((library) =>
    summarize(samples[library].map((sample) => sample.cpuPerMessage)),
  );
  return {
    row: row.name,
    unit: row.unit,
    value,
    cpu,
    ratio: value.zscale.median / value.zeromq.median,
    goal: row.goal,
  };
}

function perLibrary<T>(of: (library: Library) => T): Record<Library, T> {
  return { zscale: of('zscale'), zeromq: of('zeromq') };
}

function summarize(samples: number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (place: number): number => sorted[place] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    lowest: at(0),
    highest: at(sorted.length - 1),
  };
}

function print(all: readonly Result[]): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}, ${platform()} ${release()} ${arch()}, Node ${process.versions.node}`;
  if (values.json) {
    console.log(
      JSON.stringify({ date: new Date().toISOString(), machine, rounds, results: all }, null, 2),
    );
    return;
  }
  console.log(`${machine}; medians of ${rounds} interleaved rounds [lowest .. highest]\n`);
  for (const { row, unit, value, cpu, ratio, goal } of all) {
    console.log(`${row} (${unit})`);
    for (const library of LIBRARIES) {
      console.log(
        `  ${library.padEnd(8)} ${format(value[library])}   CPU us/message ${format(cpu[library])}`,
      );
    }
    console.log(`  ratio    ${ratio.toFixed(2)}   ${goal}\n`);
  }
}

function format({ median, lowest, highest }: Summary): string {
  const digits = median < 1000 ? 1 : 0;
  const text = `${median.toFixed(digits)} [${lowest.toFixed(digits)} .. ${highest.toFixed(digits)}]`;
  return text.padEnd(30);
}

function usage(problem: string): never {
  console.error(`bench: ${problem}. Rows: ${ROWS.map((row) => row.name).join(', ')}.`);
  process.exit(2);
}
