/**
 * Profiles of one worker process, as the supervisor asks its watchdog for them: one at a time. The watchdog writes the file; here is
 * only who waits for it.
 */

import { Duplex } from 'node:stream';
import { ZscaleError } from '../errors.ts';
import type { ProfileOrder, ProfileOutcome, ToWatchdog } from '../messages/profile-message.ts';

/** Whoever asks may write there, most often. */
const WHO_WRITES = '. The worker writes it, as its own user: say a path where that user may';

/** A profile that was taken. */
export type TakenProfile = Extract<ProfileOutcome, { type: 'profiled' }>;

interface Waiting {
  readonly resolve: (taken: TakenProfile) => void;
  readonly reject: (error: ZscaleError) => void;
}

/** Orders profiles of one process, over the pipe of its watchdog. */
export class Profiling {
  readonly #who: string;
  readonly #pipe: Duplex | undefined;
  #waiting: Waiting | undefined;

  /**
   * @param who the worker, as it is called in errors
   * @param pipe that of its watchdog; whatever else this is means that there is none
   */
  constructor(who: string, pipe: unknown) {
    this.#who = who;
    this.#pipe = pipe instanceof Duplex ? pipe : undefined;
    this.#waiting = undefined;
  }

  /**
   * Resolves when the file is there.
   *
   * @throws ZscaleError `ZSCALE_ERR_PROFILE` when there can be none or the worker ends before, `ZSCALE_ERR_BUSY` when another is
   *   being taken, and the system's code when the file cannot be written
   */
  take(order: ProfileOrder): Promise<TakenProfile> {
    if (this.#pipe === undefined) {
      return refuse(
        'ZSCALE_ERR_PROFILE',
        `${this.#who} is no Node.js process of zscale's: only those can be profiled. Use a profiler of its own language`,
      );
    }
    if (this.#waiting !== undefined) {
      return refuse('ZSCALE_ERR_BUSY', `another profile of ${this.#who} is being taken`);
    }
    this.#say({ type: 'profile', ...order });
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Has the present one written as far as it is. False when there is none. */
  end(): boolean {
    if (this.#waiting === undefined) return false;
    this.#say({ type: 'end-profile' });
    return true;
  }

  /** The watchdog says how it went. */
  settle(outcome: ProfileOutcome): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (outcome.type === 'profiled') waiting?.resolve(outcome);
    else {
      const advice = outcome.code === 'EACCES' ? WHO_WRITES : '';
      waiting?.reject(new ZscaleError(outcome.code, this.#explain(outcome.message) + advice));
    }
  }

  /** The process is gone. */
  abandon(): void {
    const message = 'it ended before that; the file, if there is one, is not complete';
    this.settle({ type: 'profile-failed', code: 'ZSCALE_ERR_PROFILE', message });
  }

  #say(message: ToWatchdog): void {
    this.#pipe?.write(`${JSON.stringify(message)}\n`);
  }

  #explain(message: string): string {
    return `no profile of ${this.#who}: ${message.replace(/^Error: /, '')}`;
  }
}

function refuse(code: string, message: string): Promise<never> {
  return Promise.reject(new ZscaleError(code, message));
}
