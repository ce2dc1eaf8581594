/**
 * Those who look at the dashboard: each gets a snapshot a second, as a server-sent event.
 *
 * A snapshot is made once for all of them, and only while there is somebody. Their number is bounded, and so is what is kept for one:
 * who has not taken a snapshot gets no other, and who takes none for a while is dropped. The timer ends with the last of them.
 */

import type { ServerResponse } from 'node:http';
import type { Logger } from '../logger.ts';
import type { Snapshot } from './snapshot.ts';

/** At once; a browser makes one for each tab. */
export const MAX_VIEWERS = 32;
const PERIOD_MS = 1000;
/** Snapshots that a viewer may miss in a row. */
const PATIENCE = 10;

/** What viewers are shown. */
export interface ViewersOptions {
  readonly look: () => Promise<Snapshot>;
  readonly logger: Logger;
}

interface Viewer {
  readonly response: ServerResponse;
  missed: number;
}

/** See the top of the file. */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #viewers = new Set<Viewer>();
  #timer: NodeJS.Timeout | undefined = undefined;
  /** The last snapshot, as an event; undefined while nobody looks. */
  #last: string | undefined = undefined;
  #isLooking = false;

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  /** Whether no further one is taken. */
  get isFull(): boolean {
    return this.#viewers.size >= MAX_VIEWERS;
  }

  /** Sends snapshots from now on, until the other side goes. The head is written already. */
  add(response: ServerResponse): void {
    const viewer: Viewer = { response, missed: 0 };
    this.#viewers.add(viewer);
    response.once('close', () => this.#remove(viewer));
    response.write(`retry: ${PERIOD_MS}\n\n`);
    if (this.#last !== undefined) response.write(this.#last);
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#tick(), PERIOD_MS).unref();
    void this.#tick();
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#last = undefined;
  }

  async #tick(): Promise<void> {
    if (this.#isLooking) return; // the system takes long to say how much memory is used
    this.#isLooking = true;
    try {
      const event = `data: ${JSON.stringify(await this.#options.look())}\n\n`;
      if (this.#viewers.size === 0) return;
      this.#last = event;
      for (const viewer of [...this.#viewers]) this.#show(viewer, event);
    } catch (err) {
      this.#options.logger.error({ err }, 'the dashboard cannot show the service');
    } finally {
      this.#isLooking = false;
    }
  }

  #show(viewer: Viewer, event: string): void {
    const { response } = viewer;
    if (response.writableLength === 0) {
      viewer.missed = 0;
      response.write(event);
      return;
    }
    viewer.missed += 1;
    if (viewer.missed < PATIENCE) return;
    this.#options.logger.debug('a viewer of the dashboard takes nothing: dropped');
    response.destroy();
  }
}
