/**
 * Messages of a kind, for patterns that do not take every message. Whether there is one is only known when it was read, so one is
 * kept that nobody has asked for yet.
 */

import { fail } from '../errors.ts';
import type { Message } from '../message.ts';
import type { SocketType } from '../socket-type.ts';

/** Passes on the messages that fit, and counts the others. */
export class Sieve {
  readonly #read: () => Message | undefined;
  readonly #fits: (message: Message) => boolean;
  #next: Message | undefined = undefined;
  /** Messages that did not fit. */
  discarded = 0;

  constructor(read: () => Message | undefined, fits: (message: Message) => boolean) {
    this.#read = read;
    this.#fits = fits;
  }

  /** Whether there is a message that fits. */
  get readable(): boolean {
    this.#next ??= this.#find();
    return this.#next !== undefined;
  }

  /** The next message that fits. */
  receive(): Message | undefined {
    const message = this.#next ?? this.#find();
    this.#next = undefined;
    return message;
  }

  /** What fits has changed: the message that is kept may fit no more. */
  recheck(): void {
    if (this.#next === undefined || this.#fits(this.#next)) return;
    this.#next = undefined;
    this.discarded += 1;
  }

  #find(): Message | undefined {
    for (let message = this.#read(); message !== undefined; message = this.#read()) {
      if (this.#fits(message)) return message;
      this.discarded += 1;
    }
    return undefined;
  }
}

/** For patterns whose messages have one frame. */
export function hasOneFrame(message: Message): boolean {
  return message.length === 1;
}

/** For patterns whose messages have one frame. @throws TransportError `EINVAL` for more. */
export function refuseMultipart(type: SocketType, frames: number): void {
  if (frames !== 1) {
    fail('EINVAL', `Invalid argument: a ${type} socket sends one frame; got ${frames}.`);
  }
}
