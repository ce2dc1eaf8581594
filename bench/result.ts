/** What a row gives: medians, ratios, and which goals are met. */

import { type Goal, type Measurement, OURS, type Row, SIDES, type Side } from './row.ts';

/** Of several rounds. */
export interface Summary {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** One contender of a row. */
export interface Entry {
  readonly contender: string;
  readonly state: 'measured' | 'unavailable' | 'left out' | 'failed';
  /** Why there is no value. */
  readonly reason?: string;
  readonly value?: Summary;
  /** Microseconds of CPU per message, medians; NaN where the system does not tell. */
  readonly cpu: Readonly<Partial<Record<Side, number>>>;
  /** One for each round. */
  readonly samples: readonly Measurement[];
}

/** Ours divided by a peer's, in the row's unit: of the medians, and the lowest and the highest of all rounds. */
export interface Ratio extends Summary {
  readonly ours: string;
  readonly peer: string;
}

/** A goal, and what came of it. */
export interface Verdict extends Goal {
  /** Undefined when one of the two was not measured. */
  readonly ratio: number | undefined;
  readonly met: boolean | undefined;
}

/** A row that was run. */
export interface RowResult
  extends Pick<Row, 'name' | 'group' | 'title' | 'unit' | 'better' | 'note'> {
  readonly entries: readonly Entry[];
  readonly ratios: readonly Ratio[];
  readonly goals: readonly Verdict[];
}

/** A contender that was measured. */
export function measuredEntry(contender: string, samples: readonly Measurement[]): Entry {
  const cpu: Partial<Record<Side, number>> = {};
  for (const side of SIDES) {
    const times = samples.flatMap((sample) => sample.cpu[side] ?? []);
    if (times.length > 0) cpu[side] = summarize(times).median;
  }
  const value = summarize(samples.map((sample) => sample.value));
  return { contender, state: 'measured', value, cpu, samples };
}

/** A contender without a value. */
export function missingEntry(
  contender: string,
  state: Exclude<Entry['state'], 'measured'>,
  reason: string,
): Entry {
  return { contender, state, reason, cpu: {}, samples: [] };
}

/** Puts a row's contenders side by side. */
export function compare(row: Row, entries: readonly Entry[]): RowResult {
  const { name, group, title, unit, better, note } = row;
  const ratios = entries
    .filter(({ contender }) => OURS.includes(contender))
    .flatMap((ours) =>
      entries
        .filter(({ contender }) => !OURS.includes(contender))
        .flatMap((peer) => ratioOf(ours, peer) ?? []),
    );
  const goals = row.goals.map((goal) => judge(goal, ratios));
  const facts = { name, group, title, unit, better, ...(note === undefined ? {} : { note }) };
  return { ...facts, entries, ratios, goals };
}

function ratioOf(ours: Entry, peer: Entry): Ratio | undefined {
  if (ours.value === undefined || peer.value === undefined) return undefined;
  const perRound = ours.samples.map(
    ({ value }, round) => value / (peer.samples[round]?.value ?? Number.NaN),
  );
  const { lowest, highest } = summarize(perRound);
  const median = ours.value.median / peer.value.median;
  return { ours: ours.contender, peer: peer.contender, median, lowest, highest };
}

function judge(goal: Goal, ratios: readonly Ratio[]): Verdict {
  const ratio = ratios.find(({ ours, peer }) => ours === goal.ours && peer === goal.peer)?.median;
  const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = goal;
  return {
    ...goal,
    ratio,
    met: ratio === undefined ? undefined : ratio >= atLeast && ratio <= atMost,
  };
}

/** Median, lowest and highest; NaN of nothing. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (place: number): number => sorted[place] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    lowest: at(0),
    highest: at(sorted.length - 1),
  };
}
