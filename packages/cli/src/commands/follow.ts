/**
 * `zscale events` and `zscale logs`: what happened, and what was logged, as far as the supervisor remembers; with --follow also what
 * happens from now on, until the supervisor ends or the command is interrupted.
 *
 * It asks again and again for what came since, and each time waits until there is something: docs/reference/control.md.
 */
import type { JournalEntry, JournalReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import { NotRunningError } from '../failure.ts';
import type { ControlInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/** How long the supervisor may keep an answer back until it has news. */
const WAIT_MS = 20_000;

/** Asks and prints, a line for each entry. */
export async function follow(
  invocation: Extract<ControlInvocation, { command: 'events' | 'logs' }>,
  client: ControlClient,
  output: Output,
): Promise<void> {
  const { request, json } = invocation;
  let { after } = request;
  for (let isFirst = true; ; isFirst = false) {
    const report = await next(invocation, after, client, isFirst);
    if (report === undefined || output.isUnread) return;
    if (report.missed > 0 && !isFirst) {
      output.complain(`zscale: ${report.missed} entries came too fast to be followed`);
    }
    for (const entry of report.entries)
      output.print(json ? JSON.stringify(entry) : describe(entry));
    if (report.entries.length === 0 && !invocation.follow) return;
    after = report.last;
  }
}

/** Undefined when the supervisor has ended, which is the end of what is followed. */
async function next(
  { request, follow: follows }: Extract<ControlInvocation, { command: 'events' | 'logs' }>,
  after: number,
  client: ControlClient,
  isFirst: boolean,
): Promise<JournalReport | undefined> {
  try {
    return await client.ask({ ...request, after, wait: follows ? WAIT_MS : 0 });
  } catch (error) {
    if (follows && !isFirst && error instanceof NotRunningError) return undefined;
    throw error;
  }
}

function describe({ number: _number, time, level, event, text, ...facts }: JournalEntry): string {
  const words = [time, level, event, text].filter((word) => word !== undefined);
  const rest = Object.entries(facts).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [...words, ...rest].join(' ');
}
