/** Cells that say how a process is: its state, by word and shape, and how busy it is, by a bar and a number. */

import { make, write } from './elements.ts';
import { percent } from './figures.ts';

/** A state by shape, beside its word. */
const SHAPES: Readonly<Record<string, string>> = {
  ready: '●',
  starting: '◔',
  draining: '◑',
  stopping: '○',
  exited: '✕',
};

/** What goes into a cell for the state. */
export class StateMark {
  readonly element: HTMLElement;
  readonly #shape = make('span', 'shape');
  readonly #state = make('span');

  constructor() {
    this.#shape.setAttribute('aria-hidden', 'true');
    this.element = together(this.#shape, this.#state);
  }

  show(state: string): void {
    write(this.#shape, SHAPES[state] ?? '?');
    write(this.#state, state);
  }
}

/** What goes into a cell for the part of the time that an event loop was busy. */
export class UtilizationMark {
  readonly element: HTMLElement;
  readonly #bar = make('span', 'bar');
  readonly #part = make('span');

  constructor() {
    this.#bar.setAttribute('aria-hidden', 'true');
    this.element = together(this.#bar, this.#part);
  }

  show(utilization: number | null): void {
    this.#bar.style.setProperty('--part', String(utilization ?? 0));
    write(this.#part, percent(utilization));
  }
}

/** In a narrow window a cell has its name on the left and all else on the right. */
function together(...parts: readonly HTMLElement[]): HTMLElement {
  const whole = make('span');
  whole.append(...parts);
  return whole;
}
