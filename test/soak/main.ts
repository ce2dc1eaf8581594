/**
 * `pnpm soak`: two services, of messages and of HTTP, under load and faults for a bounded time. Workers are killed, stopped, replaced and
 * resized; clients leave, stall and talk nonsense. Prints memory and handles of each supervisor, which is the front end too, and of a
 * worker that lives through all of it, and judges at the end whether anything grew.
 *
 * Ends with 1 when something grew, when a reply was wrong, came twice or did not come.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HttpLoad } from '../chaos/http-load.ts';
import { Load } from '../chaos/load.ts';
import { ALL_DEEDS, Mischief } from '../chaos/mischief.ts';
import { BadClients, HTTP_ACTS, ZMTP_ACTS } from './bad-clients.ts';
import { FIGURES, judge, type Sample, type Verdict } from './judgement.ts';
import { SoakedService } from './soaked-service.ts';

const SAMPLES = 60;
const ROWS = 20;
const LEAST_SAMPLE_MS = 500;
const PATIENCE_MS = 10_000;
const MS_OF: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

const HELP = `pnpm soak [--for 10m] [--every MS] [--leak BYTES] [--json]

  --for TIME    how long: 60s, 10m, 2h
  --every MS    from one deed to the next, for each service (2000)
  --leak BYTES  the handler keeps so much of each message: shows that growth is found
  --json        one JSON object in place of text`;

const { values } = parseArgs({
  options: {
    for: { type: 'string', default: '10m' },
    every: { type: 'string', default: '2000' },
    leak: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const [, count = '', unit = ''] =
  /^(\d{1,6})([smh])$/.exec(values.for) ?? usage(`--for ${values.for}`);
const runMs = Number(count) * (MS_OF[unit] ?? 0);
const every = wholeNumber('every', values.every);
const leak = wholeNumber('leak', values.leak);

const folder = mkdtempSync(join(tmpdir(), 'zscale-soak-'));
const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const shared = ['--workers', '3', '--max-restarts', '1000/1s'];
const messages = await SoakedService.start({
  name: 'zmtp',
  folder,
  args: [fileOf('handler.mjs'), '--bind', 'tcp://127.0.0.1:*', '--codec', 'raw', ...shared],
  env: { SOAK_LEAK: String(leak) },
});
const web = await SoakedService.start({
  name: 'http',
  folder,
  args: [fileOf('listener.mjs'), '--bind', 'http://127.0.0.1:0', ...shared],
  env: {},
});
const services = [messages, web];
const portOf = ({ endpoint }: SoakedService): number => Number(/\d+$/.exec(endpoint)?.[0]);

const load = new Load(messages.endpoint, {
  clients: 2,
  inFlight: 8,
  random: Math.random,
  onLost() {},
});
const httpLoad = new HttpLoad(portOf(web), 4);
const mischiefs = services.map(
  (service) => new Mischief(service, { deeds: ALL_DEEDS, every, random: Math.random }),
);
const crowds = [
  new BadClients(portOf(messages), ZMTP_ACTS),
  new BadClients(portOf(web), HTTP_ACTS),
];

const series = new Map<string, Sample[]>();
for (const each of [load, httpLoad, ...mischiefs, ...crowds]) each.start();
const begun = performance.now();
const sampleMs = Math.max(runMs / SAMPLES, LEAST_SAMPLE_MS);
let rows = 0;
for (let at = sampleMs; at <= runMs; at += sampleMs) {
  await new Promise((resolve) => setTimeout(resolve, at - (performance.now() - begun)));
  for (const service of services) {
    for (const [name, sample] of Object.entries(await service.sample())) {
      series.set(name, [...(series.get(name) ?? []), sample]);
    }
  }
  if (values.json || at < ((rows + 1) * runMs) / ROWS) continue;
  if (rows === 0) printHead();
  rows += 1;
  printRow(at);
}
for (const crowd of crowds) crowd.stop();
await Promise.all(mischiefs.map((mischief) => mischief.stop()));
const [tally, httpTally] = await Promise.all([load.stop(PATIENCE_MS), httpLoad.stop()]);
const exitCodes = await Promise.all(services.map((service) => service.close()));
rmSync(folder, { recursive: true, force: true });

const verdicts = [...series].map(([name, samples]) => ({ name, verdicts: judge(samples) }));
const complaints = complaintsOf();
const grown = verdicts.flatMap(({ name, verdicts: all }) =>
  all.filter(({ grows }) => grows).map((verdict) => `${name}: ${describe(verdict)}`),
);
const done = mischiefs.map((mischief) => mischief.done);
const badClients = crowds.reduce((sum, crowd) => sum + crowd.count, 0);
if (values.json) {
  const told = { seconds: runMs / 1000, done, badClients, messages: tally, http: httpTally };
  console.log(
    JSON.stringify({ ...told, series: Object.fromEntries(series), verdicts, grown, complaints }),
  );
} else printEnd();
process.exitCode = grown.length + complaints.length === 0 ? 0 : 1;

function complaintsOf(): string[] {
  const found = mischiefs.flatMap(({ faults }) => faults);
  if (tally.replied === 0 || httpTally.answered === 0) found.push('a service answered nothing');
  const wrong = tally.wrong + httpTally.wrong;
  if (wrong > 0) found.push(`${wrong} replies were wrong`);
  if (tally.duplicated > 0) found.push(`${tally.duplicated} replies came twice`);
  if (tally.unanswered > 0) found.push(`${tally.unanswered} requests were never answered`);
  for (const code of exitCodes) if (code !== 0) found.push(`a service ended with ${code}`);
  for (const { name, verdicts: all } of verdicts) {
    if (all.length === 0) found.push(`${name}: too few samples to judge; run for longer`);
  }
  return found;
}

function describe({ figure, first, last, limit }: Verdict): string {
  return `${first} to ${last} ${FIGURES[figure].unit}, up to ${limit} is taken for none`;
}

/** Resident memory in MiB and descriptors: two columns for each process. */
function printHead(): void {
  const names = [...series.keys()].map((name) => name.padStart(15)).join('');
  console.log(`${'after'.padStart(8)}${names}${'answers'.padStart(10)}`);
}

