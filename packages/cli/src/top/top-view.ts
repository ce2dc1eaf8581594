/**
 * How `zscale top` looks: a state and the size of the terminal in, the lines of the screen out. Pure.
 *
 *     api: service serving for 3m 5s, pid 123                 what it is
 *     requests/s 1200   in flight 12   waiting 0 ...          how it does
 *     GATEWAY  PID ...                                        processes that speak HTTP, where there are any
 *     4 workers, sorted by MEMORY, highest first              what follows
 *     ID  PID  POOL ...                                       the workers
 *     > 2 ...
 *     kill worker 2? y/n                                      a question, or what was done
 *     h help  q quit ...                                      keys
 *
 * Readable without colour: the chosen worker has a mark too. Every line fits, whatever the service is called.
 */
import { formatDuration, formatSize } from '../tables.ts';
import { gatewayLines } from './gateway-lines.ts';
import { clip, fill } from './text-width.ts';
import {
  type Column,
  formatRate,
  sortedWorkers,
  type TopState,
  type TopWorker,
} from './top-state.ts';

/** The terminal, as far as it matters here. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly hasColours: boolean;
}

interface ColumnView {
  readonly title: string;
  readonly width: number;
  readonly side: 'left' | 'right';
  readonly text: (worker: TopWorker) => string;
}

/** Together 80 columns, with one between each two. */
const VIEWS: Readonly<Record<Column, ColumnView>> = {
  id: { title: 'ID', width: 5, side: 'right', text: ({ id }) => String(id) },
  pid: { title: 'PID', width: 8, side: 'right', text: ({ pid }) => shown(pid) },
  pool: { title: 'POOL', width: 10, side: 'left', text: ({ pool }) => shown(pool) },
  state: { title: 'STATE', width: 8, side: 'left', text: ({ state }) => state },
  uptime: {
    title: 'UPTIME',
    width: 8,
    side: 'right',
    text: ({ state, uptime }) => (state === 'exited' ? '-' : formatDuration(uptime)),
  },
  rate: { title: 'REQ/S', width: 8, side: 'right', text: ({ rate }) => formatRate(rate) },
  inFlight: {
    title: 'IN FLIGHT',
    width: 9,
    side: 'right',
    text: ({ inFlight }) => shown(inFlight),
  },
  memory: { title: 'MEMORY', width: 8, side: 'right', text: ({ memory }) => formatSize(memory) },
  restarts: {
    title: 'RESTARTS',
    width: 8,
    side: 'right',
    text: ({ restarts }) => String(restarts),
  },
};
const VIEW_LIST = Object.entries(VIEWS).map(([name, view]) => ({ name, ...view }));
const USUAL_COLUMNS = 80;
/** On a wide terminal names of pools get more room. */
const MOST_EXTRA = 24;

const KEYS = 'h help  q quit  arrows choose, sort  r reload  + -  d drain  k kill  p pause';
const HELP = [
  'up, down      choose a worker (also page up, page down)',
  'left, right   sort by another column (also s)',
  'S             sort the other way round',
  '+  -          one worker more, one less',
  'r             reload: replace every worker, no request notices',
  'd             drain the chosen worker: replace it, successor first',
  'k             kill the chosen worker (SIGKILL)',
  'p             pause: the screen stays as it is',
  'q, Ctrl-C     leave; the service goes on',
  '',
  'Any key leads back.',
];

/** Lines around the table. */
const LINES_OF_SERVICE = 2;
const LINES_ABOVE = 4;
const LINES_BELOW = 2;
/** Gateways get at most one line in so many. */
const GATEWAYS_PART = 3;

const BOLD = '1';
const REVERSE = '7';
const YELLOW = '33';
const RED = '31';
const DIM = '2';

