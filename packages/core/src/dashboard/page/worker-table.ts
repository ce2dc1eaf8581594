/**
 * The workers, one row each: it stays the same row while its worker is there, whatever changes in it, so that a button that has the
 * keyboard's focus keeps it.
 */

import type { WorkerView } from '../snapshot.ts';
import { make, write } from './elements.ts';
import { count, rate, several, size, span, UNKNOWN } from './figures.ts';
import { StateMark, UtilizationMark } from './process-cells.ts';

/** What the buttons of a row do. */
export interface WorkerActions {
  drain(worker: WorkerView): void;
  kill(worker: WorkerView): void;
}

const COLUMNS = [
  ['worker', 'Worker'],
  ['state', 'State'],
  ['pid', 'PID'],
  ['inFlight', 'In flight'],
  ['utilization', 'Utilisation'],
  ['rate', 'Requests/s'],
  ['memory', 'Memory'],
  ['restarts', 'Restarts'],
  ['uptime', 'Uptime'],
] as const;

type ColumnName = (typeof COLUMNS)[number][0];

/** See the top of the file. */
export class WorkerTable {
  readonly #body: HTMLElement;
  readonly #actions: WorkerActions;
  readonly #rows = new Map<number, WorkerRow>();

  constructor(body: HTMLElement, actions: WorkerActions) {
    this.#body = body;
    this.#actions = actions;
  }

  /** Shows these, in this order; `rateOf` gives requests a second. */
  show(workers: readonly WorkerView[], rateOf: (worker: WorkerView) => number | null): void {
    const present = new Set(workers.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (present.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    let before: Element | null = null;
    for (const worker of workers) {
      const row = this.#rows.get(worker.id) ?? new WorkerRow(this.#actions, worker);
      this.#rows.set(worker.id, row);
      row.show(worker, rateOf(worker));
      const next: Element | null =
        before === null ? this.#body.firstElementChild : before.nextElementSibling;
      if (next !== row.element) this.#body.insertBefore(row.element, next);
      before = row.element;
    }
  }
}

class WorkerRow {
  readonly element: HTMLTableRowElement = make('tr');
  readonly #cells: Readonly<Record<ColumnName, HTMLElement>>;
  readonly #state = new StateMark();
  readonly #utilization = new UtilizationMark();
  readonly #drain: HTMLButtonElement;
  readonly #kill: HTMLButtonElement;
  #worker: WorkerView;

  constructor(actions: WorkerActions, worker: WorkerView) {
    this.#worker = worker;
    const cell = (name: ColumnName, label: string): HTMLElement => {
      const element = make(name === 'worker' ? 'th' : 'td', name);
      if (name === 'worker') element.setAttribute('scope', 'row');
      element.dataset.label = label;
      return element;
    };
    const cells = COLUMNS.map(([name, label]) => [name, cell(name, label)] as const);
    this.#cells = Object.fromEntries(cells) as Record<ColumnName, HTMLElement>; // one for each column
    this.#cells.state.append(this.#state.element);
    this.#cells.utilization.append(this.#utilization.element);
    this.#drain = this.#button('Drain', 'quiet', () => actions.drain(this.#worker));
    this.#kill = this.#button('Kill', 'quiet danger', () => actions.kill(this.#worker));
    const buttons = make('td', 'actions');
    buttons.append(this.#drain, this.#kill);
    this.element.append(...cells.map(([, element]) => element), buttons);
  }

  show(worker: WorkerView, requests: number | null): void {
    this.#worker = worker;
    const { id, pid, pool, state, utilization } = worker;
    const cells = this.#cells;
    write(cells.worker, pool === null ? String(id) : `${id} ${pool}`);
    this.element.dataset.state = state;
    this.#state.show(state);
    write(cells.pid, pid === null ? UNKNOWN : String(pid));
    write(cells.inFlight, count(worker.inFlight));
    this.#utilization.show(utilization);
    write(cells.rate, rate(requests));
    write(cells.memory, size(worker.memory));
    write(cells.restarts, count(worker.restarts));
    write(cells.uptime, state === 'exited' ? UNKNOWN : span(worker.uptime));
    this.#drain.disabled = state !== 'ready';
    this.#kill.disabled = pid === null || state === 'exited';
  }

  #button(text: string, className: string, onClick: () => void): HTMLButtonElement {
    const button = make('button', className, text);
    button.type = 'button';
    button.setAttribute('aria-label', `${text} worker ${this.#worker.id}`);
    button.addEventListener('click', onClick);
    return button;
  }
}

/** The question before a worker is killed. */
export function killQuestion({ id, pid, inFlight }: WorkerView): string {
  const held = inFlight ?? 0;
  const lost =
    held === 0
      ? 'It holds no request.'
      : `It holds ${several(held, 'request')}, whose clients get an error unless they may be retried.`;
  return `Kill worker ${id} (pid ${pid ?? UNKNOWN}) with SIGKILL? ${lost} Another process takes its place.`;
}
