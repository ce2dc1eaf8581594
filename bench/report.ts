/** Everything that a run of the benchmark gives; `--json` prints it as it is. */

import type { Machine, Versions } from './machine.ts';
import type { Entry, RowResult } from './result.ts';

/** See the top of the file. */
export interface Report {
  /** When it ended, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly quick: boolean;
  readonly rounds: number;
  /** How long one measurement took, about, in ms. */
  readonly durationMs: number;
  /** How long all of it took. */
  readonly seconds: number;
  readonly rows: readonly RowResult[];
}

/** Contenders that were not measured, with their reasons: each reason once. */
export function missingOf(
  { rows }: Report,
  states: readonly Entry['state'][],
): readonly {
  readonly contender: string;
  readonly reason: string;
  readonly rows: readonly string[];
}[] {
  const found = new Map<string, { contender: string; reason: string; rows: string[] }>();
  for (const { name, entries } of rows) {
    for (const { contender, state, reason = '' } of entries) {
      if (!states.includes(state)) continue;
      const key = `${contender} ${reason}`;
      const missing = found.get(key) ?? { contender, reason, rows: [] };
      missing.rows.push(name);
      found.set(key, missing);
    }
  }
  return [...found.values()];
}

/** Rows by group, in their order. */
export function groupsOf({ rows }: Report): ReadonlyMap<string, readonly RowResult[]> {
  const groups = new Map<string, RowResult[]>();
  for (const row of rows) {
    const group = groups.get(row.group) ?? [];
    group.push(row);
    groups.set(row.group, group);
  }
  return groups;
}
