/**
 * The page's program: shows each snapshot as it comes, and has changes carried out.
 *
 * Owns which figure goes where. How they are written, drawn and listed is in the modules beside it.
 */

import type { Snapshot, WorkerView } from '../snapshot.ts';
import { change, confirmed, tell } from './actions.ts';
import { Chart, type Line } from './chart.ts';
import { DeathList, deathText } from './death-list.ts';
import { elementOf, make, write } from './elements.ts';
import { Feed, type FeedState } from './feed.ts';
import { count, duration, rate, several, size, span } from './figures.ts';
import { gatewayRow } from './gateway-rows.ts';
import { History, type Moment } from './history.ts';
import { killQuestion, WorkerTable } from './worker-table.ts';

const FEED_TEXTS: Readonly<Record<FeedState, string>> = {
  connecting: '◌ connecting',
  live: '● live',
  late: '◐ no news',
  gone: '✕ gone',
  full: '✕ too many pages look',
};

const history = new History();
const table = new WorkerTable(elementOf('workers'), { drain, kill });
const deaths = new DeathList(elementOf('deaths'), elementOf('no-deaths'));
const more = elementOf('more', HTMLButtonElement);
const fewer = elementOf('fewer', HTMLButtonElement);
const reload = elementOf('reload', HTMLButtonElement);
const controls = elementOf('controls', HTMLFieldSetElement);

/** The higher the percentile, the more it stands out. */
const PERCENTILES: readonly Line[] = [
  { label: 'p50', colour: '--accent', isFilled: true },
  { label: 'p95', colour: '--accent', dash: 'dashed' },
  { label: 'p99', colour: '--strong', dash: 'dotted' },
];
const CHARTS = [
  {
    names: ['replies', 'errors'],
    chart: new Chart({
      place: elementOf('chart-throughput'),
      lines: [
        { label: 'replies', colour: '--accent', isFilled: true },
        { label: 'errors', colour: '--bad', dash: 'dashed' },
      ],
      format: rate,
      least: 4,
    }),
  },
  {
    names: ['service50', 'service95', 'service99'],
    chart: new Chart({
      place: elementOf('chart-service'),
      lines: PERCENTILES,
      format: duration,
      least: 0.4,
    }),
  },
  {
    names: ['wait50', 'wait95', 'wait99'],
    chart: new Chart({
      place: elementOf('chart-wait'),
      lines: PERCENTILES,
      format: duration,
      least: 0.4,
    }),
  },
  {
    names: ['queued', 'inFlight'],
    chart: new Chart({
      place: elementOf('chart-queue'),
      lines: [
        { label: 'queued', colour: '--accent', isFilled: true },
        { label: 'in flight', colour: '--strong', dash: 'dashed' },
      ],
      format: count,
      least: 4,
    }),
  },
] as const;

function show(snapshot: Snapshot): void {
  const moment = history.add(snapshot);
  showService(snapshot);
  showFigures(snapshot, moment);
  showCharts();
  showWorkers(snapshot);
  showGateways(snapshot);
  showMachines(snapshot);
  const [last] = deaths.show(snapshot.deaths);
  if (last !== undefined) tell(deathText(last), 'bad news');
}

function showService({ name, kind, state, pid, uptime, endpoints }: Snapshot): void {
  document.title = `${name}: zscale`;
  write(elementOf('name'), name);
  const word = elementOf('state');
  word.dataset.state = state;
  write(word, `${state === 'serving' ? '●' : '◐'} ${state}`);
  write(elementOf('facts'), `up ${span(uptime)} · pid ${pid}`);
  const list = elementOf('endpoints');
  const texts = kind === 'service' && endpoints.length === 0 ? ['none yet'] : endpoints;
  if (list.dataset.shown === texts.join(' ')) return;
  list.dataset.shown = texts.join(' ');
  list.replaceChildren(...texts.map((text) => make('li', '', text)));
}

