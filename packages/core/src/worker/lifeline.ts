/**
 * Ties the life of a worker process to that of its supervisor, however the supervisor ends.
 *
 * - The IPC channel closes: the event loop notices, and the process exits.
 * - The event loop is blocked by the handler: a watchdog thread notices that the parent is gone,
 *   and kills the process.
 *
 * Then the folder of the socket to the queue goes too: nobody else is left to remove it. A worker whose
 * own program closed the channel (`process.disconnect()`) ends as well, and leaves the folder alone: its
 * supervisor lives, and starts another worker.
 */

import { Worker as Thread } from 'node:worker_threads';
import { backendFolderOf, removeBackendFolder } from '../backend-folder.ts';
import type { WorkerStart } from '../messages/process-message.ts';
import { processRole } from './process-role.ts';
import { createPulse } from './pulse.ts';
import type { WatchdogData } from './watchdog.ts';

/**
 * The watchdog only compares a few numbers, until it asks for a stack: that comes as one message with every frame, thousands of them
 * after a recursion. Room that it does not use costs nothing; as a thread of V8 it takes about 9 MB of memory all the same.
 */
const WATCHDOG_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 };

/** The channel of a dying supervisor closes a moment before its children are given another parent. */
const FAREWELL_MS = 100;

/**
 * Makes this process end soon after its supervisor, at the latest after about 1.5 seconds. Keeps
 * nothing alive itself: a program that ends early still ends.
 *
 * Resolves when the watchdog has begun, or cannot.
 *
 * @param saysAlive whether the supervisor hears again and again that the process as a whole is not stopped; default it does not
 */
export function tieToSupervisor(
  start: Pick<WorkerStart, 'backends' | 'hangTimeout'>,
  { saysAlive = false }: { readonly saysAlive?: boolean } = {},
): Promise<void> {
  const parent = process.ppid;
  process.once('disconnect', () => setTimeout(endAfterDisconnect, FAREWELL_MS, start, parent));
  process.channel?.unref();
  // A Ctrl-C in the terminal, or its end, goes to every process of the group: the supervisor decides
  // what it means.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});

  const folders = start.backends.map(backendFolderOf).filter((folder) => folder !== undefined);
  const pulse = createPulse();
  processRole().pulse = pulse;
  const { hangTimeout } = start;
  const workerData: WatchdogData = { parent, folders, pulse, hangTimeout, saysAlive };
  const watchdog = new Thread(new URL('./watchdog.js', import.meta.url), {
    workerData,
    resourceLimits: WATCHDOG_LIMITS,
    // Nothing of the program's: no loaders, no preloads, no environment.
    execArgv: [],
    env: {},
  });
  watchdog.unref();
  watchdog.on('error', (error) => {
    process.emitWarning(
      `zscale: a worker that hangs may outlive hangTimeout and its supervisor: ${error.message}`,
    );
  });
  return new Promise((resolve) => {
    watchdog.once('online', resolve);
    watchdog.once('error', () => resolve());
  });
}

function endAfterDisconnect({ backends }: Pick<WorkerStart, 'backends'>, parent: number): void {
  if (process.ppid !== parent) {
    for (const endpoint of backends) removeBackendFolder(endpoint);
  }
  process.exit();
}
