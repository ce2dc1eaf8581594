/**
 * Whether this process is the one that does what must be done once, not once per worker: timers, clean-up, reports.
 *
 * The supervisor says so to one worker at a time, and to the next one only when the process of the last is gone.
 */

import { isMainThread } from 'node:worker_threads';
import { processRole } from './process-role.ts';

/**
 * Whether this process leads its service now. Ask each time, not once: it becomes true some time after the handler was loaded.
 *
 * Of the workers of a service at most one leads at any moment: the one with the lowest id that was ready when the service began to
 * serve, which is worker 0, and when its process is gone the next with the lowest id that is ready. A worker that drains or stops no
 * longer leads. So there are moments without a leader, and never two; but what a leader began goes on until it is done.
 *
 * True also in a program that is not run by zscale; false in the process that called `scale()`, in threads, and in processes
 * that a worker starts. Each machine that joined has a leader of its own.
 */
export function leader(): boolean {
  const { worker, leads, calls } = processRole();
  if (worker !== undefined) return leads;
  return isMainThread && calls.length === 0 && process.env.ZSCALE_WORKER_ID === undefined;
}
