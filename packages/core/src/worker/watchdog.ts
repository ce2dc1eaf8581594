/**
 * The thread that ends a worker process whose supervisor is gone, also while the handler blocks the
 * event loop of the main thread. `lifeline.ts` starts it; it imports nothing else of zscale.
 */

import { rmSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const POLL_MS = 500;

/**
 * The parent must be missed this often: a main thread that is not stuck exits by itself meanwhile.
 */
const MISSES = 2;

/** What the thread is told. */
export interface WatchdogData {
  /** The process id of the supervisor. A process whose parent died is given another parent. */
  readonly parent: number;
  /** What to remove on the way out. */
  readonly folders: readonly string[];
}

const { parent, folders }: WatchdogData = workerData;
let misses = 0;

setInterval(() => {
  misses = process.ppid === parent ? 0 : misses + 1;
  if (misses < MISSES) return;
  try {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}, POLL_MS);
