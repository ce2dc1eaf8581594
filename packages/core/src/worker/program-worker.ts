/**
 * A worker whose module is a program: it bound a server itself, and zscale hosts nothing in it.
 *
 * It is ready when the queue sees its socket come in by the door, drained when the queue has nothing of
 * it any more, and ends by SIGTERM, which the program may listen to: all that is left to do here is to
 * speak for it.
 */

import { parseToWorker } from '../messages/process-message.ts';
import { openTelemetry } from '../tracing/open-telemetry.ts';
import { measureSelf } from './measure-self.ts';
import { processRole } from './process-role.ts';
import { startPulse } from './pulse.ts';
import { report } from './report.ts';

/** Speaks with the supervisor for the program in this process. There is one per process. */
export class ProgramWorker {
  readonly #leave: () => void;
  readonly #preloaded: readonly unknown[];

  /**
   * The program has bound `endpoint`.
   *
   * @param preloaded listeners for SIGTERM of what Node loaded before it, which end nobody
   */
  constructor(endpoint: string, preloaded: readonly unknown[]) {
    this.#preloaded = preloaded;
    this.#leave = () => void report({ type: 'leaving' });
    process.on('message', (value) => this.#onMessage(value));
    process.on('SIGTERM', this.#leave);
    void report({ type: 'bound', endpoint });
    const { pulse, worker } = processRole();
    if (pulse !== undefined && worker !== undefined && worker.hangTimeout !== Infinity)
      startPulse(pulse, worker.hangTimeout);
  }

  #onMessage(value: unknown): void {
    const { type } = parseToWorker(value);
    if (type === 'measure') {
      measureSelf();
      return;
    }
    processRole().leads = type === 'lead';
    switch (type) {
      case 'drain':
        void report({ type: 'drained' });
        return;
      case 'stop':
        void this.#stop();
        return;
    }
  }

  /** A program that listens to SIGTERM ends itself; any other ends here. */
  async #stop(): Promise<void> {
    await openTelemetry(processRole().worker?.module)?.flush();
    process.off('SIGTERM', this.#leave);
    const isOwn = (listener: unknown): boolean => !this.#preloaded.includes(listener);
    if (process.listeners('SIGTERM').some(isOwn)) process.kill(process.pid, 'SIGTERM');
    else process.exit(0);
  }
}
