/**
 * What `zscale top` knows and shows: the last two answers of the service, what is chosen and sorted, and what a key does to that.
 *
 * Pure: keys and answers in, the next state out, with what is to be asked of the service. Drawing is top-view.ts, the terminal and the
 * control socket are commands/top.ts.
 */
import type {
  ControlRequest,
  GatewayReport,
  StatsReport,
  StatusReport,
  WorkerReport,
} from '@zscale/core';

/** Columns by which workers can be sorted, in the order in which they stand. */
export const COLUMNS = [
  'id',
  'pid',
  'pool',
  'state',
  'uptime',
  'rate',
  'inFlight',
  'memory',
  'restarts',
] as const;

/** One of them. */
export type Column = (typeof COLUMNS)[number];

/** How long what was done stays on the screen, in ms. */
const NOTICE_MS = 5000;

/** A worker with its requests per second. */
export interface TopWorker extends WorkerReport {
  /** Null where nobody counts, or not yet. */
  readonly rate: number | null;
}

/** A gateway process with its requests per second. */
export interface TopGateway extends GatewayReport {
  /** Null where it is not known yet. */
  readonly rate: number | null;
}

/** What can be asked of the service by a key. */
export type TopRequest = Extract<ControlRequest, { verb: 'reload' | 'scale' | 'drain' | 'kill' }>;

/** A question that y answers. */
export interface Question {
  readonly text: string;
  readonly request: TopRequest;
}

/** All that is shown. Times are on one clock that nobody sets, in ms. */
export interface TopState {
  /** The last answers; undefined before the first. */
  readonly status: StatusReport | undefined;
  readonly stats: StatsReport | undefined;
  /** When they came. */
  readonly at: number;
  /** Why there is no newer one; undefined while the service answers. */
  readonly lost: string | undefined;
  /** Requests per second of the service; null where nobody counts, or not yet. */
  readonly rate: number | null;
  readonly gateways: readonly TopGateway[];
  readonly workers: readonly TopWorker[];
  readonly sortedBy: Column;
  readonly isReversed: boolean;
  /** The id of the chosen worker. */
  readonly chosen: number | undefined;
  readonly isPaused: boolean;
  readonly showsHelp: boolean;
  readonly question: Question | undefined;
  readonly notice: { readonly text: string; readonly until: number } | undefined;
}

/** Nothing is known yet. */
export const FIRST_STATE: TopState = {
  status: undefined,
  stats: undefined,
  at: 0,
  lost: undefined,
  rate: null,
  gateways: [],
  workers: [],
  sortedBy: 'id',
  isReversed: false,
  chosen: undefined,
  isPaused: false,
  showsHelp: false,
  question: undefined,
  notice: undefined,
};

/** What a key does. */
export type KeyEffect =
  | { readonly type: 'show'; readonly state: TopState }
  | { readonly type: 'ask'; readonly state: TopState; readonly request: TopRequest }
  | { readonly type: 'quit' };

/** The service answered. */
export function withAnswers(
  state: TopState,
  status: StatusReport,
  stats: StatsReport,
  now: number,
): TopState {
  const seconds = (now - state.at) / 1000;
  // Another supervisor of that name, after the first has ended, counts from 0.
  const isSame = state.status?.pid === status.pid && state.lost === undefined;
  const before = new Map(isSame ? state.workers.map((worker) => [worker.pid, worker]) : []);
  const workers = status.workers.map((worker) => ({
    ...worker,
    rate: rateOf(worker.requests, before.get(worker.pid)?.requests, seconds),
  }));
  const gatewaysBefore = new Map(isSame ? state.gateways.map((one) => [one.id, one]) : []);
  const gateways = status.gateways.map((gateway) => ({
    ...gateway,
    rate: rateOf(gateway.requests, gatewaysBefore.get(gateway.id)?.requests, seconds),
  }));
  const rate = rateOf(stats.requests, isSame ? state.stats?.requests : undefined, seconds);
  const next = { ...state, status, stats, at: now, lost: undefined, rate, gateways, workers };
  return { ...next, chosen: chosenIn(next) };
}

/** It answers no longer, and why. */
export function withLoss(state: TopState, why: string): TopState {
  return { ...state, lost: why, question: undefined };
}

/** Says something for a while. */
export function withNotice(state: TopState, text: string, now: number): TopState {
  return { ...state, notice: { text, until: now + NOTICE_MS } };
}

/** Workers in the order in which they are shown. */
export function sortedWorkers({ workers, sortedBy, isReversed }: TopState): readonly TopWorker[] {
  const sign = isReversed ? -1 : 1;
  return [...workers].sort(
    (one, other) => sign * compare(one[sortedBy], other[sortedBy]) || one.id - other.id,
  );
}

