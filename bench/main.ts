/**
 * `pnpm bench [row...]`: ours and the peers in the same run. See arguments.ts for what it takes, catalogue.ts for the rows.
 *
 * How long it takes, in full: 45 rows with 183 contenders. Warming up one takes 0.4 to 2.4 s, mostly 0.7; its 5 rounds of 0.3 s, with
 * what is between them, 1.6: 179 x 2.3 s; those of `dispatch` need 32 and 8 times as long, 120 s in all. Starting and ending the processes of a row takes 1 s, RabbitMQ 8 s once: about 580 s. With
 * `--quick`, 10 rows with 46 contenders and 3 rounds of 0.08 s: 46 x 0.8 s + 10 x 1 s, about 47 s. No wait is without a limit (role.ts).
 */

import { writeFileSync } from 'node:fs';
import { readArguments, type Settings, UsageError } from './arguments.ts';
import { ROWS } from './catalogue.ts';
import { contest } from './contest.ts';
import { thisMachine, versionsOf } from './machine.ts';
import { Progress } from './progress.ts';
import { missingOf, type Report } from './report.ts';
import { formatChart } from './reports/chart.ts';
import { formatPage } from './reports/page.ts';
import { formatTable } from './reports/table.ts';
import type { RowResult } from './result.ts';
import { Stage } from './stage.ts';

const PAGE = new URL('../README.md', import.meta.url);
const CHART_NAME = 'chart.svg';
const CHART = new URL(`../${CHART_NAME}`, import.meta.url);
const SIGNAL_EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

try {
  if (process.argv[2] === 'http') await import('./http/main.ts');
  else await rows();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 2;
}

async function rows(): Promise<void> {
  const request = readArguments(process.argv.slice(2), ROWS);
  if ('text' in request) console.log(request.text);
  else await benchmark(request.settings);
}

async function benchmark(settings: Settings): Promise<void> {
  const stage = new Stage();
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stage.kill();
      process.exit(SIGNAL_EXIT_CODES[signal]);
    });
  }
  process.once('exit', () => stage.kill()); // after a fault of the benchmark itself
  const progress = new Progress(process.stderr, settings.rows.length);
  const report = await run(settings, stage, progress);
  if (settings.json) console.log(JSON.stringify(report, null, 2));
  else console.log(formatTable(report));
  if (settings.write) {
    writeFileSync(PAGE, formatPage(report, CHART_NAME));
    writeFileSync(CHART, formatChart(report));
  }
  const written = settings.write ? '; bench/README.md and bench/chart.svg are written' : '';
  const amount = settings.rows.length === 1 ? '1 row' : `${settings.rows.length} rows`;
  progress.note(`${amount} in ${report.seconds.toFixed(0)} s${written}`);
  if (missingOf(report, ['failed']).length > 0) process.exitCode = 1;
}

async function run(settings: Settings, stage: Stage, progress: Progress): Promise<Report> {
  const { quick, rounds, durationMs } = settings;
  try {
    const rows: RowResult[] = [];
    for (const row of settings.rows) {
      progress.begin(row.name);
      const result = await contest(row, stage, settings, (what) => progress.tell(what));
      rows.push(result);
      for (const { contender, state, reason } of result.entries) {
        if (state === 'failed') progress.note(`${row.name}: ${contender} failed: ${reason}`);
      }
    }
    return {
      date: new Date().toISOString(),
      machine: thisMachine(),
      versions: versionsOf(stage),
      quick,
      rounds,
      durationMs,
      seconds: progress.seconds,
      rows,
    };
  } finally {
    await stage.close();
  }
}
