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
  if (worker === undefined) return scaleInPrimary(handler, options);
  return callInWorker(worker, handler, (endpoints) => new InertServer(endpoints));
}

async function scaleInPrimary(
  handler: HandlerFunction | URL | string,
  given: ScaleOptions,
): Promise<Server> {
  const { number, earlierEndpoints, settle } = registerCall();
  try {
    const options = resolveScaleOptions(given);
    const server = new ScaledServer(options, {
      number,
      earlierEndpoints,
      ...whatToRun(handler, options, number),
      ...howMany(options),
    });
    await server.start(settle);
    return server;
  } finally {
    // Unless it served: then this changes nothing.
    settle([]);
  }
}

/** A call of `scale()` or `join()` in the primary, counted. */
interface Call {
  readonly number: number;
  readonly earlierEndpoints: Promise<readonly (readonly string[])[]>;
  /** Tells later calls where clients reach this one; only the first time counts. */
  readonly settle: (endpoints: readonly string[]) => void;
}

/** Counts a call of the primary. */
export function registerCall(): Call {
  const { calls } = processRole();
  const number = calls.length;
  const earlierEndpoints = Promise.all(calls);
  let settle: (endpoints: readonly string[]) => void = () => {};
  calls.push(
    new Promise((resolve) => {
      settle = resolve;
    }),
  );
  return { number, earlierEndpoints, settle };
}

/**
 * A call in a worker: nothing is started, whatever the options say.
 *
 * @param standIn makes what an earlier call than the worker's own resolves to
 */
export async function callInWorker<T>(
  start: WorkerStart,
  handler: HandlerFunction | URL | string,
  standIn: (endpoints: readonly string[]) => T,
): Promise<T> {
  const { calls } = processRole();
  const number = calls.length;
  const earlier = start.earlierEndpoints[number] ?? [];
  calls.push(Promise.resolve(earlier));
  if (start.module !== undefined) {
    throw new ZscaleError(
      'ZSCALE_ERR_LOAD',
      'the module of a handler must not call scale() itself, nor join(): it is already running in a worker',
    );
  }
  if (number < start.service) return standIn(earlier);
  if (number === start.service) {
    if (typeof handler !== 'function') {
      throw new WorkerBootError(
        'ZSCALE_ERR_BOOT',
        `scale() call ${number} of this program was given a function in the primary and none ` +
          'here; a program must make its scale() calls in the same order each time it runs',
      );
    }
    new Worker(start, handler).start();
  }
  return NEVER;
}

/** What workers run for a handler. @throws ZscaleError as `scale()` */
export function whatToRun(
  handler: HandlerFunction | URL | string,
  options: ResolvedScaleOptions,
  number: number,
): Pick<Service, 'module' | 'launch' | 'subject'> {
  if (typeof handler === 'function') {
    const launch = launchProgram(process, options);
    const subject = `the program ${launch.file} once more; it must come to scale() call ${number}`;
    return { module: undefined, launch, subject };
  }
  const module = moduleUrl(handler);
  const subject = `the module ${fileURLToPath(module)}`;
  return { module, launch: launchHost(process, options), subject };
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

/** How many workers to start, and why. */
export function howMany({
  workers,
}: ResolvedScaleOptions): Pick<Service, 'workerCount' | 'workerCountReason'> {
  const chosen =
    workers === 'auto'
      ? chooseWorkerCount(readMachineFacts())
      : { workers, reason: `${workers} ${workers === 1 ? 'worker' : 'workers'}: as asked for` };
  return { workerCount: chosen.workers, workerCountReason: chosen.reason };
}