/** A key was pressed: a letter, or a name such as `up`. */
export function withKey(state: TopState, key: string, now: number): KeyEffect {
  if (key === 'q') return { type: 'quit' };
  const { question } = state;
  if (question !== undefined) {
    const answered = { ...state, question: undefined };
    if (key !== 'y' && key !== 'Y') return show(withNotice(answered, 'nothing was done', now));
    return { type: 'ask', state: answered, request: question.request };
  }
  if (state.showsHelp) return show({ ...state, showsHelp: false });
  return withCommand(state, key, now);
}

function withCommand(state: TopState, key: string, now: number): KeyEffect {
  switch (key) {
    case 'h':
    case '?':
      return show({ ...state, showsHelp: true });
    case 'p':
      return show({ ...state, isPaused: !state.isPaused });
    case 'right':
    case 's':
      return show(sortedByNext(state, 1));
    case 'left':
      return show(sortedByNext(state, -1));
    case 'S':
      return show({ ...state, isReversed: !state.isReversed });
    case 'up':
      return show(movedBy(state, -1));
    case 'down':
      return show(movedBy(state, 1));
    case 'pageup':
      return show(movedBy(state, -10));
    case 'pagedown':
      return show(movedBy(state, 10));
    default:
      return withSteering(state, key, now);
  }
}

/** Keys that change the service: only while it answers, or the screen may be long out of date. */
function withSteering(state: TopState, key: string, now: number): KeyEffect {
  const worker = state.workers.find(({ id }) => id === state.chosen);
  if (!'+-rdk'.includes(key) || key.length !== 1) return show(state);
  if (state.lost !== undefined || state.status === undefined) {
    return show(withNotice(state, 'the service does not answer now', now));
  }
  if (key === '+' || key === '-') {
    return { type: 'ask', state, request: { verb: 'scale', by: key === '+' ? 1 : -1 } };
  }
  if (key === 'r') {
    const count = state.workers.length;
    const text = `reload: replace ${count === 1 ? 'the one worker' : `all ${count} workers`}?`;
    return show({ ...state, question: { text, request: { verb: 'reload' } } });
  }
  if (worker === undefined) return show(withNotice(state, 'no worker is chosen', now));
  const { id, pid } = worker;
  const question: Question =
    key === 'd'
      ? { text: `drain worker ${id} (pid ${pid})?`, request: { verb: 'drain', worker: id } }
      : {
          text: `kill worker ${id} (pid ${pid}) by SIGKILL? What it holds is lost.`,
          request: { verb: 'kill', worker: id, signal: 'SIGKILL' },
        };
  return show({ ...state, question });
}

function show(state: TopState): KeyEffect {
  return { type: 'show', state };
}

/** Numbers are read from the highest down, names and ids upwards. */
function sortedByNext(state: TopState, by: number): TopState {
  const at = COLUMNS.indexOf(state.sortedBy) + by + COLUMNS.length;
  const sortedBy = COLUMNS[at % COLUMNS.length] ?? 'id';
  const isReversed = ['uptime', 'rate', 'inFlight', 'memory', 'restarts'].includes(sortedBy);
  return { ...state, sortedBy, isReversed };
}

function movedBy(state: TopState, by: number): TopState {
  const shown = sortedWorkers(state);
  const at = shown.findIndex(({ id }) => id === state.chosen) + by;
  const chosen = shown[Math.max(0, Math.min(at, shown.length - 1))];
  return { ...state, chosen: chosen?.id };
}

/** Whoever is gone is chosen no longer. */
function chosenIn(state: TopState): number | undefined {
  const { chosen, workers } = state;
  if (workers.some(({ id }) => id === chosen)) return chosen;
  return sortedWorkers(state)[0]?.id;
}

/** Per second; null before there are two counts. Counts that went back are another process's. */
function rateOf(
  count: number | null,
  before: number | null | undefined,
  seconds: number,
): number | null {
  if (count === null || before === null || before === undefined || seconds <= 0) return null;
  return count < before ? null : (count - before) / seconds;
}

/** As it is shown; `-` for what is not known. */
export function formatRate(rate: number | null): string {
  if (rate === null) return '-';
  return rate >= 10 || rate === 0 ? String(Math.round(rate)) : rate.toFixed(1);
}

/** What is not known comes first. */
function compare(one: string | number | null, other: string | number | null): number {
  if (one === null || other === null) return Number(other === null) - Number(one === null);
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  return String(one).localeCompare(String(other));
}
