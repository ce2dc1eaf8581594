/** `zscale check`: loads the settings and the application as a worker would, and says what they are. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkService, createLogger, type ServiceCheck } from '@zscale/core';
import { EXIT_CODES } from '../failure.ts';
import type { CheckInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { checkWatched, variablesOf } from '../reloading.ts';

/**
 * Checks and prints. Resolves with the exit code.
 *
 * @throws what `checkService()` throws when it does not start
 */
export async function check({ json, run }: CheckInvocation, output: Output): Promise<number> {
  const { entry, exec, options, logLevel, logFormat, watch } = run;
  if (watch !== undefined) checkWatched(watch);
  const logger = createLogger({ level: logLevel ?? 'warn', format: logFormat });
  const runnable = exec === undefined ? pathToFileURL(resolve(entry)) : { exec };
  const found = await checkService(runnable, {
    output: 'prefix',
    ...options,
    env: variablesOf(run),
    logger,
  });
  output.print(json ? JSON.stringify({ entry, ...found }) : `${entry} is ${describe(found)}.`);
  return EXIT_CODES.ok;
}

function describe({ kind, codec, endpoint }: ServiceCheck): string {
  switch (kind) {
    case 'handler':
      return `a handler of values, in ${codec}`;
    case 'web application':
      return 'a web application';
    case 'program':
      return `a program that ${codec === null ? 'listens for HTTP' : 'binds'} at ${endpoint}`;
    case 'command':
      return 'a command that connects its REP socket';
  }
}
