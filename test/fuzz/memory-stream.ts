/**
 * A stream in memory, with the manners of a net.Socket: it gives nothing while it is paused, ends behind what was sent, says `drain`
 * only after it was full, and tells of its close once. It writes down what a connection does to it that no stream would bear.
 */

import type { ByteStream } from '../../packages/transport/src/connections/byte-stream.ts';

/** The connection over a stream. */
export interface StreamUser {
  receive(chunk: Buffer): void;
  streamDrained(): void;
  streamClosed(error: Error | undefined): void;
}

/** How the other side leaves: in order, or not. */
export type Leave = 'end' | 'reset';

/** One side of a stream; the test is the other. */
export class MemoryStream implements ByteStream {
  writableLength = 0;
  /** Everything the connection wrote and nobody took yet. */
  #written: Buffer[] = [];
  readonly #incoming: Buffer[] = [];
  readonly #slow: boolean;
  #user: StreamUser | undefined = undefined;
  #paused = false;
  #corks = 0;
  #full = false;
  #ending: (() => void) | undefined = undefined;
  #ended = false;
  #leave: Leave | undefined = undefined;
  /** By the connection, which must not write any more; into a stream that the other side closed anybody may have written. */
  #destroyed = false;
  #closed = false;
  /** What a connection must not do. */
  readonly misuse: string[] = [];

  /** @param slow what is written is only taken by the next {@link pump}. */
  constructor(slow: boolean) {
    this.#slow = slow;
  }

  /** Who is told. */
  serve(user: StreamUser): void {
    this.#user = user;
  }

  get isDestroyed(): boolean {
    return this.#destroyed || this.#closed;
  }

  /** Nothing is read, so an end behind what was sent is not seen either. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** The connection closed its side, or all. */
  get isEnded(): boolean {
    return this.#ended || this.isDestroyed;
  }

  // For the connection.

  write(chunk: Buffer): boolean {
    if (this.#ended) this.misuse.push('wrote after end()');
    if (this.#destroyed) this.misuse.push('wrote after destroy()');
    this.#written.push(Buffer.from(chunk));
    if (!this.#slow) return true;
    this.writableLength += chunk.length;
    this.#full = true;
    return false;
  }

  cork(): void {
    this.#corks += 1;
  }

  uncork(): void {
    this.#corks -= 1;
    if (this.#corks < 0) this.misuse.push('uncorked more often than corked');
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  end(done: () => void): void {
    if (this.#ended) this.misuse.push('ended twice');
    this.#ended = true;
    this.#ending = done;
  }

  destroy(): void {
    this.#destroyed = true;
    this.#incoming.length = 0;
  }

  // For the test.

  /** Bytes from the other side, in one chunk. */
  feed(chunk: Buffer): void {
    if (chunk.length > 0 && this.#leave === undefined) this.#incoming.push(Buffer.from(chunk));
  }

  /** The other side leaves. */
  leave(how: Leave): void {
    this.#leave ??= how;
  }

  /** Everything that was written since the last call. */
  take(): Buffer {
    const all = Buffer.concat(this.#written);
    this.#written = [];
    return all;
  }

  /** Delivers what a turn of the event loop would. True when something happened. */
  pump(): boolean {
    if (this.#closed) return false;
    if (this.#destroyed) return this.#close(undefined);
    if (this.#leave === 'reset') {
      return this.#close(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    }
    let acted = this.#drain();
    while (!this.#paused && !this.#destroyed && this.#incoming.length > 0) {
      acted = true;
      this.#user?.receive(this.#incoming.shift() as Buffer); // length > 0
    }
    if (this.#destroyed) return this.#close(undefined);
    const isRead = !this.#paused && this.#incoming.length === 0;
    // The other side ended, or answers our end with its own: without half-open streams that is a close.
    if (isRead && (this.#leave === 'end' || (this.#ended && this.#ending === undefined))) {
      return this.#close(undefined);
    }
    return acted;
  }

  /** After the connection's end: the stream must end with it, and nothing be out of balance. */
  checkManners(): void {
    for (let i = 0; i < 3; i++) this.pump();
    if (!this.isDestroyed) this.misuse.push('left its stream open');
    if (this.#corks !== 0) this.misuse.push(`corked ${this.#corks} times more than uncorked`);
    if (this.misuse.length > 0) throw new Error(`the connection ${this.misuse.join('; ')}`);
  }

  #drain(): boolean {
    let acted = false;
    this.writableLength = 0;
    if (this.#full) {
      this.#full = false;
      acted = true;
      this.#user?.streamDrained();
    }
    if (this.#ending !== undefined && !this.#full) {
      const done = this.#ending;
      this.#ending = undefined;
      acted = true;
      done();
    }
    return acted;
  }

  #close(error: Error | undefined): boolean {
    this.#closed = true;
    this.#ending?.();
    this.#ending = undefined;
    this.#user?.streamClosed(error);
    return true;
  }
}
