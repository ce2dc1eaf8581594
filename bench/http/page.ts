/** The report as bench/HTTP.md, and as tables for a terminal. */

import { formatNumber, formatRatio, formatSummary } from '../reports/figures.ts';
import { table } from '../reports/page.ts';
import type { CaseResult, HttpReport } from './report.ts';

const NAMES = { node: 'node:http', cluster: 'node:cluster', pm2: 'PM2', zscale: 'zscale' } as const;
const WIDTH = 8;

/** The whole page. */
export function formatHttpPage(report: HttpReport): string {
  return `${[
    '# How fast, over HTTP',
    '',
    '<!-- Written by `pnpm bench http`: do not edit. -->',
    '',
    ...introduction(report),
    ...goals(report),
    ...report.cases.flatMap(section),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

/** One load, 80 columns wide: medians. */
export function formatCase(result: CaseResult): string {
  const columns = ['req/s', 'p50 ms', 'p95 ms', 'p99 ms', 'errors', 'client', 'front', 'workers'];
  const lines = result.contenders.map(({ kind, perSecond, p50, p95, p99, errors, cpu }) => [
    kind,
    ...[perSecond, p50, p95, p99].map(({ median }) => formatNumber(median)),
    String(errors),
    ...[cpu.client, cpu.front, cpu.workers].map(({ median }) => formatNumber(median)),
  ]);
  const text = [['', ...columns], ...lines].map(([first = '', ...cells]) =>
    [first.padEnd(WIDTH), ...cells.map((cell) => cell.padStart(WIDTH))].join(''),
  );
  return [
    '',
    result.title,
    `(${conditions(result)}; client, front and workers: CPU, us per request)`,
    '',
    ...text,
    ...ratioLines(result),
  ].join('\n');
}

function introduction({ date, machine, versions, rounds, seconds, total }: HttpReport): string[] {
  const all = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    '```sh',
    'pnpm bench http              # everything; writes this page',
    'pnpm bench http --pm2        # with PM2, where it is installed',
    'pnpm bench http hello mixed  # loads whose names begin so',
    'pnpm bench http --help',
    '```',
    '',
    `- Measured ${date.slice(0, 10)} on ${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.kernel}, Node ${machine.node}.`,
    `- Versions: ${all.join(', ')}.`,
    `- ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${seconds} s for each contender, ${Math.round(total)} s in all. In each round the contenders take turns, each round beginning with another one. The clients run on the same machine, over loopback, on connections that they keep.`,
    '- All serve [the same listener](http/handler.ts). Closed: each client asks again when it is answered. Open: requests come at random moments (Poisson), whether or not earlier ones were answered, and times count from the moment at which each was due.',
    '- Closed loads come from `wrk` where it is installed, open ones from [clients.ts](http/clients.ts).',
    '- Values are medians with the lowest and the highest round. CPU is microseconds per request: of the client, of the front (who has the connections; the primary of node:cluster and the daemon of PM2 only hand them out), and of all workers together.',
    '',
  ];
}

function goals({ cases }: HttpReport): string[] {
  const rows = cases.flatMap(({ title, goal, ratios }) => {
    if (goal === undefined || ratios === undefined) return [];
    const { figure, atLeast, atMost, isMet } = goal;
    const aim = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    return [
      [
        title,
        figure === 'p99' ? 'p99' : 'requests/s',
        rangeOf(ratios[figure]),
        aim,
        isMet ? 'met' : 'not met',
      ],
    ];
  });
  if (rows.length === 0) return [];
  return [
    '## Goals',
    '',
    ...table(['load', 'figure', 'zscale to node:cluster', 'goal', ''], rows),
    '',
  ];
}

function section(result: CaseResult): string[] {
  const rows = result.contenders.map(({ kind, perSecond, p50, p95, p99, errors, cpu }) => [
    NAMES[kind],
    ...[perSecond, p50, p95, p99].map(formatSummary),
    String(errors),
    formatSummary(cpu.client),
    formatSummary(cpu.front),
    formatSummary(cpu.workers),
    formatSummary(cpu.service),
  ]);
  const head = ['', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'errors', 'CPU us: client'];
  return [
    `## ${result.title.charAt(0).toUpperCase()}${result.title.slice(1)}`,
    '',
    `${conditions(result)}.`,
    '',
    ...table([...head, 'front', 'workers', 'front and workers'], rows),
    ...ratioLines(result),
    '',
  ];
}

function conditions({ name, workers, connections, rate, client }: CaseResult): string {
  const asked = rate === 0 ? 'as fast as they are answered' : `${Math.round(rate)} requests/s`;
  return `\`${name}\`: ${workers} workers, ${connections} connections, ${asked}, by ${client}`;
}

function ratioLines({ ratios }: CaseResult): string[] {
  if (ratios === undefined) return [];
  return [
    '',
    `zscale to node:cluster: requests/s ${rangeOf(ratios.perSecond)}, p99 ${rangeOf(ratios.p99)}.`,
  ];
}

function rangeOf({ median, lowest, highest }: { median: number; lowest: number; highest: number }) {
  return `${formatRatio(median)} [${formatRatio(lowest)}..${formatRatio(highest)}]`;
}
