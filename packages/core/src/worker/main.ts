/**
 * The program of a worker that hosts a module: loads the handler, itself or in threads, then serves.
 *
 * `preload.ts` has run before it. Until the worker serves, nothing keeps the process alive, so a
 * module that awaits what can never come ends it at once, with Node's exit code 13.
 */

import type { RequestHandler } from '../handlers/handler.ts';
import type { WorkerStart } from '../messages/process-message.ts';
import { loadHandler } from './load-module.ts';
import { processRole } from './process-role.ts';
import { reportBootFailure } from './report.ts';
import { Worker } from './worker.ts';

/** As gunicorn: the application failed to load. */
const EXIT_LOAD_FAILED = 4;

const start = processRole().worker;
if (start?.module === undefined) {
  throw new Error('worker/main.js is started by scale() and does nothing by itself');
}
try {
  const handler =
    start.threads > 0
      ? await startThreads(start)
      : await loadHandler(start.module, start.exportName);
  new Worker(start, handler).start();
} catch (error) {
  await reportBootFailure(error);
  process.exit(EXIT_LOAD_FAILED);
}

/** Loaded only where it is used: most workers have no threads. */
async function startThreads(orders: WorkerStart): Promise<RequestHandler> {
  const { ThreadPool } = await import('./thread-pool.ts');
  const pool = new ThreadPool(orders);
  await pool.load();
  return pool;
}
