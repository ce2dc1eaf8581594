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

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { WorkerBootError, ZscaleError } from './errors.ts';
import type { HandlerFunction } from './handlers/handler.ts';
import { type HttpApplication, isHttpApplication, serverOf } from './handlers/http-application.ts';
import { HttpHandler } from './handlers/http-handler.ts';
import { InertServer } from './inert-server.ts';
import type { WorkerStart } from './messages/process-message.ts';
import { type ResolvedScaleOptions, resolveScaleOptions, type ScaleOptions } from './options.ts';
import { ScaledServer } from './server.ts';
import type { Server, Service } from './service.ts';
import { launchCommand, launchPython } from './supervisor/command-launch.ts';
import { launchHost, launchProgram } from './supervisor/launch.ts';
import { checkModuleFile } from './worker/load-module.ts';
import { processRole } from './worker/process-role.ts';
import { Worker } from './worker/worker.ts';
import { chooseWorkerCount, readMachineFacts } from './worker-count.ts';
import { resolveIdentity, type WorkerIdentity } from './worker-identity.ts';

/**
 * What never comes: the program of a worker does not go on behind the `scale()` call that is its
 * own.
 */
const NEVER: Promise<never> = new Promise(() => {});

/** A program in any language, as a shell starts it: it connects a REP socket to `ZSCALE_BACKEND`. */
export interface Command {
  readonly exec: string;
}

/** What `scale()` runs: a handler, a web application, the module of one, a program, or a command. */
type Runnable = HandlerFunction | HttpApplication | URL | string | Command;

/**
 * Runs a handler in several worker processes behind one address.
 *
 * Given a function, each worker runs this program again up to this call, as node:cluster does: code
 * before it runs in every process, code after `await scale(...)` in the primary only. Given a
 * module (a file URL, or a path relative to the working directory), workers load just that; its
 * handler is the export `default` or `handler`. Such a module may also be a program that binds a
 * `Reply` socket (of `@zscale/transport` or `zeromq`), or one in Python (`server.py`) that binds a
 * `zmq.REP` socket: clients then connect where it bound, and nothing of it is changed. A program in
 * any other language is given as `{ exec: 'command' }`.
 *
 * A web application (Express, Fastify, Koa, Hono, Nest, a server of node:http, an object with `fetch`) is given as it is, or as the
 * module that exports it or listens; clients then come by HTTP: `bind: 'http://*:3000'`.
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
  handler: H | HttpApplication | URL | string | Command,
  options: ScaleOptions = {},
): Promise<Server> {
  const { worker } = processRole();
  if (worker === undefined) return scaleInPrimary(handler, options);
  return callInWorker(worker, handler, options, (endpoints) => new InertServer(endpoints));
}

async function scaleInPrimary(handler: Runnable, given: ScaleOptions): Promise<Server> {
  const { number, earlierEndpoints, settle } = registerCall();
  try {
    const options = resolveScaleOptions(given);
    const identity = resolveIdentity(options);
    const place = { number, hasAddress: given.bind !== undefined, identity };
    const runnable = whatToRun(handler, options, place);
    checkModule(runnable.module);
    const server = new ScaledServer(options, {
      number,
      earlierEndpoints,
      ...runnable,
      relaunch: (renewal) =>
        whatToRun(handler, resolveScaleOptions({ ...given, ...renewal }), place).launch,
      choosesCodec: given.codec === undefined,
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
 * A call in a worker: nothing is started, whatever the options say; handlers log where they say.
 *
 * @param standIn makes what an earlier call than the worker's own resolves to
 */
export async function callInWorker<T>(
  start: WorkerStart,
  handler: Runnable,
  { logger }: Pick<ScaleOptions, 'logger'>,
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
    if (typeof handler !== 'function' && !isHttpApplication(handler)) {
      throw new WorkerBootError(
        'ZSCALE_ERR_BOOT',
        `scale() call ${number} of this program was given a function in the primary and none ` +
          'here; a program must make its scale() calls in the same order each time it runs',
      );
    }
    const server = await serverOf(handler, start.functions);
    // What is no application is a function: see above.
    const hosted = server === undefined ? (handler as HandlerFunction) : new HttpHandler(server);
    new Worker(start, hosted, logger).start();
  }
  return NEVER;
}

/** For which call workers run something, and as whom. */
interface RunPlace {
  readonly number: number;
  /** It is said where clients connect. */
  readonly hasAddress: boolean;
  readonly identity: WorkerIdentity | undefined;
}

/**
 * Looks whether the file of a module is there, before anything is opened for it.
 *
 * @throws WorkerBootError `ZSCALE_ERR_LOAD`, as a worker that was told to load it
 */
export function checkModule(module: string | undefined): void {
  if (module === undefined) return;
  try {
    checkModuleFile(module);
  } catch (error) {
    throw new WorkerBootError('ZSCALE_ERR_LOAD', error instanceof Error ? error.message : '');
  }
}

/** What workers run for a handler. @throws ZscaleError as `scale()` */
export function whatToRun(
  handler: Runnable,
  given: ResolvedScaleOptions,
  { number, hasAddress, identity }: RunPlace,
): Pick<Service, 'module' | 'launch' | 'subject' | 'bindsLater'> {
  const options = { ...given, identity };
  if (typeof handler === 'function' || isHttpApplication(handler)) {
    if (options.threads > 0) refuseThreads();
    const launch = launchProgram(process, options);
    const subject = `the program ${launch.file} once more; it must come to scale() call ${number}`;
    return { module: undefined, launch, subject, bindsLater: false };
  }
  if (isCommand(handler)) {
    const launch = launchCommand(handler.exec, process.env, options);
    const subject = `the command ${handler.exec}; it must connect a REP socket to ZSCALE_BACKEND`;
    return { module: undefined, launch, subject, bindsLater: false };
  }
  const module = moduleUrl(handler);
  const file = fileURLToPath(module);
  if (file.endsWith('.py')) {
    if (!existsSync(file)) throw new ZscaleError('ZSCALE_ERR_LOAD', `there is no file ${file}`);
    const launch = launchPython(file, process.env, options, hasAddress);
    const subject = `${launch.words.join(' ')}, which must bind a zmq.REP socket`;
    return { module: undefined, launch, subject, bindsLater: !hasAddress };
  }
  const launch = launchHost(process, options, options.args);
  return { module, launch, subject: `the module ${file}`, bindsLater: !hasAddress };
}

function isCommand(handler: Runnable): handler is Command {
  const exec: unknown = typeof handler === 'object' ? Reflect.get(handler, 'exec') : undefined;
  return typeof exec === 'string' && exec.trim() !== '';
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
function moduleUrl(module: Runnable): string {
  if (module instanceof URL || (typeof module === 'string' && /^file:/.test(module))) {
    const { href, protocol } = new URL(module);
    if (protocol === 'file:') return href;
  } else if (typeof module === 'string' && module !== '') {
    return pathToFileURL(path.resolve(module)).href;
  }
  const got = module instanceof URL ? module.href : JSON.stringify(module);
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `the handler must be a web application, a function, a file URL or the path of a module, or { exec: 'command' }; got ${got}`,
  );
}

/** How many workers to start, and why. */
export function howMany({
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
