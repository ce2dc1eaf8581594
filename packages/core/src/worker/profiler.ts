/**
 * The part of a watchdog that takes profiles of its process when the supervisor asks for one: one at a time, each by a thread of its
 * own (`profile-thread.ts`) that is ended when it takes far longer than it should.
 */

import { Worker as Thread } from 'node:worker_threads';
import type { ProfileOrder, ProfileOutcome, ToWatchdog } from '../messages/profile-message.ts';

/** How long a heap snapshot may take, in ms: of a heap of some gigabytes it is minutes. */
const LONGEST_SNAPSHOT_MS = 600_000;
/** How long a CPU profile may take beyond its time: the main thread must come by JavaScript. */
const PATIENCE_MS = 10_000;
/** Room for a profile as an object and as text; what is not used costs nothing. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 512 };

/** Takes profiles. Whoever makes it says how they went. */
export class Profiler {
  readonly #say: (outcome: ProfileOutcome) => void;
  #thread: Thread | undefined;

  /** @param say is told of each profile that was ordered how it went, once */
  constructor(say: (outcome: ProfileOutcome) => void) {
    this.#say = say;
    this.#thread = undefined;
  }

  /** Whether one is taken now: then the main thread may stand still for that. */
  get isAtWork(): boolean {
    return this.#thread !== undefined;
  }

  /** Does what the supervisor asks for. */
  obey(message: ToWatchdog): void {
    if (message.type === 'end-profile') this.#thread?.postMessage('end');
    else if (this.#thread === undefined) this.#take(message);
    else this.#say(failure('another profile of this worker is being taken'));
  }

  #take({ kind, file, ms }: ProfileOrder): void {
    const workerData: ProfileOrder = { kind, file, ms };
    const thread = new Thread(new URL('./profile-thread.js', import.meta.url), {
      workerData,
      resourceLimits: THREAD_LIMITS,
      execArgv: [],
      env: {},
    });
    this.#thread = thread;
    let outcome = failure('its thread ended too early');
    const limit = kind === 'cpu' ? ms + PATIENCE_MS : LONGEST_SNAPSHOT_MS;
    const timer = setTimeout(() => {
      outcome = failure(
        `the worker was outside of JavaScript for ${limit} ms, as in a synchronous call or an addon, where no profile can be taken`,
      );
      void thread.terminate();
    }, limit);
    thread.on('message', (told: ProfileOutcome) => {
      outcome = told;
    });
    thread.on('error', (error) => {
      outcome = failure(error.message);
    });
    thread.on('exit', () => {
      clearTimeout(timer);
      this.#thread = undefined;
      this.#say(outcome);
    });
  }
}

function failure(message: string): ProfileOutcome {
  return { type: 'profile-failed', code: 'ZSCALE_ERR_PROFILE', message };
}
