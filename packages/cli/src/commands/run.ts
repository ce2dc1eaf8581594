/**
 * `zscale run`: hosts a handler module, or a program, in several workers, in the foreground, until it is told to
 * stop.
 *
 * The server itself is core's `scale()`, which also answers SIGINT and SIGTERM; what is added here
 * is a logger, the notice for the person who started it, and the exit code.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { collectLater, createLogger, type Server, scale, type ZscaleError } from '@zscale/core';
import { EXIT_CODES } from '../failure.ts';
import type { RunInvocation } from '../invocation.ts';
import { describeServer, type Output } from '../output.ts';
import { reloadsFor, renewalOf, variablesOf } from '../reloading.ts';

/**
 * Runs the server. Resolves with the exit code once it was stopped in order.
 *
 * @param again - what it would be told by now: read at each reload
 * @throws what `scale()` throws when it cannot start, and ZscaleError ZSCALE_ERR_CRASH_LOOP when it
 *   gave up because its workers keep crashing
 */
export async function run(
  invocation: RunInvocation,
  output: Output,
  again: () => Promise<RunInvocation>,
): Promise<number> {
  const { entry, exec, options, logLevel, logFormat, watch } = invocation;
  collectLater();
  const logger = createLogger({ level: logLevel, format: logFormat });
  const watchFiles = await reloadsFor(watch, logger);
  const env = variablesOf(invocation);
  const onReload = async () => renewalOf(invocation, await again(), logger);
  const runnable = exec === undefined ? pathToFileURL(resolve(entry)) : { exec };
  // Whoever wants the log for machines wants all of it so.
  const form = logFormat === 'json' ? 'json' : 'prefix';
  const server = await scale(runnable, { output: form, ...options, env, logger, onReload });
  const end = ended(server);
  await Promise.race([watchFiles(server), end]);
  output.print(
    describeServer({
      entry,
      codec: server.codec,
      speaksHttp: server.speaksHttp,
      endpoints: server.endpoints,
      backendEndpoints: server.backendEndpoints,
      workerCountReason: server.workerCountReason,
    }),
  );
  const failure = await end;
  if (failure !== undefined) throw failure;
  return EXIT_CODES.ok;
}

/** Resolves when the server is closed: with nothing if it was asked to, else with why it gave up. */
function ended(server: Server): Promise<ZscaleError | undefined> {
  return new Promise((settle) => {
    let failure: ZscaleError | undefined;
    server.once('failed', (error) => {
      failure = error;
    });
    server.once('closed', () => settle(failure));
  });
}
