/** Errors that nobody caught during one run: thrown in a timer or a tick, or a promise that was rejected. They are faults. */

import { setImmediate as nextTurn } from 'node:timers/promises';

/** One turn of the event loop: ticks, promises and immediates of before are done. */
export async function turn(): Promise<void> {
  await nextTurn();
}

/** Does `run`, and throws the first error that went astray meanwhile. */
export async function withoutStrays(run: () => Promise<void>): Promise<void> {
  const strays: unknown[] = [];
  const keep = (error: unknown): void => {
    strays.push(error);
  };
  process.on('uncaughtException', keep);
  process.on('unhandledRejection', keep);
  try {
    await run();
    await turn();
  } finally {
    process.off('uncaughtException', keep);
    process.off('unhandledRejection', keep);
  }
  const [first] = strays;
  if (strays.length > 0) throw new Error('an error that nobody caught', { cause: first });
}
