/**
 * Standard error as the log writes to it: each line is written before `write()` returns, so that one
 * written just before the process ends is not lost.
 *
 * A line that cannot be written, as on a full disk, is lost and counted: a service does not end for
 * its log. Nothing is kept. The first line that can be written again is followed by the number.
 */

import { writeSync } from 'node:fs';

/** Standard error. Standard output belongs to the program's data. */
const STDERR = 2;
/** How long a line waits for a reader that is behind, where the system does not wait itself. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 10;
const NEWLINE = '\n';

/** The lines of one log. */
export class LogLines {
  readonly #found: (lost: number) => void;
  readonly #clock: Int32Array;
  #lost: number;
  /** Whether the last line was cut by what went wrong. */
  #isTorn: boolean;

  /** @param found lines can be written again, and so many were lost. It may write. */
  constructor(found: (lost: number) => void) {
    this.#found = found;
    this.#clock = new Int32Array(new SharedArrayBuffer(4));
    this.#lost = 0;
    this.#isTorn = false;
  }

  /** Writes a line, which has its end. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(this.#isTorn ? NEWLINE + line : line);
    const written = this.#writeAll(bytes);
    if (written > 0) this.#isTorn = written < bytes.length;
    if (written < bytes.length) {
      this.#lost += 1;
      return;
    }
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#found(lost);
  }

  /** Writes as much as can be; gives how many bytes that was. */
  #writeAll(bytes: Buffer): number {
    let written = 0;
    // Once a line was lost, none waits until one has gone through.
    let patience = this.#lost === 0 ? PATIENCE_MS : 0;
    while (written < bytes.length) {
      try {
        written += writeSync(STDERR, bytes, written);
      } catch (error) {
        const isBehind = Reflect.get(Object(error), 'code') === 'EAGAIN';
        if (!isBehind || patience <= 0) break;
        Atomics.wait(this.#clock, 0, 0, PAUSE_MS);
        patience -= PAUSE_MS;
      }
    }
    return written;
  }
}
