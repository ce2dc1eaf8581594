/**
 * How a bench is told: for people in 80 columns, and as one JSON object. Pure.
 */
import { formatRows, formatTable } from '../tables.ts';
import type { ChaosTally } from './bench-chaos.ts';
import type { Measured } from './bench-load.ts';

/** The widest bar, in letters. */
const BAR_WIDTH = 44;
const PROGRESS_WIDTH = 24;

/** All that is told. */
export interface BenchReport extends Measured {
  readonly endpoint: string;
  readonly load: string;
  /** Replies that nobody waited for any more. */
  readonly unexpected: number | null;
  readonly chaos: ChaosTally | undefined;
}

/** Requests whose worker was lost, or whose answer never came. */
const LOST_CODES = [
  ...['ZSCALE_ERR_WORKER_LOST', 'ZSCALE_ERR_TIMEOUT', 'ZSCALE_ERR_CONNECTION_LOST'],
  ...['HTTP_502', 'HTTP_503', 'HTTP_504', 'ECONNRESET', 'ECONNREFUSED'],
];

/** As a person reads it. */
export function describeBench(report: BenchReport): string {
  const { endpoint, load, elapsed, answered, latency, errors, bars } = report;
  const { p50, p90, p99, p999, max } = latency;
  const rows: [string, string][] = [
    ['requests/s', rateOf(report).toFixed(0)],
    ['answered', `${answered} in ${(elapsed / 1000).toFixed(1)}s`],
    ['errors', describeErrors(errors)],
    [
      'latency',
      answered === 0
        ? '-'
        : `p50 ${time(p50)}  p90 ${time(p90)}  p99 ${time(p99)}  p99.9 ${time(p999)}  max ${time(max)}`,
    ],
    ...describeChaos(report),
  ];
  const lines = [`${endpoint}, ${load}`, '', formatRows(rows)];
  if (bars.length > 0) lines.push('', picture(bars));
  return lines.join('\n');
}

/** As a program reads it. Times are ms. */
export function benchAsJson(report: BenchReport): string {
  const { errors, elapsed, ...rest } = report;
  return JSON.stringify({
    ...rest,
    elapsed: Math.round(elapsed),
    requestsPerSecond: Number(rateOf(report).toFixed(1)),
    errors: Object.fromEntries(errors),
    lost: lostOf(errors),
  });
}

/** The line that is drawn over and over meanwhile. */
export function describeProgress(progress: {
  readonly elapsed: number;
  readonly part: number;
  readonly answered: number;
  readonly errors: number;
}): string {
  const { elapsed, part, answered, errors } = progress;
  const filled = Math.round(part * PROGRESS_WIDTH);
  const bar = '='.repeat(filled).padEnd(PROGRESS_WIDTH);
  const rate = elapsed > 0 ? (answered / elapsed) * 1000 : 0;
  return `[${bar}] ${(elapsed / 1000).toFixed(1)}s  ${rate.toFixed(0)} requests/s  ${errors} errors`;
}

function describeErrors(errors: ReadonlyMap<string, number>): string {
  if (errors.size === 0) return '0';
  return [...errors].map(([code, count]) => `${count} ${code}`).join(', ');
}

/** What is counted, said with it: whether the work was done twice only the handler knows. */
function describeChaos({ chaos, errors, unexpected }: BenchReport): [string, string][] {
  const rows: [string, string][] = [];
  if (chaos !== undefined) {
    const done = Object.entries(chaos.done).map(([act, count]) => `${count} ${act}`);
    const failed = chaos.failed === 0 ? '' : `, ${chaos.failed} failed`;
    rows.push(
      ['chaos', `${done.join(', ')}${failed}; ${chaos.restarts} workers replaced`],
      ['lost', `${lostOf(errors)} requests without an answer of a handler`],
    );
    if (chaos.retried !== null) rows.push(['retried', `${chaos.retried} by the service`]);
  }
  if (unexpected !== null && (chaos !== undefined || unexpected > 0)) {
    rows.push(['duplicated', `${unexpected} replies to requests answered, or given up, before`]);
  }
  return rows;
}

function lostOf(errors: ReadonlyMap<string, number>): number {
  return LOST_CODES.reduce((sum, code) => sum + (errors.get(code) ?? 0), 0);
}

function rateOf({ answered, elapsed }: Measured): number {
  return elapsed > 0 ? (answered / elapsed) * 1000 : 0;
}

function picture(bars: Measured['bars']): string {
  const most = Math.max(...bars.map(({ count }) => count));
  const rows = bars.map(({ below, count }) => [
    `< ${time(below)}`.padStart(8),
    count,
    '#'.repeat(Math.ceil((count / most) * BAR_WIDTH)),
  ]);
  return formatTable([' LATENCY', 'REQUESTS', ''], rows);
}

/** `0.05ms`, `1.25ms`, `12.5ms`, `125ms`, `1.25s`. */
function time(ms: number): string {
  if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))}s`;
  return `${Number(ms.toPrecision(3))}ms`;
}
