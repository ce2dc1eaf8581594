/**
 * `pnpm bench http`: plain node:http, node:cluster and zscale serve the same application in one run, and the same clients ask them.
 *
 * Each case is played in rounds, in each of which the contenders take turns; the values are medians. CPU is microseconds per request of
 * the clients, of who has the connections (node:cluster's primary only hands them out), and of all workers together.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuTimeOf } from '../cpu.ts';

/** What a request of the mixed load takes on the average, in ms: 95 % take 1 and 5 % take 40. */
const MIXED_MEAN_MS = 2.95;
const HALF = 0.5;
const WARM_UP_MS = 1000;
const WARM_UP_SECONDS = 3;
const KINDS = ['node', 'cluster', 'zscale'] as const;

type Kind = (typeof KINDS)[number];

/** One load. */
interface Case {
  readonly name: string;
  readonly title: string;
  readonly workers: number;
  readonly connections: number;
  readonly what: string;
  /** Requests per second; 0 for a closed load; undefined for half of what the slowest did in the closed one of that path. */
  readonly rate: number | undefined;
  readonly kinds: readonly Kind[];
}

interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly errors: number;
  readonly cpu: readonly [clients: number, front: number, workers: number];
}

/** Who serves, while a case is played. */
interface Serving {
  readonly server: ChildProcess;
  readonly port: string;
  readonly front: number;
  readonly workers: readonly number[];
}

const CASES: readonly Case[] = [
  closed('hello', 'hello world, 32 clients at once', '/hello'),
  open('hello-open', 'hello world at random moments, half of what the slowest can', '/hello'),
  closed('compute', 'computes 1 ms, 32 clients at once', '/compute'),
  open('compute-open', 'computes 1 ms at random moments, half of what the slowest can', '/compute'),
  mixed(2),
  mixed(8),
];

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
  args: process.argv.slice(3),
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const chosen = CASES.filter(
  ({ name }) => positionals.length === 0 || positionals.some((start) => name.startsWith(start)),
);
const capacities = new Map<string, number>();
const results: Record<string, Record<string, Figures>> = {};
for (const one of chosen) results[one.name] = await play(one);
if (values.json) console.log(JSON.stringify(results, null, 2));

function closed(name: string, title: string, what: string): Case {
  return { name, title, workers: 2, connections: 32, what, rate: 0, kinds: KINDS };
}

function open(name: string, title: string, what: string): Case {
  return { name, title, workers: 2, connections: 64, what, rate: undefined, kinds: KINDS };
}

function mixed(workers: number): Case {
  return {
    name: `mixed-${workers}`,
    title: `95 % block 1 ms, 5 % block 40 ms, ${workers} workers at half load: times of the short ones`,
    workers,
    connections: workers * 32,
    what: 'mixed',
    rate: (1000 / MIXED_MEAN_MS) * workers * HALF,
    kinds: ['cluster', 'zscale'], // one process alone would have more to do than it can
  };
}

async function play(one: Case): Promise<Record<string, Figures>> {
  const rate = one.rate ?? Math.round((capacities.get(one.what) ?? 1000) * HALF);
  const found = new Map<Kind, Figures[]>(one.kinds.map((kind) => [kind, []]));
  const servers = new Map<Kind, Serving>();
  try {
    for (const kind of one.kinds) servers.set(kind, await serve(one, kind));
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < one.kinds.length; i++) {
        const kind = one.kinds[(i + round) % one.kinds.length] ?? 'node';
        const serving = servers.get(kind);
        if (serving !== undefined) found.get(kind)?.push(await measure(one, serving, rate));
      }
    }
  } finally {
    for (const { server } of servers.values()) {
      server.stdin?.end();
      await once(server, 'close');
    }
  }
  const medians = Object.fromEntries([...found].map(([kind, figures]) => [kind, median(figures)]));
  const slowest = Math.min(...Object.values(medians).map(({ perSecond }) => perSecond));
  if (one.rate === 0) capacities.set(one.what, slowest);
  if (!values.json) tell(one, rate, medians);
  return medians;
}

