/** What a run of `pnpm bench http` gives; `--json` prints it as it is. */

import type { Machine, Versions } from '../machine.ts';
import { type Summary, summarize } from '../result.ts';
import type { Case, Kind } from './cases.ts';
import type { Measurement } from './load.ts';

/** See the top of the file. */
export interface HttpReport {
  /** When it ended, ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly rounds: number;
  /** How long one measurement took. */
  readonly seconds: number;
  /** How long all of it took. */
  readonly total: number;
  readonly cases: readonly CaseResult[];
}

/** One load. Times in ms. */
export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly workers: number;
  readonly connections: number;
  /** Requests per second; 0 for as many as are answered. */
  readonly rate: number;
  readonly client: string;
  readonly contenders: readonly ContenderResult[];
  /** zscale divided by node:cluster: of the medians, and the lowest and the highest of all rounds. */
  readonly ratios: Readonly<Record<'perSecond' | 'p99', Summary>> | undefined;
  readonly goal: (NonNullable<Case['goal']> & { readonly isMet: boolean }) | undefined;
}

/** One contender under one load. CPU in microseconds per request; `service` is front and workers together. */
export interface ContenderResult {
  readonly kind: Kind;
  readonly perSecond: Summary;
  readonly p50: Summary;
  readonly p95: Summary;
  readonly p99: Summary;
  /** In all rounds together. */
  readonly errors: number;
  readonly cpu: Readonly<Record<'client' | 'front' | 'workers' | 'service', Summary>>;
}

/** Puts the rounds of all contenders side by side. */
export function resultOf(
  { name, title, workers, connections, goal }: Case,
  rate: number,
  client: string,
  rounds: ReadonlyMap<Kind, readonly Measurement[]>,
): CaseResult {
  const contenders = [...rounds].map(([kind, measured]) => contenderOf(kind, measured));
  const ratios = ratiosOf(rounds.get('zscale'), rounds.get('cluster'));
  const { atLeast = 0, atMost = Number.POSITIVE_INFINITY, figure = 'p99' } = goal ?? {};
  const ratio = ratios?.[figure].median ?? Number.NaN;
  const isMet = ratio >= atLeast && ratio <= atMost;
  return {
    ...{ name, title, workers, connections, rate, client, contenders, ratios },
    goal: goal && { ...goal, isMet },
  };
}

function contenderOf(kind: Kind, measured: readonly Measurement[]): ContenderResult {
  const of = (value: (one: Measurement) => number): Summary => summarize(measured.map(value));
  return {
    kind,
    perSecond: of(({ perSecond }) => perSecond),
    p50: of(({ p50 }) => p50),
    p95: of(({ p95 }) => p95),
    p99: of(({ p99 }) => p99),
    errors: measured.reduce((sum, { errors }) => sum + errors, 0),
    cpu: {
      client: of(({ cpu }) => cpu.client),
      front: of(({ cpu }) => cpu.front),
      workers: of(({ cpu }) => cpu.workers),
      service: of(({ cpu }) => cpu.front + cpu.workers),
    },
  };
}

function ratiosOf(
  ours: readonly Measurement[] | undefined,
  peers: readonly Measurement[] | undefined,
): CaseResult['ratios'] {
  if (ours === undefined || peers === undefined) return undefined;
  const of = (value: (one: Measurement) => number): Summary => {
    const perRound = ours.map((one, round) => value(one) / valueOr(peers[round], value));
    const median = summarize(ours.map(value)).median / summarize(peers.map(value)).median;
    return { ...summarize(perRound), median };
  };
  return { perSecond: of(({ perSecond }) => perSecond), p99: of(({ p99 }) => p99) };
}

function valueOr(one: Measurement | undefined, value: (one: Measurement) => number): number {
  return one === undefined ? Number.NaN : value(one);
}
