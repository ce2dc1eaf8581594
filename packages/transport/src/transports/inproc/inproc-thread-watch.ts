/**
 * Whether a thread still lives. A thread that ends in order says so itself (`exit` of its process object, which also comes after
 * an error and `process.exit()`). One that was terminated cannot: its parent hears of it, if it has loaded this module; and on
 * Linux everybody can look whether its task is still there. A thread that is merely busy is there.
 */

import { closeSync, existsSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { isMainThread, type Worker } from 'node:worker_threads';

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

/** A file of the system's that nobody opens, by which a thread marks itself: an open file is seen by all threads, also by busy ones' peers. */
const MARK = 'schedstat';
const MARKED = /^\/proc\/\d+\/task\/(\d+)\/schedstat$/;

/**
 * Marks this thread, for {@link markedTasks} of any thread; Node closes the file when the thread ends, however it does.
 *
 * @returns takes the mark away.
 */
export function markThread(): () => void {
  try {
    const file = openSync(`/proc/thread-self/${MARK}`, 'r');
    return () => closeSync(file);
  } catch {
    return () => {}; // no Linux: the others have to ask
  }
}

/** The tasks of threads that are marked, without ours. It looks at every open file of the process: once is enough. */
export function markedTasks(): number[] {
  const own = ownTask();
  const tasks: number[] = [];
  try {
    for (const file of readdirSync('/proc/self/fd')) {
      const task = Number(MARKED.exec(targetOf(file))?.[1] ?? own);
      if (task !== own) tasks.push(task);
    }
  } catch {
    // no Linux, or no /proc
  }
  return tasks;
}

function targetOf(file: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${file}`);
  } catch {
    return ''; // closed meanwhile
  }
}

/** What this thread knows of others without asking them. */
export interface ThreadWatch {
  /** Whether there are other threads: whoever made this one, or Workers made since. Whether they use inproc is not known. */
  readonly hasOthers: boolean;
}

/** Calls `onExit` when this thread ends, and `onChildExit` with the thread id of every Worker made from now on that ended. */
export function watchThreads(
  onExit: () => void,
  onChildExit: (threadId: number) => void,
): ThreadWatch {
  let children = 0;
  process.once('exit', onExit);
  process.on('worker', (worker: Worker) => {
    const { threadId } = worker; // it is -1 once the thread is gone
    children += 1;
    worker.once('exit', () => {
      children -= 1;
      onChildExit(threadId);
    });
  });
  return {
    get hasOthers() {
      return !isMainThread || children > 0;
    },
  };
}
