/**
 * The program of a worker that is given a module: one that exports a handler or a web application, which is served, here or in threads;
 * or a server that binds a Reply socket, which then is the worker; or one that listens for HTTP, whose listener is served.
 *
 * `preload.ts` has run before it. Until the worker serves, nothing keeps the process alive, so a
 * module that awaits what can never come ends it at once, with Node's exit code 13.
 */

import type { Server } from 'node:http';
import { collectLater } from '../collector.ts';
import { ZscaleError } from '../errors.ts';
import type { HandlerFunction, RequestHandler } from '../handlers/handler.ts';
import { serverOf } from '../handlers/http-application.ts';
import { HttpHandler } from '../handlers/http-handler.ts';
import type { WorkerStart } from '../messages/process-message.ts';
import { HttpCapture } from './capture-http.ts';
import { BindCapture } from './capture-zeromq.ts';
import { applicationOf, handlerOf, loadAsMain, loadModule, refuseModule } from './load-module.ts';
import { processRole } from './process-role.ts';
import { ProgramWorker } from './program-worker.ts';
import { report, reportBootFailure } from './report.ts';
import { tlsOf } from './server-tls.ts';
import { Worker } from './worker.ts';

/** As gunicorn: the application failed to load. */
const EXIT_LOAD_FAILED = 4;

/** Added to the refusal of a module that could have been a program. */
const NO_PROGRAM =
  '. It did not bind a Reply socket either, nor listen for HTTP, as a program would';

/** How long a module that is loaded and exports no handler may take until it binds, unless it waits for somebody, in ms. */
const BIND_LATER_MS = 2000;

/** What every worker has, and a timer: whoever has only these waits for nobody. */
const OWN_RESOURCES = ['Immediate', 'PipeWrap', 'TTYWrap', 'Timeout'];

/** What a program threw after it bound. */
class ProgramFailure extends Error {}

/** What becomes of what a program binds. */
interface Captures {
  /** Not where the queue is on another machine: a Reply socket could not be there. */
  readonly zeromq: BindCapture | undefined;
  readonly http: HttpCapture;
}

const start = processRole().worker;
if (start?.module === undefined) {
  throw new Error('worker/main.js is started by scale() and does nothing by itself');
}
const { module } = start;
collectLater();
const preloaded = process.listeners('SIGTERM');
const captures = captureBinds(start);
try {
  if (start.threads > 0) new Worker(start, await startThreads(start)).start();
  else await load(start, module);
} catch (error) {
  if (error instanceof ProgramFailure) throw error.cause;
  await fail(error);
}

/** Loads the module here, and finds out what it is. */
async function load(orders: WorkerStart, module: string): Promise<void> {
  const { exportName, functions } = orders;
  const exported = await loadModule(module).catch(ofProgram);
  const application = await applicationOf(exported, exportName, functions);
  if (hasListened()) {
    if (application === undefined) refuseBoth(handlerOf(module, exported, exportName), module);
    return;
  }
  const server = await serverOf(application, functions);
  if (hasListened()) return; // while it was made ready
  if (server !== undefined) {
    serve(orders, new HttpHandler(server));
    return;
  }
  const handler = handlerOf(module, exported, exportName);
  if (handler !== undefined) serve(orders, handler);
  else if (captures === undefined) refuseModule(module, exported, exportName);
  else if (captures.zeromq?.hasBound !== true) {
    loadAsMain(module);
    waitForBind(captures, () => refuseModule(module, exported, exportName, NO_PROGRAM));
  }
}

/** A module that listens and exports a handler of values: neither guess would be safe. */
function refuseBoth(handler: HandlerFunction | undefined, module: string): void {
  if (handler === undefined || captures?.http.calls(handler) === true) return;
  throw new ZscaleError(
    'ZSCALE_ERR_LOAD',
    `${module} exports a handler and listens for HTTP; zscale hosts the one or serves the other. Say which handler it is ` +
      'by --export (option exportName), or take the export away',
  );
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
  if (captures === undefined || !isProgram(captures)) throw error;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  throw new ProgramFailure('the program ended', { cause });
}

function hasListened(): boolean {
  return captures?.http.hasListened === true;
}

function isProgram({ zeromq, http }: Captures): boolean {
  return zeromq?.hasBound === true || http.hasListened;
}

/** Whoever asks for an export by its name has a handler. */
function captureBinds(orders: WorkerStart): Captures | undefined {
  const { door, exportName: wanted } = orders;
  if (wanted !== undefined) return undefined;
  let isBound = false;
  const onRefused = (error: ZscaleError): void => void reportBootFailure(error);
  const zeromq =
    door === undefined
      ? undefined
      : new BindCapture({
          door,
          onBound: (endpoint) => {
            if (!isBound) new ProgramWorker(endpoint, preloaded);
            isBound = true;
          },
          onRefused,
        });
  const http = new HttpCapture({
    onListen: (server, endpoint) => host(orders, zeromq, server, endpoint),
    onClose: () => void report({ type: 'leaving' }),
    onRefused,
  });
  return { zeromq, http };
}

/** The program listens for HTTP: what it would serve, this worker serves. */
function host(
  orders: WorkerStart,
  zeromq: BindCapture | undefined,
  server: Server,
  endpoint: string,
): HttpHandler {
  if (zeromq?.hasBound === true) {
    const error = new ZscaleError(
      'ZSCALE_ERR_LOAD',
      `the program listens on ${endpoint} and binds a Reply socket, and a worker has one place where its requests come from. ` +
        'Run the two as programs of their own',
    );
    void reportBootFailure(error);
    throw error;
  }
  zeromq?.end();
  const handler = new HttpHandler(server);
  const tls = tlsOf(server);
  void report({ type: 'bound', endpoint, ...(tls !== undefined && { tls }) });
  new Worker(orders, handler).start({ preloaded });
  return handler;
}

function serve(orders: WorkerStart, handler: HandlerFunction | HttpHandler): void {
  if (captures?.zeromq?.hasBound === true) {
    throw new ZscaleError(
      'ZSCALE_ERR_LOAD',
      `${orders.module} exports a handler and binds a Reply socket; zscale hosts the one or runs the ` +
        'other. Say which handler it is by --export (option exportName), or take the export away',
    );
  }
  captures?.zeromq?.end();
  if (typeof handler === 'function') captures?.http.end();
  else captures?.http.keep(handler);
  new Worker(orders, handler).start();
}

/** A program may have to wait for something before it binds; a module that is no program never will. */
function waitForBind(binds: Captures, refuse: () => never): void {
  const giveUp = (): void => {
    if (isProgram(binds)) return;
    try {
      refuse();
    } catch (error) {
      void fail(error);
    }
  };
  process.once('beforeExit', giveUp);
  if (binds.zeromq?.seesZeromq === true) return;
  // How long it may wait, for a database or whom else it asks, is the supervisor's to say.
  const look = setInterval(() => {
    if (!isProgram(binds) && waitsForSomebody()) return;
    clearInterval(look);
    giveUp();
  }, BIND_LATER_MS).unref();
}

/** A connection that is being made, a name that is looked up, a file that is read. */
function waitsForSomebody(): boolean {
  return process.getActiveResourcesInfo().some((name) => !OWN_RESOURCES.includes(name));
}

async function fail(error: unknown): Promise<void> {
  await reportBootFailure(error);
  process.exit(EXIT_LOAD_FAILED);
}