/** Starts one and lets it get warm: everything compiled, and each worker known for how long it takes. */
async function serve(one: Case, kind: Kind): Promise<Serving> {
  const server = start('server', kind, one.workers);
  const [, port = '', front = '', ...workers] = (await line(server)).split(' ');
  const path = one.what === 'mixed' ? '/block/1' : one.what;
  const clients = start('clients', port, one.connections, WARM_UP_SECONDS, path, 0);
  await line(clients);
  return { server, port, front: Number(front), workers: workers.map(Number) };
}

async function measure(one: Case, serving: Serving, rate: number): Promise<Figures> {
  const { port, front, workers } = serving;
  const clients = start('clients', port, one.connections, seconds, one.what, rate);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const all = [[clients.pid ?? 0], [front], workers];
  const before = all.map(cpuTimeOf);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000 - 50));
  const spent = all.map((group, i) => cpuTimeOf(group) - (before[i] ?? 0));
  const told = JSON.parse(await line(clients)) as Figures & { readonly requests: number }; // clients.ts prints it
  const [ofClients = 0, ofFront = 0, ofWorkers = 0] = spent.map(
    (ms) => (ms * 1000) / told.requests,
  );
  return { ...told, cpu: [ofClients, ofFront, ofWorkers] };
}

function start(file: string, ...args: readonly (string | number)[]): ChildProcess {
  const path = fileURLToPath(new URL(`./${file}.js`, import.meta.url));
  return spawn(process.execPath, [path, ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ZSCALE_LOG_LEVEL: 'warn' },
  });
}

async function line(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('it was started with a pipe');
  for await (const text of createInterface({ input: child.stdout })) return text;
  throw new Error('it ended without a word');
}

function median(figures: readonly Figures[]): Figures {
  const of = (value: (one: Figures) => number): number => {
    const sorted = figures.map(value).sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return {
    perSecond: of(({ perSecond }) => perSecond),
    p50: of(({ p50 }) => p50),
    p95: of(({ p95 }) => p95),
    p99: of(({ p99 }) => p99),
    errors: figures.reduce((sum, { errors }) => sum + errors, 0),
    cpu: [of(({ cpu }) => cpu[0]), of(({ cpu }) => cpu[1]), of(({ cpu }) => cpu[2])],
  };
}

function tell(one: Case, rate: number, medians: Readonly<Record<string, Figures>>): void {
  const asked = rate === 0 ? 'as fast as they are answered' : `${Math.round(rate)} requests/s`;
  console.log(
    `\n${one.title} (${one.workers} workers, ${one.connections} connections, ${asked})\n`,
  );
  const columns = [
    'requests/s',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'errors',
    'CPU us: clients',
    'front',
    'workers',
    'sum of the service',
  ];
  console.log(
    ['', ...columns].map((text, i) => (i === 0 ? text.padEnd(9) : text.padStart(11))).join(' '),
  );
  for (const [kind, { perSecond, p50, p95, p99, errors, cpu }] of Object.entries(medians)) {
    const cells = [
      ...[perSecond.toFixed(0), p50.toFixed(2), p95.toFixed(2), p99.toFixed(2), String(errors)],
      ...[...cpu, cpu[1] + cpu[2]].map((us) => us.toFixed(1)),
    ];
    console.log([kind.padEnd(9), ...cells.map((text) => text.padStart(11))].join(' '));
  }
  const { zscale, cluster } = medians;
  if (zscale === undefined || cluster === undefined) return;
  const rateRatio = (zscale.perSecond / cluster.perSecond).toFixed(2);
  console.log(
    `zscale to cluster: requests/s ${rateRatio}, p99 ${(zscale.p99 / cluster.p99).toFixed(2)}`,
  );
}
