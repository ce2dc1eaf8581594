/**
 * The part of a watchdog that takes profiles of its process when the supervisor asks for one: one at a time, each by a thread of its
 * own (`profile-thread.ts`), which is let go when the main thread has let go of it.
 */

import { Session } from 'node:inspector/promises';
import { Worker as Thread } from 'node:worker_threads';
import type { ProfileOrder, ProfileOutcome, ToWatchdog } from '../messages/profile-message.ts';
import type { ToProfileThread } from './profile-thread.ts';

/** How long a heap snapshot may take, in ms: of a heap of some gigabytes it is minutes. */
const LONGEST_SNAPSHOT_MS = 600_000;
/** How long a CPU profile may take beyond its time: the main thread must come by JavaScript. */
const PATIENCE_MS = 10_000;
/** Room for a profile as an object and as text; what is not used costs nothing. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 2048 };

/** Takes profiles. Whoever makes it says how they went. */
export class Profiler {
  readonly #say: (outcome: ProfileOutcome) => void;
  #thread: Thread | undefined;
  /** Nobody waits for the present one any more. */
  #isLate: boolean;

  /** @param say is told of each profile that was ordered how it went, once */
  constructor(say: (outcome: ProfileOutcome) => void) {
    this.#say = say;
    this.#thread = undefined;
    this.#isLate = false;
  }

  /** Whether one is taken now: then the main thread may stand still for that. */
  get isAtWork(): boolean {
    return this.#thread !== undefined && !this.#isLate;
  }

  /** Does what the supervisor asks for. */
  obey(message: ToWatchdog): void {
    if (message.type === 'end-profile') this.#tell('end');
    else if (this.#thread === undefined) this.#take(message);
    else this.#say(failure('the one before still waits for the worker to come by JavaScript'));
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
    this.#isLate = false;
    let outcome = failure('its thread ended too early');
    const limit = kind === 'cpu' ? ms + PATIENCE_MS : LONGEST_SNAPSHOT_MS;
    const timer = setTimeout(() => this.#giveUp(limit), limit);
    thread.on('message', (told: ProfileOutcome) => {
      outcome = told;
      void roundTrip().then(() => this.#tell('leave'));
    });
    thread.on('error', (error) => {
      outcome = failure(error.message);
    });
    thread.on('exit', () => {
      clearTimeout(timer);
      this.#thread = undefined;
      if (!this.#isLate) this.#say(outcome);
    });
  }

  /** The thread goes on waiting: to end it would end the process. */
  #giveUp(limit: number): void {
    this.#isLate = true;
    this.#tell('abandon');
    this.#say(
      failure(
        `the worker was outside of JavaScript for ${limit} ms, as in a synchronous call or an addon, where no profile can be taken`,
      ),
    );
  }

  #tell(message: ToProfileThread): void {
    this.#thread?.postMessage(message);
  }
}

/**
 * Resolves when the main thread has heard all that the inspector was told before: it hears one after the other. The session is this
 * thread's, which does not end before the process.
 */
async function roundTrip(): Promise<void> {
  const session = new Session();
  session.connectToMainThread();
  await session.post('Profiler.disable'); // of this session, which has none
  session.disconnect();
}

function failure(message: string): ProfileOutcome {
  return { type: 'profile-failed', code: 'ZSCALE_ERR_PROFILE', message };
}
