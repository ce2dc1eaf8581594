/**
 * Messages from one thread to another through shared memory: a ring with one writer and one reader. It owns the layout, the
 * counters and the two flags by which each side learns that the other wants to be woken; it wakes nobody itself.
 *
 *   control   words of the writer: HEAD ENDED WAITS       words of the reader: TAIL READ MARK SLEEPS      (a cache line or two each)
 *   ring      [record][record] ... [SKIP, up to the end]      HEAD and TAIL count bytes and wrap at 2^32
 *   record    frame count (4)  length of each frame (4 each)  bodies, back to back  padding to 4
 *             a count of 0 stands for a message that is carried outside of the ring, in the same order
 *
 * "Written, but not published" is invisible to the reader: a batch is published once. The flags follow Dekker's scheme: store
 * one's own, then look at the other's counters; `Atomics` gives the order that this needs.
 */

import { BodyCutter } from '../../body-cutter.ts';
import { viewOf } from '../../bytes.ts';
import type { Message } from '../../message.ts';

/** Bytes of a ring. A power of two; the system gives memory only to the pages that were used. */
const RING_BYTES = 512 * 1024;
const MASK = RING_BYTES - 1;
/** The largest record. A ring with room for two takes any record, wherever its end may fall. */
export const RECORD_BYTES_MAX: number = 64 * 1024;
/** The reader looks at as much of the ring at once; bodies from 512 B on are views of a copy of that. */
const CHUNK_BYTES = 64 * 1024;
const WORD_BYTES = 4;
const SKIP = -1;
const CARRIED = 0;

// Words of the control block, each side's 128 bytes from the other's: processors fetch cache lines in pairs.
const HEAD = 0;
const ENDED = 1;
const WAITS = 2;
const TAIL = 32;
const READ = 33;
const MARK = 34;
const SLEEPS = 35;
const CONTROL_BYTES = 256;

/** Bytes of shared memory under one ring. */
export const SHARED_RING_BYTES: number = CONTROL_BYTES + RING_BYTES;

/** The ring has nothing more. */
export const EMPTY = 0;
/** The sink wants nothing more now. */
export const PAUSED = 1;
/** The budget is used up. */
export const BUDGET = 2;
/** The next message is a carried one, and it is not here yet. */
export const STARVED = 3;

/** Why {@link RingReader.read} stopped. */
export type ReadEnd = typeof EMPTY | typeof PAUSED | typeof BUDGET | typeof STARVED;

/** Where the reader puts what it reads. */
export interface RingSink {
  /** Nothing may be delivered now. */
  readonly isPaused: boolean;
  /** A message, in order. Its frames are copies, cut as those of a lent chunk (body-cutter.ts). */
  deliver(message: Message): void;
  /** The oldest message that came outside of the ring; undefined when it is still on its way. */
  nextCarried(): Message | undefined;
}

/** Bytes a message takes in the ring, padding included. Above {@link RECORD_BYTES_MAX} it must be carried. */
export function recordBytes(message: Message): number {
  let bytes = WORD_BYTES * (1 + message.length);
  for (let i = 0; i < message.length; i++) bytes += (message[i] as Buffer).length; // i < length
  return bytes > RECORD_BYTES_MAX ? bytes : (bytes + WORD_BYTES - 1) & -WORD_BYTES;
}

/** The writing side. Its counters are its own; only what is published can be seen. */
export class RingWriter {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #head: number;
  #tail: number;
  #written = 0;

