/**
 * The program of a worker that is given a module: one that exports a handler, which is served, here or in threads, or a
 * server that binds a Reply socket, which then is the worker.
 *
 * `preload.ts` has run before it. Until the worker serves, nothing keeps the process alive, so a
 * module that awaits what can never come ends it at once, with Node's exit code 13.
 */

import { ZscaleError } from '../errors.ts';
import type { HandlerFunction, RequestHandler } from '../handlers/handler.ts';
import type { WorkerStart } from '../messages/process-message.ts';
import { BindCapture } from './capture-zeromq.ts';
import { handlerOf, loadAsMain, loadModule, refuseModule } from './load-module.ts';
import { processRole } from './process-role.ts';
import { ProgramWorker } from './program-worker.ts';
import { reportBootFailure } from './report.ts';
import { Worker } from './worker.ts';

/** As gunicorn: the application failed to load. */
const EXIT_LOAD_FAILED = 4;

/** Added to the refusal of a module that could have been a program. */
const NO_PROGRAM = '. It did not bind a Reply socket either, as a program would';

/** How long a module that is loaded and exports no handler may take until it binds, in ms. */
const BIND_LATER_MS = 2000;

/** What a program threw after it bound. */
class ProgramFailure extends Error {}

const start = processRole().worker;
if (start?.module === undefined) {
  throw new Error('worker/main.js is started by scale() and does nothing by itself');
}
const { module } = start;
const capture = captureBinds(start);
try {
  if (start.threads > 0) new Worker(start, await startThreads(start)).start();
  else await load(start, module);
} catch (error) {
  if (error instanceof ProgramFailure) throw error.cause;
  await fail(error);
}

/** Loads the module here, and finds out what it is. */
async function load(orders: WorkerStart, module: string): Promise<void> {
  const { exportName } = orders;
  const exported = await loadModule(module).catch(ofProgram);
  const handler = handlerOf(module, exported, exportName);
  if (handler !== undefined) serve(orders, handler);
  else if (capture === undefined) refuseModule(module, exported, exportName);
  else if (!capture.hasBound) {
    loadAsMain(module);
    waitForBind(capture, () => refuseModule(module, exported, exportName, NO_PROGRAM));
  }
}

/** Loaded only where it is used: most workers have no threads. */
async function startThreads(orders: WorkerStart): Promise<RequestHandler> {
  const { ThreadPool } = await import('./thread-pool.ts');
  const pool = new ThreadPool(orders);
  await pool.load();
  return pool;
}

/** A program that serves is loaded for as long as it runs: its errors are Node's to tell. */
function ofProgram(error: unknown): never {
  if (capture?.hasBound !== true) throw error;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  throw new ProgramFailure('the program ended', { cause });
}

/** Whoever asks for an export by its name has a handler. */
function captureBinds({ door, exportName: wanted }: WorkerStart): BindCapture | undefined {
  if (door === undefined || wanted !== undefined) return undefined;
  let isProgram = false;
  return new BindCapture({
    door,
    onBound: (endpoint) => {
      if (!isProgram) new ProgramWorker(endpoint);
      isProgram = true;
    },
    onRefused: (error) => void reportBootFailure(error),
  });
}

function serve(orders: WorkerStart, handler: HandlerFunction): void {
  if (capture?.hasBound === true) {
    throw new ZscaleError(
      'ZSCALE_ERR_LOAD',
      `${orders.module} exports a handler and binds a Reply socket; zscale hosts the one or runs the ` +
        'other. Say which handler it is by --export (option exportName), or take the export away',
    );
  }
  capture?.end();
  new Worker(orders, handler).start();
}

/** A program may have to wait for something before it binds; a module that is no program never will. */
function waitForBind(binds: BindCapture, refuse: () => never): void {
  const giveUp = (): void => {
    if (binds.hasBound) return;
    try {
      refuse();
    } catch (error) {
      void fail(error);
    }
  };
  process.once('beforeExit', giveUp);
  if (!binds.seesZeromq) setTimeout(giveUp, BIND_LATER_MS).unref();
}

async function fail(error: unknown): Promise<void> {
  await reportBootFailure(error);
  process.exit(EXIT_LOAD_FAILED);
}
