/**
 * Running one row: every contender is started and warmed up; then, in each round, they are measured one after the other, each
 * round beginning with another one, so that a machine that gets slower meanwhile does so for all of them. Between its turns a
 * contender's processes wait for stdin and cost nothing.
 *
 * A contender that fails leaves the row, and the others go on.
 */

import { compare, type Entry, measuredEntry, missingEntry, type RowResult } from './result.ts';
import type { Contender, Measurement, Row, Session } from './row.ts';
import type { Stage } from './stage.ts';
import { UnavailableError } from './unavailable.ts';

/** What of the settings a row needs. */
export interface Pace {
  readonly rounds: number;
  readonly durationMs: number;
  readonly quick: boolean;
}

/** One contender in the row that runs: those with a session are still in it. */
interface Lane {
  readonly contender: Contender;
  readonly samples: Measurement[];
  session: Session | undefined;
  missing: Entry | undefined;
}

/** Runs a row. @param tell is told what happens now. */
export async function contest(
  row: Row,
  stage: Stage,
  { rounds, durationMs, quick }: Pace,
  tell: (what: string) => void,
): Promise<RowResult> {
  const lanes = row.contenders.map((contender) => enter(contender, stage, quick));
  try {
    tell('starting');
    await Promise.all(lanes.map((lane) => attempt(lane, () => start(lane, stage))));
    for (const lane of lanes) {
      tell(`warming up ${lane.contender.name}`);
      await attempt(lane, () => warmUp(lane, durationMs));
    }
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < lanes.length; i++) {
        const lane = lanes[(i + round) % lanes.length] as Lane; // a remainder is in range
        tell(`round ${round + 1} of ${rounds}, ${lane.contender.name}`);
        await attempt(lane, () => measure(lane, durationMs));
      }
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.session?.stop()));
  }
  const entries = lanes.map(
    ({ contender, samples, missing }) => missing ?? measuredEntry(contender.name, samples),
  );
  return compare(row, entries);
}

function enter(contender: Contender, stage: Stage, quick: boolean): Lane {
  const { name, isSlow } = contender;
  const reason = contender.unavailable(stage);
  let missing: Entry | undefined;
  if (reason !== undefined) missing = missingEntry(name, 'unavailable', reason);
  else if (quick && isSlow) missing = missingEntry(name, 'left out', 'not with --quick');
  return { contender, samples: [], session: undefined, missing };
}

async function start(lane: Lane, stage: Stage): Promise<void> {
  lane.session = await lane.contender.start(stage);
}

async function warmUp(lane: Lane, durationMs: number): Promise<void> {
  await lane.session?.warmUp(durationMs);
}

async function measure(lane: Lane, durationMs: number): Promise<void> {
  if (lane.session !== undefined) lane.samples.push(await lane.session.measure(durationMs));
}

/** Does something with a contender that is still in the row; when it fails, the contender is out. */
async function attempt(lane: Lane, action: () => Promise<void>): Promise<void> {
  if (lane.missing !== undefined) return;
  try {
    await action();
  } catch (error) {
    const state = error instanceof UnavailableError ? 'unavailable' : 'failed';
    const reason = error instanceof Error ? error.message : String(error);
    lane.missing = missingEntry(lane.contender.name, state, reason);
    await lane.session?.stop();
    lane.session = undefined;
  }
}
