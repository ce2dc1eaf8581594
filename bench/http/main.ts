/**
 * `pnpm bench http`: plain node:http, node:cluster, zscale, and PM2 where it is asked for, serve the same application in one run, and the
 * same clients ask them. See arguments.ts for what it takes, cases.ts for the loads.
 *
 * How long it takes, in full: each of 6 loads warms its 2 or 3 contenders up for 4.3 s, and measures each for 5.3 s in 5 rounds: about 8
 * minutes, and with PM2 about 11.
 */

import { writeFileSync } from 'node:fs';
import { UsageError } from '../arguments.ts';
import { installedVersion, thisMachine, type Versions } from '../machine.ts';
import { Progress } from '../progress.ts';
import { summarize } from '../result.ts';
import { readHttpArguments, type Settings } from './arguments.ts';
import type { Case, Kind } from './cases.ts';
import { clientOf, type Measurement, measure, warmUp, wrkVersion } from './load.ts';
import { formatCase, formatHttpPage } from './page.ts';
import { pm2Version } from './pm2.ts';
import { type CaseResult, type HttpReport, resultOf } from './report.ts';
import { endAll, type Service, startService } from './service.ts';

const PAGE = new URL('../../HTTP.md', import.meta.url);
const HALF = 0.5;
/** Of an open load whose closed one is not run. */
const DEFAULT_CAPACITY = 1000;
const SIGNAL_EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** What the slowest did in the closed load of each path, in requests per second. */
const capacities = new Map<string, number>();

const request = readHttpArguments(process.argv.slice(3));
if ('text' in request) console.log(request.text);
else await benchmark(request.settings);

async function benchmark(settings: Settings): Promise<void> {
  const versions = versionsOf(settings);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(SIGNAL_EXIT_CODES[signal]));
  process.once('exit', endAll);
  const progress = new Progress(process.stderr, settings.cases.length);
  const cases: CaseResult[] = [];
  for (const one of settings.cases) {
    progress.begin(one.name);
    const result = await play(one, settings, progress);
    cases.push(result);
    if (!settings.json) {
      progress.tell('');
      console.log(formatCase(result));
    }
  }
  const { rounds, seconds } = settings;
  const report: HttpReport = {
    date: new Date().toISOString(),
    machine: thisMachine(),
    ...{ versions, rounds, seconds, total: progress.seconds, cases },
  };
  if (settings.json) console.log(JSON.stringify(report, null, 2));
  if (settings.write) writeFileSync(PAGE, formatHttpPage(report));
  const written = settings.write ? '; bench/HTTP.md is written' : '';
  const amount = cases.length === 1 ? '1 load' : `${cases.length} loads`;
  progress.note(`${amount} in ${report.total.toFixed(0)} s${written}`);
}

/** @throws UsageError when PM2 is asked for and is not there */
function versionsOf({ pm2 }: Settings): Versions {
  const pm2Found = pm2Version();
  if (pm2 && pm2Found === undefined)
    throw new UsageError('--pm2 needs the command pm2: npm install --global pm2');
  return {
    zscale: installedVersion('@zscale/core'),
    wrk: wrkVersion() ?? 'not installed',
    PM2: pm2 ? (pm2Found ?? '') : 'not asked for',
  };
}

async function play(one: Case, settings: Settings, progress: Progress): Promise<CaseResult> {
  const kinds = one.kinds.filter((kind) => kind !== 'pm2' || settings.pm2);
  const rate = one.rate ?? Math.round((capacities.get(one.what) ?? DEFAULT_CAPACITY) * HALF);
  const found = new Map<Kind, Measurement[]>(kinds.map((kind) => [kind, []]));
  const services = new Map<Kind, Service>();
  try {
    for (const kind of kinds) {
      progress.tell(`${kind} gets warm`);
      const service = await startService(kind, one.workers);
      services.set(kind, service);
      await warmUp(one, service);
    }
    for (let round = 0; round < settings.rounds; round++) {
      for (let i = 0; i < kinds.length; i++) {
        const kind = kinds[(i + round) % kinds.length] ?? 'node';
        const service = services.get(kind);
        progress.tell(`round ${round + 1} of ${settings.rounds}, ${kind}`);
        if (service === undefined) continue;
        found.get(kind)?.push(await measure(one, service, settings.seconds, rate));
      }
    }
  } finally {
    for (const service of services.values()) await service.stop();
  }
  if (one.rate === 0) {
    const medians = [...found.values()].map(
      (all) => summarize(all.map(({ perSecond }) => perSecond)).median,
    );
    capacities.set(one.what, Math.min(...medians));
  }
  return resultOf(one, rate, clientOf(one), found);
}
