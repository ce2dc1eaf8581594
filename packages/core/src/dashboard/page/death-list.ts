/**
 * The last deaths, each with its stack if there is one. What is open stays open when others come.
 */

import type { DeathView } from '../snapshot.ts';
import { make } from './elements.ts';
import { several, span } from './figures.ts';

/** See the top of the file. */
export class DeathList {
  readonly #list: HTMLElement;
  readonly #nothing: HTMLElement;
  readonly #entries = new Map<string, HTMLElement>();
  #isFirst = true;

  /** `nothing` is shown while there is none. */
  constructor(list: HTMLElement, nothing: HTMLElement) {
    this.#list = list;
    this.#nothing = nothing;
  }

  /** Shows these, the last first, and gives those that are new; none the first time. */
  show(deaths: readonly DeathView[]): readonly DeathView[] {
    const keys = new Set(deaths.map(keyOf));
    for (const [key, entry] of this.#entries) {
      if (keys.has(key)) continue;
      entry.remove();
      this.#entries.delete(key);
    }
    const fresh = deaths.filter((death) => !this.#entries.has(keyOf(death)));
    for (const death of [...fresh].reverse()) {
      const entry = entryOf(death);
      this.#entries.set(keyOf(death), entry);
      this.#list.prepend(entry);
    }
    this.#nothing.hidden = deaths.length > 0;
    const wasFirst = this.#isFirst;
    this.#isFirst = false;
    return wasFirst ? [] : fresh;
  }
}

/** In one sentence. */
export function deathText({ noun, id, why }: DeathView): string {
  return `${noun === 'worker' ? 'Worker' : 'Gateway'} ${id} died${why === null ? '' : `: ${why}`}`;
}

function keyOf({ noun, id, pid, time }: DeathView): string {
  return `${noun} ${id} ${pid} ${time}`;
}

function entryOf(death: DeathView): HTMLElement {
  const { noun, id, pid, time, why, uptime, held, requests, stack } = death;
  const entry = make('li');
  const head = make('p', 'death');
  const when = make('time', '', new Date(time).toLocaleTimeString('en-GB'));
  when.dateTime = time;
  when.title = time;
  head.append(
    when,
    make('strong', '', `${noun} ${id}`),
    make('span', 'why', why ?? 'it is not known why'),
  );
  const facts = [`pid ${pid}`, `after ${span(uptime)}`];
  if (noun === 'worker') facts.push(`held ${several(held, 'request')}`);
  head.append(make('span', 'facts', facts.join(' · ')));
  entry.append(head);
  const more = make('div', 'folded');
  if (requests.length > 0) {
    more.append(folded(several(requests.length, 'request id'), requests.join('\n')));
  }
  if (stack !== null) more.append(folded('stack', stack));
  entry.append(more);
  return entry;
}

function folded(title: string, text: string): HTMLElement {
  const details = make('details');
  const code = make('pre', '', text);
  code.tabIndex = 0; // so that the keyboard can scroll it
  details.append(make('summary', '', title), code);
  return details;
}
