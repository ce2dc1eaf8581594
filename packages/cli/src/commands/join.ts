/**
 * `zscale join`: hosts a handler module for services on other machines, in the foreground, until it is told to stop.
 *
 * The machine itself is core's `join()`; what is added here is a logger, the notice for the person who started it, and the exit
 * code.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createLogger, join, type Machine, ZscaleError } from '@zscale/core';
import { EXIT_CODES } from '../failure.ts';
import type { JoinInvocation } from '../invocation.ts';
import { describeMachine, type Output } from '../output.ts';
import { reloadsFor, renewalOf, variablesOf } from '../reloading.ts';

/**
 * Works for the services. Resolves with the exit code once it was stopped in order, be it while it still waited for them.
 *
 * @param again - what it would be told by now: read at each reload
 * @throws what `join()` throws when it cannot start, and ZscaleError ZSCALE_ERR_CRASH_LOOP when it gave up because its workers
 *   keep crashing
 */
export async function joinMachine(
  invocation: JoinInvocation,
  output: Output,
  again: () => Promise<JoinInvocation>,
): Promise<number> {
  const { entry, options, logLevel, logFormat, watch } = invocation;
  const logger = createLogger({ level: logLevel, format: logFormat });
  const watchFiles = await reloadsFor(watch, logger);
  const env = variablesOf(invocation);
  const onReload = async () => renewalOf(invocation, await again(), logger);
  let machine: Machine;
  try {
    machine = await join(pathToFileURL(resolve(entry)), { ...options, env, logger, onReload });
  } catch (error) {
    if (error instanceof ZscaleError && error.code === 'ZSCALE_ERR_CLOSED') return EXIT_CODES.ok;
    throw error;
  }
  const end = ended(machine);
  await Promise.race([watchFiles(machine), end]);
  output.print(
    describeMachine({
      entry,
      codec: options.codec ?? 'msgpack',
      backends: machine.backends.map(({ endpoint }) => endpoint),
      workerCountReason: machine.workerCountReason,
    }),
  );
  const failure = await end;
  if (failure !== undefined) throw failure;
  return EXIT_CODES.ok;
}

/** Resolves when the machine is closed: with nothing if it was asked to, else with why it gave up. */
function ended(machine: Machine): Promise<ZscaleError | undefined> {
  return new Promise((settle) => {
    let failure: ZscaleError | undefined;
    machine.once('failed', (error) => {
      failure = error;
    });
    machine.once('closed', () => settle(failure));
  });
}
