/**
 * What a worker process says to its supervisor, over the IPC channel that Node gave it.
 */

import { ZscaleError } from '../errors.ts';
import type { FromWorker } from '../messages/process-message.ts';

/** How much of an error is repeated to whoever starts the service: its text and where it was. */
const MAX_LINES = 6;

const OWN_FOLDER = new URL('.', import.meta.url).href;

/** Sends one message; resolves when it is on its way, or when there is nobody to send it to. */
export function report(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, {}, () => resolve());
  });
}

/** Reports why this worker cannot start; resolves as `report` does. */
export function reportBootFailure(error: unknown): Promise<void> {
  if (error instanceof ZscaleError) {
    return report({ type: 'boot-failed', code: error.code, message: error.message });
  }
  return report({ type: 'boot-failed', code: 'ZSCALE_ERR_LOAD', message: firstLines(error) });
}

/**
 * Reports errors that nobody catches, which end the process before it is ready; Node prints them
 * itself. Of those that come later the supervisor takes no notice.
 */
export function reportUncaughtErrors(): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    // A program that listens for such errors may survive them.
    if (process.listenerCount('uncaughtException') === 0) void reportBootFailure(error);
  });
}

/** What is wrong and where in the user's own code, from the text and the stack of an error. */
export function firstLines(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !isForeignFrame(line));
  return lines.slice(0, MAX_LINES).join('\n');
}

/** Whether a line of a stack is in Node, in a package, or in this room. */
function isForeignFrame(line: string): boolean {
  const places = ['node:', '/node_modules/', OWN_FOLDER];
  return /^\s+at /.test(line) && places.some((place) => line.includes(place));
}
