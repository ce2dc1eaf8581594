/** The command line of `pnpm bench http`. */

import { parseArgs } from 'node:util';
import { number, UsageError } from '../arguments.ts';
import { CASES, type Case } from './cases.ts';

/** How it runs. */
export interface Settings {
  readonly cases: readonly Case[];
  readonly rounds: number;
  /** How long one measurement takes. */
  readonly seconds: number;
  /** Whether PM2 takes part. */
  readonly pm2: boolean;
  readonly json: boolean;
  /** Whether bench/HTTP.md is written. */
  readonly write: boolean;
}

const ROUNDS = 5;
const SECONDS = 4;
const ROUNDS_MAX = 99;
const SECONDS_MIN = 2;
const SECONDS_MAX = 600;

const HELP = `pnpm bench http [load...] [options]

node:http, node:cluster and zscale serve the same application, and take turns under the same load. Loads are chosen by the beginning of
their names; without any, all of them run, in about ten minutes, and bench/HTTP.md is written. Do not run it beside other work.

Closed loads come from wrk where it is installed (apt-get install wrk), else from a client of its own, which needs more CPU. Open ones
come at half the rate of the slowest in the closed load of that path: choose both, or it is 500 requests a second.

  --pm2          PM2 in cluster mode takes part; it must be installed (npm install --global pm2)
  --rounds N     how often each contender is measured (${ROUNDS})
  --seconds S    how long one measurement takes (${SECONDS})
  --write        write bench/HTTP.md also with names of loads, --rounds or --seconds
  --json         print everything as one JSON object
  --list         print the names of the loads
  --help         print this

Exit code: 0; 2 for wrong arguments.`;

/** Reads arguments. @throws UsageError */
export function readHttpArguments(
  args: readonly string[],
): { readonly settings: Settings } | { readonly text: string } {
  const { values, positionals } = parse(args);
  if (values.help) return { text: HELP };
  if (values.list)
    return { text: CASES.map(({ name, title }) => `${name.padEnd(14)} ${title}`).join('\n') };
  const { pm2, json } = values;
  const isFull =
    positionals.length === 0 && values.rounds === undefined && values.seconds === undefined;
  return {
    settings: {
      cases: choose(positionals),
      rounds: number('--rounds', values.rounds, 1, ROUNDS_MAX) ?? ROUNDS,
      seconds: number('--seconds', values.seconds, SECONDS_MIN, SECONDS_MAX) ?? SECONDS,
      pm2,
      json,
      write: values.write || isFull,
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: args.filter((arg) => arg !== '--'), // pnpm hands it on
      allowPositionals: true,
      options: {
        pm2: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
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

function choose(names: readonly string[]): readonly Case[] {
  const unknown = names.filter((start) => !CASES.some(({ name }) => name.startsWith(start)));
  if (unknown.length > 0)
    throw new UsageError(`there is no load ${unknown.join(', ')}; see --list`);
  if (names.length === 0) return CASES;
  return CASES.filter(({ name }) => names.some((start) => name.startsWith(start)));
}
