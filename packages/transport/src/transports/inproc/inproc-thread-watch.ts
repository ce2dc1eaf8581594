/**
 * Whether a thread still lives. A thread that ends in order says so itself (`exit` of its process object, which also comes after
 * an error and `process.exit()`). One that was terminated cannot: its parent hears of it, if it has loaded this module; and on
 * Linux everybody can look whether its task is still there. A thread that is merely busy is there.
 */

import { existsSync, readlinkSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';

/** The task of an unknown system: it counts as alive. */
const UNKNOWN_TASK = 0;

/** The system's id of this thread; 0 where it cannot be known. */
export function ownTask(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1)) || UNKNOWN_TASK;
  } catch {
    return UNKNOWN_TASK; // no Linux, or no /proc
  }
}

/** False only when a thread with this id of {@link ownTask} is certainly gone. */
export function isTaskAlive(task: number): boolean {
  return task === UNKNOWN_TASK || existsSync(`/proc/self/task/${task}`);
}

/** Calls `onExit` when this thread ends, and `onChildExit` with the thread id of every Worker made from now on that ended. */
export function watchThreads(onExit: () => void, onChildExit: (threadId: number) => void): void {
  process.once('exit', onExit);
  process.on('worker', (worker: Worker) => {
    const { threadId } = worker; // it is -1 once the thread is gone
    worker.once('exit', () => onChildExit(threadId));
  });
}
