/** The report as bench/README.md. */

import { groupsOf, missingOf, type Report } from '../report.ts';
import type { RowResult } from '../result.ts';
import { SIDES } from '../row.ts';
import {
  formatCpu,
  formatGoal,
  formatRatio,
  formatRatios,
  formatSummary,
  formatVerdict,
} from './figures.ts';

/** The whole page. @param chart the file name of the chart beside it. */
export function formatPage(report: Report, chart: string): string {
  return `${[
    '# How fast',
    '',
    '<!-- Written by `pnpm bench`: do not edit. -->',
    '',
    `![How many times as fast as its peers zscale is, row by row; the figures are in the tables below](${chart})`,
    '',
    ...introduction(report),
    ...goals(report),
    ...tables(report),
    ...missing(report),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

function introduction({
  date,
  machine,
  versions,
  rounds,
  durationMs,
  seconds,
  quick,
}: Report): string[] {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    '```sh',
    'pnpm bench                      # everything; writes this page',
    'pnpm bench push-pull queue-64   # rows whose names begin so',
    'pnpm bench --quick              # the rows with goals',
    'pnpm bench --help',
    '```',
    '',
    `- Measured ${date.slice(0, 10)} on ${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.kernel}, Node ${machine.node}.`,
    `- Versions: ${peers.join(', ')}.`,
    `- ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of about ${durationMs} ms for each contender, ${Math.round(seconds)} s in all${quick ? ', with `--quick`' : ''}. In each round the contenders of a row run one after the other, each round beginning with another one; sender and receiver are processes of their own, over tcp on loopback unless the row says otherwise.`,
    '- Values are medians with the lowest and the highest round. CPU is microseconds per message, of the sides in this order: who sends or asks, who stands between, who receives or answers. "Ours to it" is the ratio of our median to that of the contender, with the lowest and the highest ratio within a round.',
    "- `zscale` is `await send()` and `for await`, as npm `zeromq` is used; `zscale try` is `trySend`, `tryReceive` and `watch`, without promises. `libzmq` is a program in C ([peers/libzmq.c](peers/libzmq.c)) on the system's libzmq. `node:net` sends the same bytes without any library: the ceiling.",
    '',
  ];
}

function goals({ rows }: Report): string[] {
  const all = rows.flatMap((row) => row.goals.map((goal) => ({ row, goal })));
  if (all.length === 0) return [];
  return [
    '## Goals',
    '',
    ...table(
      ['row', 'ours', 'to', 'ratio', 'goal', ''],
      all.map(({ row, goal }) => [
        row.title,
        goal.ours,
        goal.peer,
        formatRatio(goal.ratio),
        `${formatGoal(goal)}${row.better === 'lower' ? ' of its time' : ''}`,
        formatVerdict(goal),
      ]),
    ),
    '',
  ];
}

function tables(report: Report): string[] {
  return [...groupsOf(report)].flatMap(([group, rows]) => [
    `## ${group}`,
    '',
    ...[...new Set(rows.flatMap(({ note }) => note ?? []))].flatMap((note) => [note, '']),
    ...table(
      ['row', 'contender', 'median [lowest..highest]', 'CPU', 'ours to it'],
      rows.flatMap(cells),
    ),
    '',
  ]);
}

function cells(row: RowResult): string[][] {
  return row.entries.map(({ contender, value, state, cpu }, i) => [
    i === 0 ? row.title : '',
    contender,
    value === undefined ? state : `${formatSummary(value)} ${row.unit}`,
    SIDES.some((side) => cpu[side] !== undefined) ? formatCpu(cpu) : '–',
    formatRatios(row, contender),
  ]);
}

function missing(report: Report): string[] {
  const all = missingOf(report, ['unavailable', 'left out', 'failed']);
  if (all.length === 0) return [];
  return [
    '## Not measured',
    '',
    ...all.map(({ contender, reason, rows }) => `- ${contender} (${rows.join(', ')}): ${reason}`),
    '',
  ];
}

/** A Markdown table whose columns are as wide as their cells. */
export function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...body.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [
    line(head),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...body.map(line),
  ];
}
