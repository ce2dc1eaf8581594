/**
 * What runs first in a worker process, before the user's code and its preloads: `node --import`
 * runs this file, in the host of a module as well as in a program that is run again.
 *
 * Takes the orders out of the environment, so that no grandchild believes it is a worker, ties the
 * process to the life of its supervisor, and reports what the program throws before it is ready.
 * In every other process that inherits the option it does nothing.
 */

import { parseWorkerStart } from '../messages/process-message.ts';
import { tieToSupervisor } from './lifeline.ts';
import { processRole } from './process-role.ts';
import { reportUncaughtErrors } from './report.ts';

const orders = process.env.ZSCALE_WORKER;
if (orders !== undefined) {
  delete process.env.ZSCALE_WORKER;
  const start = parseWorkerStart(orders);
  if (start.umask !== undefined) process.umask(start.umask);
  processRole().worker = start;
  process.execArgv = withoutPreload(process.execArgv);
  if (process.env.ZSCALE_OUTPUT === 'pipe') writeAtOnce();
  delete process.env.ZSCALE_OUTPUT;
  void tieToSupervisor(start);
  reportUncaughtErrors();
}

/** The program sees the Node options that it was started with, and hands on no others. */
function withoutPreload(execArgv: readonly string[]): string[] {
  const at = execArgv.indexOf(import.meta.url);
  return at < 1 ? [...execArgv] : [...execArgv.slice(0, at - 1), ...execArgv.slice(at + 1)];
}

/**
 * What a worker prints through a pipe is written before `console.log` returns, as on a terminal: so
 * nothing is lost when the process ends right after, and nothing piles up when nobody reads.
 */
function writeAtOnce(): void {
  for (const { _handle: handle } of [process.stdout, process.stderr] as Piped[]) {
    handle?.setBlocking?.(true);
  }
}

/** A stream over a pipe of Node's; it may be another kind of stream, so all of this is optional. */
type Piped = NodeJS.WriteStream & { _handle?: { setBlocking?(blocks: boolean): void } };