  /** @param offset of the {@link SHARED_RING_BYTES} of this ring in the memory; a multiple of 4. */
  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#control = new Int32Array(memory, offset, CONTROL_BYTES / WORD_BYTES);
    this.#words = new Int32Array(memory, offset + CONTROL_BYTES, RING_BYTES / WORD_BYTES);
    this.#bytes = new Uint8Array(memory, offset + CONTROL_BYTES, RING_BYTES);
    this.#head = Atomics.load(this.#control, HEAD); // 0 in new memory
    this.#tail = Atomics.load(this.#control, TAIL);
  }

  /** How many more messages the reader takes now; Infinity when it set no mark. */
  get credit(): number {
    const mark = Atomics.load(this.#control, MARK);
    if (mark === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, mark - ((this.#written - Atomics.load(this.#control, READ)) | 0));
  }

  /** Whether a record of any allowed size fits. */
  get hasRoom(): boolean {
    if (this.#free >= 2 * RECORD_BYTES_MAX) return true;
    this.#tail = Atomics.load(this.#control, TAIL);
    return this.#free >= 2 * RECORD_BYTES_MAX;
  }

  get #free(): number {
    return RING_BYTES - ((this.#head - this.#tail) | 0);
  }

  /** Copies a message into the ring. @param bytes its {@link recordBytes}, not above the maximum. There must be room. */
  write(message: Message, bytes: number): void {
    const start = this.#place(bytes);
    const words = this.#words;
    const count = message.length;
    let word = start / WORD_BYTES;
    words[word] = count;
    let at = start + WORD_BYTES * (1 + count);
    for (let i = 0; i < count; i++) {
      const body = message[i] as Buffer; // i < count
      word += 1;
      words[word] = body.length;
      copyBody(body, this.#bytes, at);
      at += body.length;
    }
    this.#head = (this.#head + bytes) | 0;
    this.#written = (this.#written + 1) | 0;
  }

  /** Puts the place of a carried message into the ring. There must be room. */
  writeCarried(): void {
    const start = this.#place(WORD_BYTES);
    this.#words[start / WORD_BYTES] = CARRIED;
    this.#head = (this.#head + WORD_BYTES) | 0;
    this.#written = (this.#written + 1) | 0;
  }

  /** Shows the reader what was written. True when it sleeps: whoever gets true wakes it. */
  publish(): boolean {
    if (Atomics.load(this.#control, HEAD) === this.#head) return false;
    Atomics.store(this.#control, HEAD, this.#head);
    return Atomics.exchange(this.#control, SLEEPS, 0) === 1;
  }

  /** Asks to be woken when there is room and credit. False when there are both already. */
  wait(): boolean {
    Atomics.store(this.#control, WAITS, 1);
    if (!this.hasRoom || this.credit === 0) return true;
    Atomics.store(this.#control, WAITS, 0);
    return false;
  }

  /** Nothing is written after what was published. */
  end(): void {
    Atomics.store(this.#control, ENDED, 1);
  }

  /** Where a record of this size starts: at the head, or at the start of the ring when it would not fit before the end. */
  #place(bytes: number): number {
    const start = this.#head & MASK;
    if (start + bytes <= RING_BYTES) return start;
    this.#words[start / WORD_BYTES] = SKIP;
    this.#head = (this.#head + RING_BYTES - start) | 0;
    return 0;
  }
}

/** The reading side. */
export class RingReader {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #cutter = new BodyCutter();
  #tail: number;
  #delivered = 0;

  /** @param offset as in {@link RingWriter}. */
  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#control = new Int32Array(memory, offset, CONTROL_BYTES / WORD_BYTES);
    this.#words = new Int32Array(memory, offset + CONTROL_BYTES, RING_BYTES / WORD_BYTES);
    this.#bytes = Buffer.from(memory, offset + CONTROL_BYTES, RING_BYTES);
    this.#tail = Atomics.load(this.#control, TAIL);
  }

  /** The writer has said its last; what it published before can still be read. */
  get isEnded(): boolean {
    return Atomics.load(this.#control, ENDED) === 1;
  }

  /** Something was published that was not read. */
  get hasMore(): boolean {
    return Atomics.load(this.#control, HEAD) !== this.#tail;
  }

  /** Delivers messages until one of the {@link ReadEnd} reasons; at most about `messages` (below 2^31) and `bytes`. */
  read(sink: RingSink, messages: number, bytes: number): ReadEnd {
    const limit = (this.#delivered + messages) | 0;
    let taken = 0;
    for (;;) {
      const available = (Atomics.load(this.#control, HEAD) - this.#tail) | 0;
      if (available === 0) return EMPTY;
      if (sink.isPaused) return PAUSED;
      if (taken >= bytes || ((limit - this.#delivered) | 0) <= 0) return BUDGET;
      const start = this.#tail & MASK;
      const first = this.#words[start / WORD_BYTES];
      if (first === SKIP) {
        this.#release(RING_BYTES - start);
      } else if (first === CARRIED) {
        const message = sink.nextCarried();
        if (message === undefined) return STARVED;
        for (let i = 0; i < message.length; i++) taken += (message[i] as Buffer).length; // i < length
        this.#delivered = (this.#delivered + 1) | 0;
        this.#release(WORD_BYTES);
        sink.deliver(message);
      } else {
        taken += this.#readChunk(sink, start, Math.min(available, RING_BYTES - start), limit);
      }
    }
  }

  /** Asks to be woken by the next publish. False when something was published meanwhile, or the end. */
  sleep(): boolean {
    Atomics.store(this.#control, SLEEPS, 1);
    if (!this.hasMore && !this.isEnded) return true;
    this.stayAwake();
    return false;
  }

  /** Looks for itself from now on: need not be woken. */
  stayAwake(): void {
    Atomics.store(this.#control, SLEEPS, 0);
  }

  /**
   * Tells the writer how far it may go.
   *
   * @param unread messages that were delivered and still wait in the socket.
   * @param mark how many may wait; 0 for any number.
   * @returns whether the writer waits for that: then fulfil its wish ({@link takeWish}), now or later.
   */
  acknowledge(unread: number, mark: number): boolean {
    Atomics.store(this.#control, READ, (this.#delivered - unread) | 0);
    Atomics.store(this.#control, MARK, mark);
    return Atomics.load(this.#control, WAITS) === 1;
  }

  /** Takes the writer's wish to be woken; true for whoever must fulfil it. */
  takeWish(): boolean {
    return Atomics.exchange(this.#control, WAITS, 0) === 1;
  }

  /** Delivers the whole records of up to a chunk, copied out of the ring. Gives the bytes they took. */
  #readChunk(sink: RingSink, start: number, available: number, limit: number): number {
    const words = this.#words;
    const size = Math.min(available, Math.max(CHUNK_BYTES, this.#recordBytesAt(start)));
    const chunk = viewOf(this.#bytes, start, start + size);
    const cutter = this.#cutter;
    cutter.start(chunk, true); // the writer will have its memory again
    let offset = 0;
    do {
      const word = (start + offset) / WORD_BYTES;
      const count = words[word] as number; // inside the ring
      if (count === SKIP || count === CARRIED) break;
      const bytes = this.#recordBytesAt(start + offset);
      if (offset + bytes > size) break;
      let at = offset + WORD_BYTES * (1 + count);
      const message: Message = [];
      for (let i = 1; i <= count; i++) {
        const end = at + (words[word + i] as number); // inside the record
        message.push(cutter.cut(chunk, at, end));
        at = end;
      }
      offset += bytes;
      this.#delivered = (this.#delivered + 1) | 0;
      sink.deliver(message);
    } while (offset < size && !sink.isPaused && ((limit - this.#delivered) | 0) > 0);
    cutter.end();
    this.#release(offset);
    return offset;
  }

  #recordBytesAt(start: number): number {
    const words = this.#words;
    const word = start / WORD_BYTES;
    const count = words[word] as number; // inside the ring
    let bytes = WORD_BYTES * (1 + count);
    for (let i = 1; i <= count; i++) bytes += words[word + i] as number; // inside the record
    return (bytes + WORD_BYTES - 1) & -WORD_BYTES;
  }

  /** Gives room back to the writer. */
  #release(bytes: number): void {
    this.#tail = (this.#tail + bytes) | 0;
    Atomics.store(this.#control, TAIL, this.#tail);
  }
}

/** Below this a loop is quicker than the call (measured: 64 bytes, a third). */
const LOOP_COPY_BYTES = 32;

function copyBody(body: Buffer, target: Uint8Array, offset: number): void {
  const length = body.length;
  if (length < LOOP_COPY_BYTES) {
    for (let i = 0; i < length; i++) target[offset + i] = body[i] as number; // i < length
  } else {
    target.set(body, offset);
  }
}
