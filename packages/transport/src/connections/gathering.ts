/**
 * Frames of a message whose last frame has not come. Messages of up to three frames, which most are, become arrays of just that size:
 * one that grows by `push` gets room for seventeen.
 */

import type { Message } from '../message.ts';

/** One message at a time. */
export class Gathering {
  #first: Buffer | undefined = undefined;
  #second: Buffer | undefined = undefined;
  /** From the third frame on that is not the last: all of them. */
  #many: Message | undefined = undefined;

  /** A message has begun and not ended. */
  get hasBegun(): boolean {
    return this.#first !== undefined;
  }

  /** A frame that is not the last. @returns how many there are now. */
  add(frame: Buffer): number {
    if (this.#first === undefined) {
      this.#first = frame;
      return 1;
    }
    if (this.#second === undefined) {
      this.#second = frame;
      return 2;
    }
    this.#many ??= [this.#first, this.#second];
    return this.#many.push(frame);
  }

  /** The last frame. @returns the message; the next one begins with the next frame. */
  end(last: Buffer): Message {
    const first = this.#first;
    if (first === undefined) return [last];
    this.#first = undefined;
    const second = this.#second;
    if (second === undefined) return [first, last];
    this.#second = undefined;
    const many = this.#many;
    if (many === undefined) return [first, second, last];
    this.#many = undefined;
    many.push(last);
    return many;
  }

  /** Forgets what it has. */
  clear(): void {
    this.#first = undefined;
    this.#second = undefined;
    this.#many = undefined;
  }
}
