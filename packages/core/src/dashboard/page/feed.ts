/**
 * The snapshots as they come, and whether they do.
 *
 *     connecting --> live <--> late        late: connected, and nothing has come for some seconds
 *         |           |         |
 *         +-----------+---------+--> gone --> live
 *
 * The browser connects again by itself when a connection is lost, and gives up when it is refused; then this asks why, and goes on.
 */

import type { Snapshot } from '../snapshot.ts';

/** How it stands; `full` is refused because too many look already. */
export type FeedState = 'connecting' | 'live' | 'late' | 'gone' | 'full';

/** Whom it tells. */
export interface FeedSink {
  onSnapshot(snapshot: Snapshot): void;
  onState(state: FeedState): void;
}

const EVENTS = 'events';
const RETRY_MS = 2000;
/** So long without a snapshot is late. */
const LATE_MS = 4000;

/** See the top of the file. */
export class Feed {
  readonly #sink: FeedSink;
  #state: FeedState = 'connecting';
  #lateTimer = 0;

  constructor(sink: FeedSink) {
    this.#sink = sink;
  }

  /** Goes on for as long as the page is there. */
  start(): void {
    const source = new EventSource(EVENTS);
    source.onmessage = ({ data }) => {
      this.#enter('live');
      this.#sink.onSnapshot(JSON.parse(data));
      this.#lateTimer = setTimeout(() => this.#enter('late'), LATE_MS);
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) void this.#askWhy();
      else this.#enter('gone');
    };
  }

  async #askWhy(): Promise<void> {
    try {
      const { status } = await fetch(EVENTS, { method: 'HEAD' });
      // The token is another now, or the address is closed: the page itself says what is to be done.
      if (status === 401 || status === 403) return location.reload();
      this.#enter(status === 503 ? 'full' : 'gone');
    } catch {
      this.#enter('gone'); // nobody is there, and that is what is shown
    }
    setTimeout(() => this.start(), RETRY_MS);
  }

  #enter(next: FeedState): void {
    clearTimeout(this.#lateTimer);
    if (next === this.#state) return;
    this.#state = next;
    this.#sink.onState(next);
  }
}