function printRow(at: number): void {
  const cells = [...series.values()].map((samples) => {
    const { rss = 0, fds = 0 } = samples.at(-1) ?? {};
    return `${rss} MiB ${String(fds).padStart(4)} h`.padStart(15);
  });
  const answers = load.answers + httpLoad.answers;
  console.log(
    `${`${Math.round(at / 1000)} s`.padStart(8)}${cells.join('')}${String(answers).padStart(10)}`,
  );
}

function printEnd(): void {
  console.log('\nMedian of the last third against the first, behind a fifth for warming up:\n');
  for (const { name, verdicts: all } of verdicts) {
    for (const verdict of all) {
      console.log(
        `  ${verdict.grows ? 'GROWS ' : 'steady'}  ${name.padEnd(14)} ${describe(verdict)}`,
      );
    }
  }
  const sum = (deed: (typeof ALL_DEEDS)[number]): number =>
    done.reduce((total, each) => total + each[deed], 0);
  const lost = Object.entries({ ...tally.failed, ...httpTally.failed });
  console.log(`
done      ${sum('kill')} kills, ${sum('stop')} stops, ${sum('reload')} replacements, ${sum('resize')} resizes, ${badClients} bad clients
answered  ${tally.replied} messages of ${tally.sent}, ${httpTally.answered} by HTTP
failed    ${lost.length === 0 ? 'none' : lost.map(([code, n]) => `${code} ${n}`).join(', ')}`);
  for (const complaint of [...grown.map((text) => `it grows: ${text}`), ...complaints]) {
    console.log(`NOT RIGHT: ${complaint}`);
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) usage(`--${name} takes a whole number; got ${text}`);
  return Number(text);
}

function usage(text: string): never {
  console.error(`soak: ${text}\n\n${HELP}`);
  process.exit(2);
}
