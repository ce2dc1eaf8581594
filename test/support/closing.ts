/*
 * Whoever makes something in a test says so here, and it is closed when the test ends, however it
 * ends.
 */
import { onTestFinished } from 'vitest';

/** Anything with an end: sockets, peers, servers. */
export interface Closable {
  close(): unknown;
}

/**
 * Closes `thing` when the running test is over, and gives it back. A socket drops what it has not
 * sent (`linger` 0), so that no test waits for a peer that never comes.
 */
export function closing<T extends Closable>(thing: T): T {
  onTestFinished(async () => {
    if ('closed' in thing && thing.closed === true) return;
    if ('linger' in thing) Object.assign(thing, { linger: 0 });
    await thing.close();
  });
  return thing;
}
