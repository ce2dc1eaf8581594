/**
 * Looks at the service every second and has it resized as `autoscale.ts` decides. One change at a time: while one is made, nobody
 * looks.
 */

import type { Logger } from '../logger.ts';
import {
  type AutoscaleHistory,
  type AutoscaleLimits,
  decideCount,
  freshHistory,
  type Look,
} from './autoscale.ts';

const INTERVAL_MS = 1000;

/** What an autoscaler is made from. */
export interface AutoscalerOptions {
  readonly limits: AutoscaleLimits;
  /** A look at the service now. */
  readonly look: () => Look;
  /** Goes to so many workers; rejects when that cannot be. */
  readonly resize: (count: number, reason: string) => Promise<void>;
  readonly logger: Logger;
}

/** Changes the number of workers, from `start()` to `stop()`. */
export class Autoscaler {
  readonly #options: AutoscalerOptions;
  #history: AutoscaleHistory;
  #timer: NodeJS.Timeout | undefined;
  #isStopped: boolean;

  constructor(options: AutoscalerOptions) {
    this.#options = options;
    this.#history = freshHistory(performance.now());
    this.#timer = undefined;
    this.#isStopped = false;
  }

  /** Begins to look. Does not keep the process alive. */
  start(): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#decide(), INTERVAL_MS).unref();
  }

  /** Changes nothing any more. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #decide(): Promise<void> {
    const { limits, look, resize, logger } = this.#options;
    const { count, reason, history } = decideCount(look(), this.#history, limits);
    this.#history = history;
    if (reason !== undefined) {
      logger.info({ workers: count, reason }, 'scaling');
      try {
        await resize(count, reason);
      } catch (error) {
        if (!this.#isStopped)
          logger.error({ workers: count, err: error }, 'the number of workers stays as it was');
      }
      this.#history = freshHistory(performance.now());
    }
    this.start();
  }
}
