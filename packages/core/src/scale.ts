/**
 * `scale()`: makes a handler that was written for one process run in several.
 *
 * The same call means different things in different processes:
 *
 *     in the primary                      starts the service and resolves with its Server
 *     in a worker of this service         hosts the handler; the promise never settles
 *     in a worker of a later service      resolves with a Server that does nothing, so that the
 *                                         program goes on to the call that is the worker's own
 *
 * Services are numbered by the order of the calls, so a program must make its calls in the same
 * order each time it runs.
 */

import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { WorkerBootError, ZscaleError } from './errors.ts';
import type { HandlerFunction } from './handlers/handler.ts';
import { InertServer } from './inert-server.ts';
import type { WorkerStart } from './messages/process-message.ts';
import { type ResolvedScaleOptions, resolveScaleOptions, type ScaleOptions } from './options.ts';
import { ScaledServer, type Server, type Service } from './server.ts';
import { launchHost, launchProgram } from './supervisor/launch.ts';
import { processRole } from './worker/process-role.ts';
import { Worker } from './worker/worker.ts';
import { chooseWorkerCount, readMachineFacts } from './worker-count.ts';

/**
 * What never comes: the program of a worker does not go on behind the `scale()` call that is its
 * own.
 */
const NEVER: Promise<never> = new Promise(() => {});

/**
 * Runs a handler in several worker processes behind one address.
 *
 * Given a function, each worker runs this program again up to this call, as node:cluster does: code
 * before it runs in every process, code after `await scale(...)` in the primary only. Given a
 * module (a file URL, or a path relative to the working directory), workers load just that; its
 * handler is the export `default` or `handler`.
 *
 * Resolves when every worker is ready; when it rejects, nothing is left running.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for a bad option or handler; `ZSCALE_ERR_NO_PROGRAM` for
 * a function in a process that has no program to run again (`node -e`, a test runner);
 * `ZSCALE_ERR_CLOSED` when it is closed before it serves; TransportError when an address cannot be
 * had (`EADDRINUSE`, `EINVAL` ...); WorkerBootError `ZSCALE_ERR_LOAD` or `ZSCALE_ERR_BOOT` when a
 * worker does not become ready.
 */
export function scale<H extends HandlerFunction>(
  handler: H | URL | string,
  options: ScaleOptions = {},
): Promise<Server> {
  const { worker } = processRole();
  return worker === undefined
    ? scaleInPrimary(handler, options)
    : scaleInWorker(worker, handler, options);
}

async function scaleInPrimary(
  handler: HandlerFunction | URL | string,
  given: ScaleOptions,
): Promise<Server> {
  const { calls } = processRole();
  const number = calls.length;
  const earlierEndpoints = Promise.all(calls);
  let tellEndpoints: (endpoints: readonly string[]) => void = () => {};
  calls.push(
    new Promise((resolve) => {
      tellEndpoints = resolve;
    }),
  );
  try {
    const options = resolveScaleOptions(given);
    const server = new ScaledServer(options, {
      number,
      earlierEndpoints,
      ...whatToRun(handler, options, number),
      ...howMany(options),
    });
    await server.start(tellEndpoints);
    return server;
  } finally {
    // Unless it served: then this changes nothing.
    tellEndpoints([]);
  }
}

/** In a worker: nothing is started, whatever the options say; handlers log where they say. */
async function scaleInWorker(
  start: WorkerStart,
  handler: HandlerFunction | URL | string,
  { logger }: ScaleOptions,
): Promise<Server> {
  const { calls } = processRole();
  const number = calls.length;
  const earlier = start.earlierEndpoints[number] ?? [];
  calls.push(Promise.resolve(earlier));
  if (start.module !== undefined) {
    throw new ZscaleError(
      'ZSCALE_ERR_LOAD',
      'the module of a handler must not call scale() itself: it is already running in a worker',
    );
  }
  if (number < start.service) return new InertServer(earlier);
  if (number === start.service) {
    if (typeof handler !== 'function') {
      throw new WorkerBootError(
        'ZSCALE_ERR_BOOT',
        `scale() call ${number} of this program was given a function in the primary and none ` +
          'here; a program must make its scale() calls in the same order each time it runs',
      );
    }
    new Worker(start, handler, logger).start();
  }
  return NEVER;
}

function whatToRun(
  handler: HandlerFunction | URL | string,
  options: ResolvedScaleOptions,
  number: number,
): Pick<Service, 'module' | 'launch' | 'subject'> {
  if (typeof handler === 'function') {
    if (options.threads > 0) refuseThreads();
    const launch = launchProgram(process, options);
    const subject = `the program ${launch.file} once more; it must come to scale() call ${number}`;
    return { module: undefined, launch, subject };
  }
  const module = moduleUrl(handler);
  const subject = `the module ${fileURLToPath(module)}`;
  return { module, launch: launchHost(process, options), subject };
}

/** A function cannot be given to another thread, and a whole program has no place in one. */
function refuseThreads(): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    'threads need a handler in a module of its own, which each thread loads; scale() was given a function. Put it into a ' +
      "module and pass that: scale(new URL('./handler.js', import.meta.url), { threads: 2 })",
  );
}

/** The file URL of a module given by URL, by URL as text, or by path. */
function moduleUrl(module: URL | string): string {
  if (module instanceof URL || (typeof module === 'string' && /^file:/.test(module))) {
    const { href, protocol } = new URL(module);
    if (protocol === 'file:') return href;
  } else if (typeof module === 'string' && module !== '') {
    return pathToFileURL(path.resolve(module)).href;
  }
  const got = module instanceof URL ? module.href : JSON.stringify(module);
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `the handler must be a function, a file URL or the path of a module; got ${got}`,
  );
}

function howMany({
  workers,
  autoscale,
}: ResolvedScaleOptions): Pick<Service, 'workerCount' | 'workerCountReason'> {
  const chosen =
    workers === 'auto'
      ? chooseWorkerCount(readMachineFacts())
      : { workers, reason: `${workers} ${workers === 1 ? 'worker' : 'workers'}: as asked for` };
  const { min, max } = autoscale ?? { min: chosen.workers, max: chosen.workers };
  const workerCount = Math.min(Math.max(chosen.workers, min), max);
  const workerCountReason =
    autoscale === undefined
      ? chosen.reason
      : `${workerCount} ${workerCount === 1 ? 'worker' : 'workers'} to start with, ${min} to ${max} by load`;
  return { workerCount, workerCountReason };
}
