/** The command line of the benchmark. */

import { parseArgs } from 'node:util';
import type { Row } from './row.ts';

/** How the benchmark runs. */
export interface Settings {
  readonly rows: readonly Row[];
  readonly rounds: number;
  /** How long one measurement takes, about, in ms. */
  readonly durationMs: number;
  readonly quick: boolean;
  readonly json: boolean;
  /** Whether bench/README.md and bench/chart.svg are written. */
  readonly write: boolean;
}

/** What is asked for: a run, or only a text. */
export type Request = { readonly settings: Settings } | { readonly text: string };

/** Wrong use: the text is one line that says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const FULL = { rounds: 5, durationMs: 280 } as const;
const QUICK = { rounds: 3, durationMs: 80 } as const;
const ROUNDS_MAX = 99;
const DURATION_MIN_MS = 5;
const DURATION_MAX_MS = 60_000;

const HELP = `pnpm bench [row...] [options]

Runs ours and the peers, one after the other in each of several rounds, and prints medians. Rows are chosen by the beginning of
their names; without any, all of them run, in less than ten minutes, and bench/README.md and bench/chart.svg are written.
Do not run it beside other work.

  --quick          the rows with goals, shorter, in less than a minute; without RabbitMQ, which takes long to start
  --rounds N       how often each contender is measured (${FULL.rounds}; with --quick ${QUICK.rounds})
  --duration MS    how long one measurement takes, about (${FULL.durationMs}; with --quick ${QUICK.durationMs})
  --write          write bench/README.md and bench/chart.svg also with row names, --quick, --rounds or --duration
  --json           print everything as one JSON object
  --list           print the names of the rows
  --help           print this

Exit code: 0; 1 when a contender failed; 2 for wrong arguments.`;

/** Reads arguments. @throws UsageError */
export function readArguments(args: readonly string[], all: readonly Row[]): Request {
  const { values, positionals } = parse(args);
  if (values.help) return { text: HELP };
  if (values.list)
    return { text: all.map(({ name, title }) => `${name.padEnd(24)} ${title}`).join('\n') };
  const { quick, json } = values;
  const defaults = quick ? QUICK : FULL;
  return {
    settings: {
      rows: choose(positionals, quick, all),
      rounds: number('--rounds', values.rounds, 1, ROUNDS_MAX) ?? defaults.rounds,
      durationMs:
        number('--duration', values.duration, DURATION_MIN_MS, DURATION_MAX_MS) ??
        defaults.durationMs,
      quick,
      json,
      write:
        values.write ||
        (positionals.length === 0 &&
          !quick &&
          values.rounds === undefined &&
          values.duration === undefined),
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: args.filter((arg) => arg !== '--'), // pnpm hands it on
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        duration: { type: 'string' },
        write: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${text.split('. ', 1)[0]}; see --help`); // the first sentence says it
  }
}

function choose(names: readonly string[], quick: boolean, all: readonly Row[]): readonly Row[] {
  const unknown = names.filter((name) => !all.some((row) => row.name.startsWith(name)));
  if (unknown.length > 0) throw new UsageError(`there is no row ${unknown.join(', ')}; see --list`);
  if (names.length === 0) return all.filter((row) => row.quick || !quick);
  return all.filter((row) => names.some((name) => row.name.startsWith(name)));
}

/** Reads a whole number. @throws UsageError */
export function number(
  option: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`${option} is a whole number from ${least} to ${most}; got ${text}`);
}
