/** The report as text for a terminal. */

import { groupsOf, missingOf, type Report } from '../report.ts';
import type { RowResult } from '../result.ts';
import {
  formatCpu,
  formatGoal,
  formatRatio,
  formatRatios,
  formatSummary,
  formatVerdict,
} from './figures.ts';

const NAME_WIDTH = 14;
const VALUE_WIDTH = 28;
const CPU_WIDTH = 24;

/** The whole report. */
export function formatTable(report: Report): string {
  const { machine, rounds, rows } = report;
  const lines = [
    `${machine.cores} x ${machine.cpu}, ${machine.kernel}, Node ${machine.node}; medians of ${rounds} interleaved rounds [lowest..highest]`,
  ];
  for (const [group, members] of groupsOf(report)) {
    lines.push('', group, '-'.repeat(group.length));
    for (const row of members) lines.push(...formatRow(row));
  }
  const goals = rows.flatMap((row) => row.goals.map((goal) => ({ row, goal })));
  if (goals.length > 0) lines.push('', 'Goals', '-----');
  for (const { row, goal } of goals) {
    const between = `${goal.ours} to ${goal.peer}`.padEnd(26);
    const ratio = formatRatio(goal.ratio).padStart(6);
    lines.push(
      `${row.name.padEnd(24)} ${between} ${ratio}  ${formatGoal(goal).padEnd(13)} ${formatVerdict(goal)}`,
    );
  }
  for (const { contender, reason, rows: names } of missingOf(report, ['failed'])) {
    lines.push('', `FAILED ${names.join(', ')}, ${contender}: ${reason}`);
  }
  return lines.join('\n');
}

function formatRow(row: RowResult): string[] {
  const lines = ['', `${row.title} (${row.unit})   CPU µs per message by side   ours to it`];
  for (const { contender, state, reason, value, cpu } of row.entries) {
    const name = `  ${contender.padEnd(NAME_WIDTH)}`;
    if (value === undefined) {
      lines.push(`${name}${state}: ${reason}`);
      continue;
    }
    lines.push(
      `${name}${formatSummary(value).padEnd(VALUE_WIDTH)}${formatCpu(cpu).padEnd(CPU_WIDTH)}${formatRatios(row, contender)}`.trimEnd(),
    );
  }
  return lines;
}
