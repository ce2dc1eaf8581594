/**
 * From a file to the handler in it: JavaScript or TypeScript, ESM or CommonJS.
 *
 * The handler is the export `default` or else `handler`, or the one that is asked for by name. What
 * CommonJS exports (`module.exports = fn`, `module.exports.handler`) and what compilers make of
 * `export default` in CommonJS (`default.default`) count as the same names. An export `idempotent`
 * stands for the property of that name of the handler. A web application may also be called `app` or
 * `server`, and a module with an export `fetch` is one itself.
 */

import { readFileSync, type Stats, statSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { ZscaleError } from '../errors.ts';
import type { HandlerFunction } from '../handlers/handler.ts';
import { isHttpApplication, isListener } from '../handlers/http-application.ts';
import { isThenable } from '../messages/sendable.ts';
import type { FunctionRule } from '../options.ts';
import { isTypeScript, registerTypeScript } from '../typescript.ts';
import { firstLines } from './report.ts';
import { locateSyntaxError } from './syntax-error.ts';

/** Tried in this order when no export is asked for. */
const EXPORT_NAMES = ['default', 'handler'];

/** Names under which nothing but a web application is looked for. */
const APPLICATION_NAMES = ['app', 'server'];

/** More exports than this are not listed when none of them is a handler. */
const MAX_LISTED = 10;

/**
 * Imports a module and finds its handler.
 *
 * @param url - the module's file URL
 * @param exportName - the export that is the handler; `default`, then `handler`, when undefined
 * @param rule what a function is that is no known web application
 * @throws ZscaleError `ZSCALE_ERR_LOAD` as {@link loadModule}, and as {@link refuseModule}; also for a web application
 */
export async function loadHandler(
  url: string,
  exportName: string | undefined,
  rule: FunctionRule,
): Promise<HandlerFunction> {
  const exported = await loadModule(url);
  if ((await applicationOf(exported, exportName, rule)) !== undefined) {
    refuse(
      `${fileURLToPath(url)} exports a web application, and threads run handlers of values: a connection cannot be given to a thread. ` +
        'Leave --threads (option threads) out, and start more workers instead',
    );
  }
  return handlerOf(url, exported, exportName) ?? refuseModule(url, exported, exportName);
}

/**
 * Imports a module. Never resolves while it awaits at its top level, as servers do.
 *
 * @throws ZscaleError `ZSCALE_ERR_LOAD` when there is no such file, and when it cannot be imported (the
 * text has file and line)
 */
export async function loadModule(url: string): Promise<object> {
  return importModule(url, checkModuleFile(url));
}

/**
 * Looks whether there is a file, before anything is started for it.
 *
 * @param url - the module's file URL
 * @returns the file's path
 * @throws ZscaleError `ZSCALE_ERR_LOAD` when there is none
 */
export function checkModuleFile(url: string): string {
  const file = fileURLToPath(url);
  const stats = statsOf(file);
  if (stats === undefined) refuse(`there is no file ${file}`);
  if (!stats.isFile()) refuse(`${file} is not a file; name the module in it`);
  return file;
}

/**
 * The handler among what a module exports, if there is one, with the module's `idempotent`.
 *
 * @throws ZscaleError `ZSCALE_ERR_LOAD` when that is no function
 */
export function handlerOf(
  url: string,
  exported: object,
  exportName: string | undefined,
): HandlerFunction | undefined {
  for (const name of namesOf(exportName)) {
    const found = exportOf(exported, name);
    if (isHandler(found))
      return withIdempotent(found, exportOf(exported, 'idempotent'), fileURLToPath(url));
  }
  return undefined;
}

/**
 * The web application among what a module exports, if there is one; a promise of one is waited for.
 *
 * @param rule what a function is that is no known application
 * @throws what the promise rejects with
 */
export async function applicationOf(
  exported: object,
  exportName: string | undefined,
  rule: FunctionRule,
): Promise<unknown> {
  for (const name of namesOf(exportName)) {
    for (const found of exportsOf(exported, name)) {
      const value: unknown = isThenable(found) ? await found : found;
      if (isListener(value, rule)) return value;
    }
  }
  if (exportName !== undefined) return undefined;
  for (const name of APPLICATION_NAMES) {
    const found = exportsOf(exported, name).find(isHttpApplication);
    if (found !== undefined) return found;
  }
  return isHttpApplication(exported) ? exported : undefined;
}

/**
 * Says that there is no handler in a module.
 *
 * @param otherwise - what else was looked for, to be added to the text; default nothing
 * @throws ZscaleError `ZSCALE_ERR_LOAD`: the text says what was looked for, and what there is
 */
export function refuseModule(
  url: string,
  exported: object,
  exportName: string | undefined,
  otherwise = '',
): never {
  const wanted = namesOf(exportName)
    .map((name) => `'${name}'`)
    .join(' or ');
  return refuse(
    `no handler in ${fileURLToPath(url)}: looked for an export ${wanted} that is a function; ` +
      `the module exports ${listExports(exported)}${otherwise}`,
  );
}

function namesOf(exportName: string | undefined): readonly string[] {
  return exportName === undefined ? EXPORT_NAMES : [exportName];
}

/**
 * Loads a module again, as the main one of the process, where it looks as if it started its server only
 * as that: `if (require.main === module)`. Does nothing for any other, and for ES modules, which cannot be
 * loaded again.
 */
export function loadAsMain(url: string): void {
  const file = fileURLToPath(url);
  const load = createRequire(url);
  const isLoaded = load.cache[file] !== undefined;
  if (!isLoaded || !/\brequire\.main\b/.test(readFileSync(file, 'utf8'))) return;
  delete load.cache[file];
  // As `node file` calls it; the types of Node do not have it.
  const loader: unknown = Reflect.get(Module, '_load');
  if (typeof loader !== 'function') return;
  process.argv[1] = file;
  loader.call(Module, file, null, true);
}

async function importModule(url: string, file: string): Promise<object> {
  try {
    if (isTypeScript(file)) await registerTypeScript();
    const exported: object = await import(url);
    return exported;
  } catch (error) {
    const place = error instanceof SyntaxError ? await locateSyntaxError(error, file) : undefined;
    return refuse(
      `${file} could not be loaded${asWhom(error)}:\n${place ?? firstLines(error)}`,
      error,
    );
  }
}

function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    return refuse(`${file} could not be loaded${asWhom(error)}:\n${firstLines(error)}`, error);
  }
}