function showFigures({ load, workers }: Snapshot, moment: Moment): void {
  const memory = workers.reduce((sum, worker) => sum + (worker.memory ?? 0), 0);
  const figures = {
    replies: rate(moment.replies),
    errors: rate(moment.errors),
    p50: duration(moment.service50),
    p95: duration(moment.service95),
    p99: duration(moment.service99),
    queued: count(load.queued),
    wait: duration(load.longestWait),
    'in-flight': count(load.inFlight),
    memory: size(memory),
    restarts: count(load.restarts),
  };
  for (const [name, text] of Object.entries(figures)) write(elementOf(`figure-${name}`), text);
}

function showCharts(): void {
  for (const { chart, names } of CHARTS) chart.show(history.columns(...names));
}

function showWorkers({ workers, reason, state }: Snapshot): void {
  const own = workers.filter(({ pool }) => pool === null).length;
  table.show(workers, (worker) => history.rateOf(worker));
  write(elementOf('worker-count'), String(own));
  write(elementOf('reason'), reason);
  const isServing = state === 'serving';
  more.disabled = !isServing;
  fewer.disabled = !isServing || own <= 1;
  reload.disabled = !isServing;
}

function showGateways({ gateways }: Snapshot): void {
  elementOf('gateways-section').hidden = gateways.length === 0;
  const rows = gateways.map((gateway) => gatewayRow(gateway, history.rateOfGateway(gateway)));
  elementOf('gateways').replaceChildren(...rows);
}

/** Of a service, who works for it; of a machine, whom it works for. */
function showMachines({ kind, machines }: Snapshot): void {
  const isService = kind === 'service';
  write(elementOf('machines-kind'), isService ? 'Machines' : 'Back ends');
  elementOf('machines-section').hidden = machines.length === 0;
  const rows = machines.map(({ machine, address, workers, inFlight, requests }) => {
    const row = make('tr');
    const name = make('th', '', machine ?? (isService ? 'plain workers' : 'back end'));
    name.scope = 'row';
    const cells = [
      ['address', 'Address', address],
      ['number', 'Workers', count(workers)],
      ['number', 'In flight', count(inFlight)],
      ['number', 'Requests', count(requests)],
    ].map(([className, label = '', text]) => {
      const cell = make('td', className, text);
      cell.dataset.label = label;
      return cell;
    });
    row.append(name, ...cells);
    return row;
  });
  elementOf('machines').replaceChildren(...rows);
}

function showFeed(state: FeedState): void {
  const word = elementOf('feed');
  const since = state === 'gone' ? ` since ${new Date().toLocaleTimeString('en-GB')}` : '';
  const next = state === 'gone' || state === 'full' ? ', trying again' : '';
  write(word, FEED_TEXTS[state] + since + next);
  word.dataset.state = state;
  document.body.dataset.feed = state;
  controls.disabled = state !== 'live';
  if (state === 'live') return;
  history.interrupt();
  showCharts();
}

function resize(by: number): void {
  const begun = by > 0 ? 'Starting one worker more …' : 'Draining one worker …';
  void change({ verb: 'scale', by }, { begun, done: by > 0 ? 'One more.' : 'One less.' });
}

function drain({ id }: WorkerView): void {
  void change(
    { verb: 'drain', worker: id },
    { begun: `Replacing worker ${id} …`, done: `Worker ${id} was replaced.` },
  );
}

async function kill(worker: WorkerView): Promise<void> {
  if (!(await confirmed(killQuestion(worker), `Kill worker ${worker.id}`))) return;
  const { id } = worker;
  await change(
    { verb: 'kill', worker: id, signal: 'SIGKILL' },
    { begun: `Killing worker ${id} …`, done: `Sent SIGKILL to worker ${id}.` },
  );
}

more.addEventListener('click', () => resize(1));
fewer.addEventListener('click', () => resize(-1));
reload.addEventListener('click', () => {
  const workers = several(Number(elementOf('worker-count').textContent), 'worker');
  const begun = `Replacing ${workers}, one after the other …`;
  void change({ verb: 'reload' }, { begun, done: 'All workers were replaced.' });
});
new Feed({ onSnapshot: show, onState: showFeed }).start();
