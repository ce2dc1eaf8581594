/**
 * What this process is to zscale: the primary, or a worker that a supervisor started; and how many
 * `scale()` calls its program made so far.
 *
 * One record for each process, kept under a registered symbol and not in this module: a program may
 * load this file twice (as ESM by `--import` and as CommonJS by a loader, or from two installed
 * versions), and a worker that did not know what it is would start workers of its own.
 */

import type { WorkerStart } from '../messages/process-message.ts';
import type { Pulse } from './pulse.ts';

const ROLE = Symbol.for('zscale.process-role');

/** The record. It is the same object for every copy of zscale in the process. */
export interface ProcessRole {
  /** What the supervisor wants of this process; undefined in the primary. */
  worker: WorkerStart | undefined;
  /** What its watchdog looks at; undefined in the primary. */
  pulse: Pulse | undefined;
  /** The supervisor said that this worker leads (`leader.ts`). */
  leads: boolean;
  /**
   * For each `scale()` call, in order: the endpoints it serves, once it does; none if it failed.
   */
  readonly calls: Promise<readonly string[]>[];
}

/** The record of this process; a primary's, until `worker/preload.ts` says otherwise. */
export function processRole(): ProcessRole {
  // Nobody else uses the symbol: what is there, if anything, was put there by the line below.
  const shared = globalThis as typeof globalThis & { [ROLE]?: ProcessRole };
  shared[ROLE] ??= { worker: undefined, pulse: undefined, leads: false, calls: [] };
  return shared[ROLE];
}
