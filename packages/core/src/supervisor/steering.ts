/**
 * How the workers of a running service are changed: by its program, by signals, and by its own judgement. What a server and a machine
 * that joined have in common.
 *
 * It checks what is asked for, tells the log how it went, and remembers why there are as many workers as there are. The changes
 * themselves are the supervisor's, which does one after the other.
 */

import { ZscaleError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { MAX_WORKERS } from '../options.ts';
import type { Supervisor, WorkerInfo } from './supervisor.ts';
import type { SystemdNotifier } from './systemd-notifier.ts';

/** What is steered. */
export interface SteeringOptions {
  readonly supervisor: Supervisor;
  /** Why there are as many workers as there are at the start. */
  readonly reason: string;
  /** Whether it serves: signals change nothing before and after. */
  readonly isServing: () => boolean;
  /** Done before each reload. When it fails there is none. */
  readonly renew: () => Promise<void>;
  /** Who is told of reloads; undefined for nobody. */
  readonly notifier: SystemdNotifier | undefined;
  readonly logger: Logger;
}

/** Changes the workers of one service. */
export class Steering {
  readonly #supervisor: Supervisor;
  readonly #isServing: () => boolean;
  readonly #renew: () => Promise<void>;
  readonly #notifier: SystemdNotifier | undefined;
  readonly #logger: Logger;
  #reason: string;

  constructor({ supervisor, reason, isServing, renew, notifier, logger }: SteeringOptions) {
    this.#supervisor = supervisor;
    this.#isServing = isServing;
    this.#renew = renew;
    this.#notifier = notifier;
    this.#logger = logger;
    this.#reason = reason;
  }

  /** Why there are as many workers as there are, for people. */
  get reason(): string {
    return this.#reason;
  }

  /** The workers whose number changes: those of no pool. */
  get workers(): readonly WorkerInfo[] {
    return this.#supervisor.workers.filter(({ id }) => id < MAX_WORKERS);
  }

  /**
   * Goes to so many workers because somebody asked for it.
   *
   * @throws ZscaleError `ZSCALE_ERR_OPTIONS` unless `count` is a whole number from 1 to 1024, and as `Supervisor.resize`
   */
  async resize(count: number, reason: string = 'set by resize()'): Promise<void> {
    this.checkCount(count);
    await this.resizeFor(count, reason);
    this.#logger.info({ workers: count }, 'resized');
  }

  /** @throws ZscaleError `ZSCALE_ERR_OPTIONS` unless `count` is a whole number from 1 to 1024 */
  checkCount(count: number): void {
    if (!Number.isInteger(count) || count < 1 || count > MAX_WORKERS) {
      throw new ZscaleError(
        'ZSCALE_ERR_OPTIONS',
        `the number of workers must be a whole number from 1 to ${MAX_WORKERS}; got ${count}`,
      );
    }
  }

  /** Goes to so many workers for a reason of its own. @throws as `Supervisor.resize` */
  async resizeFor(count: number, reason: string): Promise<void> {
    await this.#supervisor.resize(count);
    this.#reason = `${count} ${count === 1 ? 'worker' : 'workers'}: ${reason}`;
  }

  /** Replaces every worker. @throws what `renew` rejects with, and as `Supervisor.reload` */
  async reload(): Promise<void> {
    await this.#renew();
    const startedAt = performance.now();
    const { length: workers } = this.#supervisor.workers;
    this.#logger.info({ workers }, 'reloading');
    this.#notifier?.reloading();
    try {
      await this.#supervisor.reload();
    } finally {
      this.#notifier?.reloaded();
    }
    const ms = Math.round(performance.now() - startedAt);
    this.#logger.info({ workers: this.#supervisor.workers.length, ms }, 'reloaded');
  }

  /** A signal asks for a reload. Nobody waits for what it asked for, so the log tells how it went. */
  reloadAt(signal: string): void {
    if (!this.#isServing()) this.#logger.warn({ signal }, 'not reloading: it is not serving');
    else this.reload().catch((error) => this.#tellFailure(error, 'reload failed'));
  }

  /** A signal asks for so many workers more, or fewer. */
  growAt(by: number, signal: string): void {
    const { length: workers } = this.workers;
    const count = workers + by;
    if (!this.#isServing() || count < 1 || count > MAX_WORKERS) {
      this.#logger.warn({ signal, workers }, 'the number of workers stays as it is');
      return;
    }
    this.resize(count).catch((error) => this.#tellFailure(error, 'resize failed'));
  }

  #tellFailure(error: unknown, text: string): void {
    if (error instanceof ZscaleError && error.code === 'ZSCALE_ERR_CLOSED') return;
    this.#logger.error({ err: error, workers: this.#supervisor.workers.length }, text);
  }
}
