/**
 * One measurement: clients of HTTP ask a service for some seconds. Closed loads come from wrk where it is installed, since it needs the
 * least CPU of all clients, which the service's processes have to share with it; open ones from clients.ts.
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuTimeOf } from '../cpu.ts';
import type { Case } from './cases.ts';
import { findCommand } from './command.ts';
import { fileOf, firstLine, type Service, startProgram } from './service.ts';

const WRK = findCommand('wrk');
/** As text: the compiler copies none. */
const WRK_REPORT = fileURLToPath(new URL('../../http/report.lua', import.meta.url));
const WRK_TIMEOUT = '10s';
/** When clients.ts begins to count, and when CPU is first looked at. */
const WARM_UP_MS = 1000;
const WARM_UP_SECONDS = 3;
/** CPU is looked at for the last time so long before the end. */
const MARGIN_MS = 100;

/** What one measurement gave. Times in ms; CPU in microseconds per request. */
export interface Measurement {
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly errors: number;
  readonly cpu: { readonly client: number; readonly front: number; readonly workers: number };
}

/** wrk's version; undefined where it is not installed. */
export function wrkVersion(): string | undefined {
  if (WRK === undefined) return undefined;
  try {
    return versionIn(execFileSync(WRK, ['-v'], { encoding: 'utf8', stdio: 'pipe' }));
  } catch (error) {
    // It says its version and then fails, for it was given no URL.
    return versionIn(String((error as { stdout?: string }).stdout));
  }
}

/** Who asks in this case. */
export function clientOf({ rate }: Case): 'wrk' | 'clients.ts' {
  return rate === 0 && WRK !== undefined ? 'wrk' : 'clients.ts';
}

/** Lets a service get warm: everything compiled, and each worker known for how long it takes. */
export async function warmUp({ connections, what }: Case, { port }: Service): Promise<void> {
  const path = what === 'mixed' ? '/block/1' : what;
  await firstLine(ownClients(port, connections, WARM_UP_SECONDS, path, 0));
}

/** @param rate requests per second, 0 for a closed load */
export async function measure(
  one: Case,
  { port, front, workers }: Service,
  seconds: number,
  rate: number,
): Promise<Measurement> {
  const { connections, what } = one;
  const clients =
    clientOf(one) === 'wrk'
      ? wrk(port, connections, seconds + WARM_UP_MS / 1000, what)
      : ownClients(port, connections, seconds, what, rate);
  const told = firstLine(clients, '{');
  await passed(WARM_UP_MS);
  const groups = [[clients.pid ?? 0], [front], workers];
  const start = performance.now();
  const before = groups.map(cpuTimeOf);
  await passed(seconds * 1000 - MARGIN_MS);
  const spentMs = groups.map((group, i) => cpuTimeOf(group) - (before[i] ?? 0));
  const ms = performance.now() - start;
  const figures = JSON.parse(await told) as Omit<Measurement, 'cpu'>; // clients.ts and report.lua print it
  const requests = (figures.perSecond * ms) / 1000;
  const [client = 0, ofFront = 0, ofWorkers = 0] = spentMs.map(
    (spent) => (spent * 1000) / requests,
  );
  return { ...figures, cpu: { client, front: ofFront, workers: ofWorkers } };
}

function wrk(port: string, connections: number, seconds: number, path: string) {
  return startProgram(WRK ?? 'wrk', [
    ...['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', WRK_TIMEOUT],
    ...['-s', WRK_REPORT, `http://127.0.0.1:${port}${path}`],
  ]);
}

function ownClients(...args: readonly (string | number)[]) {
  return startProgram(process.execPath, [fileOf('clients'), ...args.map(String)]);
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function versionIn(text: string): string | undefined {
  return /^wrk (\S+)/m.exec(text)?.[1];
}
