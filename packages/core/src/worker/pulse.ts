/**
 * The pulse of a worker process: a number in shared memory that its event loop raises several times
 * within `hangTimeout`, for `watchdog.ts` to see, in another thread, that the loop still turns.
 *
 *     cells  [beats, state]        state: RESTING before the worker serves, BEATING, DEBUGGED
 *
 * It rests while the program loads, for as long as that takes: `startTimeout` is the clock of that.
 */

import inspector from 'node:inspector';

/** The cell that counts beats. */
export const BEATS = 0;
/** The cell with one of the next three. */
export const STATE = 1;

/** It does not beat yet. */
export const RESTING = 0;
/** It beats, or should. */
export const BEATING = 1;
/** An inspector is open: whoever stops the program there does it on purpose. */
export const DEBUGGED = 2;

const CELLS = 2;
const BEATS_PER_TIMEOUT = 4;
const SLOWEST_BEAT_MS = 1000;

/** What the two threads share. */
export type Pulse = Int32Array<SharedArrayBuffer>;

/** A pulse that rests. */
export function createPulse(): Pulse {
  const pulse = new Int32Array(new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT));
  pulse[STATE] = RESTING;
  return pulse;
}

/** How often it beats, and is looked at, in ms. */
export function beatOf(hangTimeout: number): number {
  return Math.min(hangTimeout / BEATS_PER_TIMEOUT, SLOWEST_BEAT_MS);
}

/** Lets it beat from now on, without keeping the process alive. */
export function startPulse(pulse: Pulse, hangTimeout: number): void {
  beat(pulse);
  setInterval(beat, beatOf(hangTimeout), pulse).unref();
}

function beat(pulse: Pulse): void {
  Atomics.store(pulse, STATE, inspector.url() === undefined ? BEATING : DEBUGGED);
  Atomics.add(pulse, BEATS, 1);
}
