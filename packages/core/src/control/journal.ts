/**
 * The last things that happened, numbered, for those who follow them by asking again and again: "what came behind number 41?".
 *
 * Bounded in entries, in bytes and in the size of each entry; who asks too seldom is told how many it missed. Nothing is kept for anybody, so a
 * follower that is slow or gone costs nothing.
 */

import type { JournalEntry, JournalReport } from './control-report.ts';

const KEPT_ENTRIES = 1000;
/** Of all entries together, as JSON. */
const KEPT_BYTES = 1_048_576;
/** Entries in one answer. */
const MAX_ENTRIES = 200;
const MAX_TEXT_CHARACTERS = 4096;
const MAX_ENTRY_CHARACTERS = 16_384;

/** Keeps the last entries. */
export class Journal {
  readonly #entries: JournalEntry[] = [];
  /** Of each entry, in bytes. */
  readonly #sizes: number[] = [];
  #bytes = 0;
  readonly #waiting = new Set<() => void>();
  #last = 0;
  #isClosed = false;

  /** Adds an entry with the time of now. What of the facts has no form in JSON is left out. */
  add(facts: object): void {
    this.#last += 1;
    const entry = { number: this.#last, time: new Date().toISOString(), ...plain(facts) };
    const size = Buffer.byteLength(JSON.stringify(entry));
    this.#entries.push(entry);
    this.#sizes.push(size);
    this.#bytes += size;
    while (this.#entries.length > KEPT_ENTRIES || this.#bytes > KEPT_BYTES) {
      this.#entries.shift();
      this.#bytes -= this.#sizes.shift() ?? 0;
    }
    this.#wake();
  }

  /**
   * What came behind entry number `after`, oldest first. When there is nothing, it waits for up to `wait` ms for something; then, and
   * when the journal is closed, the answer has no entries. Of a number that is yet to come it knows nothing: then all is new.
   */
  async read(after: number, wait: number): Promise<JournalReport> {
    if (after === this.#last && wait > 0 && !this.#isClosed) await this.#news(wait);
    const known = after > this.#last ? 0 : after;
    const first = this.#last - this.#entries.length;
    const start = Math.max(known, first);
    const entries = this.#entries.slice(start - first, start - first + MAX_ENTRIES);
    return {
      entries,
      last: start + entries.length,
      missed: after > this.#last ? 0 : start - known,
    };
  }

  /** Answers all who wait. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  #news(wait: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, wait).unref();
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}

/** The facts as JSON has them, with long texts cut: what is kept must not hold on to a program's own objects. */
function plain(facts: object): Record<string, unknown> {
  try {
    const text = JSON.stringify(facts, (_key, value: unknown) => {
      if (value instanceof Error) return factsOf(value);
      if (typeof value === 'bigint') return String(value);
      return typeof value === 'string' ? value.slice(0, MAX_TEXT_CHARACTERS) : value;
    });
    if (text.length <= MAX_ENTRY_CHARACTERS) return JSON.parse(text);
    return { text: `${text.slice(0, MAX_TEXT_CHARACTERS)}…` };
  } catch {
    return { text: 'facts that have no form in JSON' }; // a circle, or a toJSON that throws
  }
}

/** An error as pino shows it; its own properties are left out but for the code. */
function factsOf(error: Error): object {
  const code: unknown = Reflect.get(error, 'code');
  const { name, message, stack } = error;
  return { type: name, ...(typeof code === 'string' && { code }), message, stack };
}
