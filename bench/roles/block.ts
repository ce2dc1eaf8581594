/** Keeps this thread from doing anything, as work does, without using a CPU: so two cores can play eight busy workers. */

const cell = new Int32Array(new SharedArrayBuffer(4));

/** @param request the milliseconds, as text. */
export function block(request: Buffer | undefined): void {
  Atomics.wait(cell, 0, 0, Number(request));
}
