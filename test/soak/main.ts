/**
 * `pnpm soak`: two services, of messages and of HTTP, under load and faults for a bounded time. The first has a joined machine, and others
 * that come and go; the second has its clients' connections in gateway processes. Workers are killed, stopped, replaced and resized,
 * gateways are killed; clients leave, stall and talk nonsense. Prints memory and handles of each supervisor, and of a worker and a gateway
 * that live through all of it, and judges at the end whether anything grew.
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
import { PassingMachines } from './passing-machines.ts';
import { SoakedService } from './soaked-service.ts';

const SAMPLES = 60;
const ROWS = 20;
/** Before and behind the two lines that name a process each. */
const HEAD = [
  ['', ''],
  ['after', 'answers'],
] as const;
const LEAST_SAMPLE_MS = 500;
const PATIENCE_MS = 10_000;
const MS_OF: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

const HELP = `pnpm soak [--for 10m] [--every MS] [--leak BYTES] [--json]

  --for TIME    how long: 60s, 10m, 2h
  --every MS    from one deed to the next, for each service (2000)
  --leak BYTES  workers of messages keep so much more each second: shows that growth is found
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
const handler = fileOf('handler.mjs');
const local = 'tcp://127.0.0.1:*';
const messages = await SoakedService.start({
  name: 'zmtp',
  role: 'front',
  folder,
  args: ['run', handler, '--bind', local, '--backend', local, '--codec', 'raw', ...shared],
  env: { SOAK_LEAK: String(leak) },
});
const web = await SoakedService.start({
  name: 'http',
  role: 'queue',
  folder,
  args: [
    'run',
    fileOf('listener.mjs'),
    '--bind',
    'http://127.0.0.1:0',
    '--gateways',
    '2',
    ...shared,
  ],
  env: {},
});
const backend = messages.backend ?? '';
const machine = await SoakedService.start({
  name: 'joined',
  role: 'machine',
  folder,
  args: ['join', backend, handler, '--codec', 'raw', '--workers', '2', '--max-restarts', '1000/1s'],
  env: {},
});
const services = [messages, web, machine];
const portOf = ({ endpoint }: SoakedService): number => Number(/\d+$/.exec(endpoint)?.[0]);

const load = new Load(messages.endpoint, {
  clients: 2,
  inFlight: 8,
  random: Math.random,
  onLost() {},
});
const httpLoad = new HttpLoad(portOf(web), { clients: 4, asksAgain: true, leavesAfter: 50 });
const mischiefs = services.map(
  (service) => new Mischief(service, { deeds: ALL_DEEDS, every, random: Math.random }),
);
const gateways = web.gateways(() => httpLoad.isCalm);
const atGateways = new Mischief(gateways, { deeds: ['kill'], every, random: Math.random });
const passing = new PassingMachines({
  backend,
  args: [handler, '--codec', 'raw', '--workers', '1'],
  folder,
});
const crowds = [
  new BadClients(portOf(messages), ZMTP_ACTS),
  new BadClients(portOf(web), HTTP_ACTS),
];

const series = new Map<string, Sample[]>();
for (const each of [load, httpLoad, ...mischiefs, atGateways, passing, ...crowds]) each.start();
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
await Promise.all([...mischiefs, atGateways, passing].map((each) => each.stop()));
const [tally, httpTally] = await Promise.all([load.stop(PATIENCE_MS), httpLoad.stop()]);
// The machine first: its service may wait for what it holds.
const exitCodes = [await machine.close(), await messages.close(), await web.close()];
rmSync(folder, { recursive: true, force: true });

const verdicts = [...series].map(([name, samples]) => ({ name, verdicts: judge(samples) }));
const complaints = complaintsOf();
const grown = verdicts.flatMap(({ name, verdicts: all }) =>
  all.filter(({ grows }) => grows).map((verdict) => `${name} grew: ${describe(verdict)}`),
);
const done = mischiefs.map((mischief) => mischief.done);
const badClients = crowds.reduce((sum, crowd) => sum + crowd.count, 0);
if (values.json) {
  const gatewayKills = atGateways.done.kill;
  const harm = { done, gatewayKills, passingMachines: passing.count, badClients };
  const told = { seconds: runMs / 1000, ...harm, messages: tally, http: httpTally };
  console.log(
    JSON.stringify({ ...told, series: Object.fromEntries(series), verdicts, grown, complaints }),
  );
} else printEnd();
for (const complaint of [...grown, ...complaints]) console.error(`NOT RIGHT: ${complaint}`);
process.exitCode = grown.length + complaints.length === 0 ? 0 : 1;

function complaintsOf(): string[] {
  const found = [...mischiefs, passing].flatMap(({ faults }) => faults);
  if (tally.replied === 0 || httpTally.answered === 0) found.push('a service answered nothing');
  const wrong = tally.wrong + httpTally.wrong;
  if (wrong > 0) found.push(`${wrong} replies were wrong`);
  for (const [code, n] of Object.entries(httpTally.failed)) {
    found.push(`${n} requests by HTTP failed with ${code}`);
  }
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

/** One column for each process. */
function printHead(): void {
  console.log('MiB of resident memory and open descriptors:\n');
  for (const [part, [first, last]] of HEAD.entries()) {
    const names = [...series.keys()].map((name) => (name.split(' ')[part] ?? '').padStart(9));
    console.log(`${first.padStart(7)}${names.join('')}${last.padStart(10)}`);
  }
}

function printRow(at: number): void {
  const cells = [...series.values()].map((samples) => {
    const { rss = 0, fds = 0 } = samples.at(-1) ?? {};
    return `${rss} ${String(fds).padStart(3)}`.padStart(9);
  });
  const answers = load.answers + httpLoad.answers;
  console.log(
    `${`${Math.round(at / 1000)} s`.padStart(7)}${cells.join('')}${String(answers).padStart(10)}`,
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
done      ${sum('kill')} kills, ${sum('stop')} stops, ${sum('reload')} replacements, ${sum('resize')} resizes
          ${atGateways.done.kill} gateways killed, ${passing.count} machines came and went, ${badClients} bad clients
answered  ${tally.replied} messages of ${tally.sent}, ${httpTally.answered} by HTTP
reset     ${httpTally.resets} requests by HTTP, asked once more
failed    ${lost.length === 0 ? 'none' : lost.map(([code, n]) => `${code} ${n}`).join(', ')}`);
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) usage(`--${name} takes a whole number; got ${text}`);
  return Number(text);
}

function usage(text: string): never {
  console.error(`soak: ${text}\n\n${HELP}`);
  process.exit(2);
}
