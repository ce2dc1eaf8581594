/**
 * The lines that wait to be written to a file: so many bytes, and not more.
 *
 *     line ──► [ waiting, at most MAX_WAITING_BYTES ] ──► destination
 *                     └─ full: dropped and counted, told at once and then now and again
 *
 * A disk that is full, or a reader who stands still or is gone, costs lines and no memory. What waits is tried again, with each line and
 * without, so that lines go on when there is room. Owns the counting; the writing is the destination's (pino's), which keeps
 * all that it is given and, given a limit of its own, would not try again once that is reached.
 */

/** So much waits, in bytes. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** After a fault it is tried again so much later, in ms, also when no line comes. */
const RETRY_MS = 1000;
/** Losses are told at most so often, in ms. */
const TELL_MS = 10_000;

/** What writes: soon, not at once. */
export interface LineDestination {
  write(text: string): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'write', listener: (bytes: number) => void): unknown;
}

/** See the top of the file. */
export class WaitingLines {
  readonly #destination: LineDestination;
  readonly #lose: (lines: number, fault: Error | undefined) => void;
  /** Bytes that the destination has, and has not written. */
  #waiting: number;
  /** Lines that were dropped and not yet told. */
  #lost: number;
  /** Why lines wait; undefined while they are written. */
  #fault: Error | undefined;
  #isClosed: boolean;
  #retrying: NodeJS.Timeout | undefined;
  #telling: NodeJS.Timeout | undefined;

  /** @param lose so many lines were lost since it was told last; why, unless it is just slow */
  constructor(
    destination: LineDestination,
    lose: (lines: number, fault: Error | undefined) => void,
  ) {
    this.#destination = destination;
    this.#lose = lose;
    this.#waiting = 0;
    this.#lost = 0;
    this.#fault = undefined;
    this.#isClosed = false;
    this.#retrying = undefined;
    this.#telling = undefined;
    destination.on('write', (bytes) => this.#onWritten(bytes));
    destination.on('error', (error) => this.#onFault(error)); // it must not end the service
  }

  /** Takes a line, which has its end, or drops it. Never throws. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#isClosed || this.#waiting + bytes > MAX_WAITING_BYTES) {
      this.#lost += 1;
      if (!this.#isClosed && this.#telling === undefined) this.#tell();
      return;
    }
    this.#waiting += bytes;
    this.#destination.write(line);
  }

  /** Takes no line any more, and tells what is left to tell. The destination is its maker's to end. Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retrying);
    clearTimeout(this.#telling);
    if (this.#lost > 0) this.#say();
  }

  #onWritten(bytes: number): void {
    this.#waiting -= bytes;
    this.#fault = undefined;
  }

  #onFault(error: Error): void {
    this.#fault = error;
    if (this.#isClosed || this.#retrying !== undefined) return;
    this.#retrying = setTimeout(() => {
      this.#retrying = undefined;
      this.#destination.write(''); // it tries again what it has
    }, RETRY_MS).unref();
  }

  #tell(): void {
    this.#telling = undefined;
    if (this.#lost === 0) return;
    this.#say();
    this.#telling = setTimeout(() => this.#tell(), TELL_MS).unref();
  }

  #say(): void {
    const lost = this.#lost;
    this.#lost = 0;
    this.#lose(lost, this.#fault);
  }
}
