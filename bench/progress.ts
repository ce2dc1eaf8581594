/** Progress on stderr: one line that changes on a terminal, one line for each row elsewhere. */

/** Tells what happens now. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #total: number;
  readonly #start = performance.now();
  #number = 0;
  #row = '';

  /** @param total rows there are. */
  constructor(stream: NodeJS.WriteStream, total: number) {
    this.#stream = stream;
    this.#total = total;
  }

  /** Seconds since it was made. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** A row begins. */
  begin(row: string): void {
    this.#number += 1;
    this.#row = row;
    if (!this.#stream.isTTY) this.#stream.write(`${this.#place()}\n`);
  }

  /** What its row does now. */
  tell(what: string): void {
    if (this.#stream.isTTY) this.#rewrite(`${this.#place()}: ${what}`);
  }

  /** Something that stays to be read. */
  note(text: string): void {
    if (this.#stream.isTTY) this.#rewrite('');
    this.#stream.write(`${text}\n`);
  }

  #place(): string {
    const seconds = Math.round(this.seconds);
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    return `[${this.#number}/${this.#total} ${time}] ${this.#row}`;
  }

  #rewrite(line: string): void {
    this.#stream.write(`\r\x1b[2K${line.slice(0, this.#stream.columns - 1)}`);
  }
}
