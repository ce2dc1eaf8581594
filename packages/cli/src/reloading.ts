/**
 * What a service that runs reads again: its environment at each reload, and with `--watch` itself when files change.
 */
import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Logger, Renewal } from '@zscale/core';
import { readEnvFiles } from './env-file.ts';
import { UsageError } from './failure.ts';
import type { JoinInvocation, RunInvocation } from './invocation.ts';
import type { WatchPlan } from './watcher.ts';

type Serving = RunInvocation | JoinInvocation;

/** What new workers take over from the options; all else was decided at the start. */
const RENEWED: ReadonlySet<string> = new Set(['env', 'args', 'execArgv', 'python']);

/** Environment variables of the workers: those of files, and over them the others. @throws UsageError */
export function variablesOf({
  envFiles = [],
  options,
  logLevel,
  logFormat,
}: Serving): Readonly<Record<string, string>> {
  return {
    // What handlers log by their context is written by the workers, in the same way.
    ...(logLevel !== undefined && { ZSCALE_LOG_LEVEL: logLevel }),
    ...(logFormat !== 'auto' && { ZSCALE_LOG_FORMAT: logFormat }),
    ...readEnvFiles(envFiles),
    ...options.env,
  };
}

/**
 * What new workers get, read anew; the log names what has changed and cannot be changed while it runs.
 *
 * @param began - how it was started
 * @param again - how it would be started now
 * @throws UsageError for a file that cannot be read
 */
export function renewalOf(began: Serving, again: Serving, logger: Logger): Renewal {
  const settings = changedSettings(began, again);
  if (settings.length > 0) {
    logger.warn(
      { settings },
      'settings that have changed count after a restart, not after a reload',
    );
  }
  const { args, execArgv, python } = { args: undefined, python: undefined, ...again.options };
  return { env: variablesOf(again), args: args ?? [], execArgv: execArgv ?? [], python };
}

/** Keys of settings that differ, without those that are renewed. Functions are made anew with their file. */
function changedSettings(began: Serving, again: Serving): readonly string[] {
  const [before, after] = [settingsIn(began), settingsIn(again)];
  return [...new Set([...before.keys(), ...after.keys()])].filter((key) => {
    const [one, other] = [before.get(key), after.get(key)];
    if (typeof one === 'function' && typeof other === 'function') return false;
    return !RENEWED.has(key) && !isDeepStrictEqual(one, other);
  });
}

/** Of what is not there nobody knows whether it is a file that will come, or a slip of the keyboard. @throws UsageError */
export function checkWatched({ named }: WatchPlan): void {
  const missing = named.find((one) => !existsSync(one));
  if (missing === undefined) return;
  throw new UsageError(
    `--watch-path takes files and folders that are there; there is no ${JSON.stringify(missing)}. ` +
      'For files that come later name the folder that they come to.',
  );
}

function settingsIn({ entry, options, logLevel, logFormat, watch }: Serving): Map<string, unknown> {
  return new Map(Object.entries({ entry, ...options, logLevel, logFormat, watch }));
}

/** What is reloaded. */
interface Reloadable {
  reload(): Promise<void>;
  once(event: 'closed', listener: () => void): unknown;
}

/**
 * Gets ready to reload a service when files change, and gives the function that begins. It resolves when changes are seen, and goes
 * on until the service is closed. A reload that fails is told, and the workers go on as they are; what changes while one is at work
 * leads to one more.
 *
 * @param plan - undefined: nothing is watched
 * @throws (rejects) UsageError as {@link checkWatched}
 */
export async function reloadsFor(
  plan: WatchPlan | undefined,
  logger: Logger,
): Promise<(server: Reloadable) => Promise<void>> {
  if (plan === undefined) return async () => {};
  checkWatched(plan);
  // Before there is a service: Node 20 resolves no links of packages when what it looked at last was a socket.
  const { Watcher } = await import('./watcher.ts');
  return async (server) => {
    const watcher = new Watcher(plan, {
      changed: (files) => {
        logger.info({ files }, 'files have changed');
        server.reload().catch((error: unknown) => {
          if (Reflect.get(Object(error), 'code') === 'ZSCALE_ERR_CLOSED') return;
          logger.error({ err: error }, 'reload failed: the workers go on as they were');
        });
      },
      failed: (err) => logger.warn({ err }, 'some changes of files may not be seen'),
    });
    server.once('closed', () => void watcher.close());
    await watcher.ready;
  };
}
