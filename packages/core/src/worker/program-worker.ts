/**
 * A worker whose module is a program: it bound a server itself, and zscale hosts nothing in it.
 *
 * It is ready when the queue sees its socket come in by the door, drained when the queue has nothing of
 * it any more, and ends by SIGTERM, which the program may listen to: all that is left to do here is to
 * speak for it.
 */

import { parseToWorker } from '../messages/process-message.ts';
import { measure } from './measure.ts';
import { processRole } from './process-role.ts';
import { startPulse } from './pulse.ts';
import { report } from './report.ts';

/** Speaks with the supervisor for the program in this process. There is one per process. */
export class ProgramWorker {
  readonly #leave: () => void;

  /** The program has bound `endpoint`. */
  constructor(endpoint: string) {
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
      void measure();
      return;
    }
    processRole().leads = type === 'lead';
    switch (type) {
      case 'drain':
        void report({ type: 'drained' });
        return;
      case 'stop':
        this.#stop();
        return;
    }
  }

  /** A program that listens to SIGTERM ends itself; any other ends here. */
  #stop(): void {
    process.off('SIGTERM', this.#leave);
    if (process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM');
    else process.exit(0);
  }
}