/** Who may not read something, which is what has to be known to mend it. */
function asWhom(error: unknown): string {
  const code: unknown = Reflect.get(Object(error), 'code');
  if (code !== 'EACCES' || process.geteuid === undefined) return '';
  return ` as user ${process.geteuid()}, group ${process.getegid?.()}`;
}

/** The handler, with the module's `idempotent` where it has none of its own. */
function withIdempotent(
  handler: HandlerFunction,
  exported: unknown,
  file: string,
): HandlerFunction {
  const idempotent = handler.idempotent ?? exported;
  if (idempotent === undefined) return handler;
  if (!isIdempotent(idempotent)) {
    return refuse(
      `idempotent in ${file} must be a function that takes a request and says whether it may be ` +
        `done again; it is ${idempotent === null ? 'null' : `a ${typeof idempotent}`}`,
    );
  }
  if (handler.idempotent !== undefined) return handler;
  // Not written to the user's function, which may be frozen or shared.
  const call: HandlerFunction = (request, context) => handler(request, context);
  return Object.assign(call, { idempotent });
}

function isIdempotent(value: unknown): value is (request: never) => boolean {
  return typeof value === 'function';
}

/** What stands under this name, in a module and in its `module.exports`. */
function exportsOf(exported: object, name: string): unknown[] {
  return [propertyOf(exported, name), propertyOf(propertyOf(exported, 'default'), name)];
}

/** The export of this name; of a CommonJS module also the property of `module.exports`. */
function exportOf(exported: object, name: string): unknown {
  const own = propertyOf(exported, name);
  return isHandler(own) ? own : propertyOf(propertyOf(exported, 'default'), name);
}

function propertyOf(value: unknown, name: string): unknown {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject ? Reflect.get(value, name) : undefined;
}

function isHandler(value: unknown): value is HandlerFunction {
  return typeof value === 'function';
}

/** `answer (number), helper (function)`: what there is instead of a handler. */
function listExports(exported: object): string {
  const names = Object.keys(exported);
  if (names.length === 0) return 'nothing';
  const listed = names.slice(0, MAX_LISTED).map((name) => {
    const value = propertyOf(exported, name);
    return `${name} (${value === null ? 'null' : typeof value})`;
  });
  return listed.join(', ') + (names.length > MAX_LISTED ? ' and more' : '');
}

function refuse(message: string, cause?: unknown): never {
  throw new ZscaleError('ZSCALE_ERR_LOAD', message, cause === undefined ? {} : { cause });
}