/** The screen, with a line feed between each two lines: at most `rows` lines, none wider than `columns`. */
export function render(state: TopState, screen: Screen, now: number): string {
  const { columns, rows } = screen;
  const paint = (text: string, style: string): string =>
    screen.hasColours ? `\x1b[${style}m${text}\x1b[0m` : text;
  const lines = [
    paint(clip(describeService(state, now), columns), state.lost === undefined ? BOLD : RED),
    clip(describeLoad(state), columns),
  ];
  if (state.showsHelp) lines.push('', ...HELP.map((line) => clip(line, columns)));
  else {
    const room = Math.floor((rows - LINES_ABOVE - LINES_BELOW) / GATEWAYS_PART);
    const [header, ...gateways] = gatewayLines(state.gateways, { columns, room });
    if (header !== undefined) lines.push(paint(header, BOLD), ...gateways);
    const left = rows - (lines.length - LINES_OF_SERVICE);
    lines.push(...tableOf(state, { ...screen, rows: left }, paint));
  }
  // What matters most stays where there is no room for all.
  const body = lines.slice(0, Math.max(1, rows - LINES_BELOW));
  while (body.length < rows - LINES_BELOW) body.push('');
  const footer = [
    paint(clip(describeNews(state, now), columns), YELLOW),
    paint(clip(KEYS, columns), DIM),
  ];
  return [...body, ...footer.slice(0, Math.max(0, rows - body.length))].join('\n');
}

function describeService({ status, lost, isPaused, at }: TopState, now: number): string {
  if (status === undefined) return lost ?? 'waiting for the first answer';
  const { name, kind, state, uptime, pid } = status;
  if (lost !== undefined) return `${name}: ${lost}`;
  const pause = isPaused ? `  PAUSED for ${formatDuration(now - at)}` : '';
  return `${name}: ${kind} ${state} for ${formatDuration(uptime)}, pid ${pid}${pause}`;
}

function describeLoad({ stats, status, rate }: TopState): string {
  if (stats === undefined || status === undefined) return '';
  if (stats.requests === null) return `works for ${status.backends.join(', ') || 'nobody yet'}`;
  const errors = Object.values(stats.errors ?? {}).reduce((sum, count) => sum + count, 0);
  return [
    `requests/s ${formatRate(rate)}`,
    `in flight ${shown(stats.inFlight)}`,
    `waiting ${shown(stats.queued)}`,
    `longest ${formatDuration(stats.longestWait)}`,
    `errors ${errors}`,
  ].join('   ');
}

function tableOf(
  state: TopState,
  { columns, rows, hasColours }: Screen,
  paint: (text: string, style: string) => string,
): readonly string[] {
  const { sortedBy, isReversed, chosen, workers } = state;
  const count = `${workers.length} ${workers.length === 1 ? 'worker' : 'workers'}`;
  const order = isReversed ? 'highest first' : 'lowest first';
  const caption = `${count}, sorted by ${VIEWS[sortedBy].title}, ${order}`;
  const extra = Math.max(0, Math.min(columns - USUAL_COLUMNS, MOST_EXTRA));
  const widths = VIEW_LIST.map(({ name, width }) => (name === 'pool' ? width + extra : width));
  const header = VIEW_LIST.map(({ title, side }, i) => fill(title, widths[i] ?? 0, side)).join(' ');

  const sorted = sortedWorkers(state);
  const room = Math.max(0, rows - LINES_ABOVE - LINES_BELOW);
  const at = sorted.findIndex(({ id }) => id === chosen);
  // The chosen one stays in sight; a line says how many are not.
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), sorted.length - room));
  const rowsShown = sorted.slice(first, first + room).map((worker) => {
    const cells = VIEW_LIST.map(({ text, side }, i) => fill(text(worker), widths[i] ?? 0, side));
    const line = cells.join(' ');
    if (worker.id !== chosen) return clip(line, columns);
    const marked = clip(line.replace(/^ /, '>'), columns);
    return hasColours ? paint(marked, REVERSE) : marked;
  });
  const hidden = sorted.length - rowsShown.length;
  const note = hidden === 0 ? caption : `${caption}; ${hidden} are not shown, choose by arrows`;
  return [clip(note, columns), paint(clip(header, columns), BOLD), ...rowsShown];
}

function describeNews({ question, notice }: TopState, now: number): string {
  if (question !== undefined) return `${question.text} y/n`;
  return notice !== undefined && now < notice.until ? notice.text : '';
}

function shown(value: string | number | null): string {
  return String(value ?? '-');
}
