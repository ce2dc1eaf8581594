/**
 * The sending end of a streamed request or reply: takes what its writer has, of any size, sends as much of it as the window
 * allows, in parts, and keeps the rest until the receiver grants more. Pure but for the parts that it writes.
 *
 *   writer -- send(bytes of any size) --> [ kept ] -- as the window allows --> writePart
 *
 * What it keeps is bounded by its writer: told `false`, that sends nothing more until it is told to go on.
 */

import { SendWindow } from './streams.ts';

/** Where parts go. */
export interface PartSink {
  /** A part to send now: at most the limit in size. */
  writePart(bytes: Buffer, more: boolean, trailers: Buffer | undefined): void;
}

/** A piece this small is not cut off from what follows: it waits for the next grant. */
const PIECE_MIN_BYTES = 1024;
const NOTHING: Buffer = Buffer.alloc(0);

/** Sends one direction of an exchange. */
export class PartSender {
  readonly #sink: PartSink;
  readonly #limit: number;
  readonly #window = new SendWindow();
  /** What waits for the window, in order. */
  readonly #kept: Buffer[] = [];
  #trailers: Buffer | undefined = undefined;
  /** Its writer has sent the last. */
  #isEnding = false;
  #isEnded = false;
  /** Its writer was told to wait. */
  #isBlocked = false;

  /** @param limit of a part, in bytes: see `partLimit`. */
  constructor(sink: PartSink, limit: number) {
    this.#sink = sink;
    this.#limit = limit;
  }

  /** Its writer has sent the last; nothing may be sent any more. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** The last part was written. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Bytes that may go along with a head now: what the window and the size of a part allow. */
  get room(): number {
    return Math.min(this.#limit, this.#window.room);
  }

  /** A message that is no part goes out with so many bytes beside its head. False when the window does not allow it. */
  spend(bytes: number): boolean {
    return this.#window.spend(bytes);
  }

  /** The first message was the last. */
  end(): void {
    this.#isEnding = true;
    this.#isEnded = true;
  }

  /**
   * Sends, or keeps for later. The bytes belong to it from here on.
   *
   * @returns false when the window is used up: its writer waits until {@link granted} says so.
   */
  send(bytes: Buffer, more: boolean, trailers: Buffer | undefined): boolean {
    if (bytes.length > 0) this.#kept.push(bytes);
    if (!more) {
      this.#isEnding = true;
      this.#trailers = trailers;
    }
    this.#flush();
    this.#isBlocked = this.#kept.length > 0 || this.#window.room < PIECE_MIN_BYTES;
    return !this.#isBlocked;
  }

  /**
   * The receiver consumed so many bytes.
   *
   * @returns `'go on'` when the writer was told to wait and need not any more, `'fault'` when the receiver never got so much.
   */
  granted(bytes: number): 'go on' | 'fault' | undefined {
    if (!this.#window.granted(bytes)) return 'fault';
    this.#flush();
    if (!this.#isBlocked || this.#kept.length > 0 || this.#isEnding) return undefined;
    if (this.#window.room < PIECE_MIN_BYTES) return undefined;
    this.#isBlocked = false;
    return 'go on';
  }

  #flush(): void {
    let [first] = this.#kept;
    while (first !== undefined) {
      const room = this.room;
      const size = Math.min(first.length, room);
      if (size < Math.min(first.length, PIECE_MIN_BYTES)) return;
      const isAll = size === first.length;
      const isLast = isAll && this.#isEnding && this.#kept.length === 1;
      const bytes = isAll ? first : first.subarray(0, size);
      if (isAll) this.#kept.shift();
      else this.#kept[0] = first.subarray(size);
      this.#write(bytes, isLast);
      [first] = this.#kept;
    }
    if (this.#isEnding && !this.#isEnded && this.#window.room >= 0) this.#write(NOTHING, true);
  }

  #write(bytes: Buffer, isLast: boolean): void {
    this.#window.spend(bytes.length);
    if (isLast) this.#isEnded = true;
    this.#sink.writePart(bytes, !isLast, isLast ? this.#trailers : undefined);
  }
}
