/**
 * The program of a worker that hosts a module: loads the handler, then serves.
 *
 * `preload.ts` has run before it. Until the worker serves, nothing keeps the process alive, so a
 * module that awaits what can never come ends it at once, with Node's exit code 13.
 */

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
  const handler = await loadHandler(start.module, start.exportName);
  new Worker(start, handler).start();
} catch (error) {
  await reportBootFailure(error);
  process.exit(EXIT_LOAD_FAILED);
}
