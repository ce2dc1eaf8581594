/** Sending without promises: a burst in each turn of the event loop, and none while there is no room. Of ours only. */

import type { Publisher, Push } from '@zscale/transport';

/** Messages sent in a row; then the event loop gets its turn. */
const TURN_MESSAGES = 512;
/** The same in bytes: large messages are not piled up. */
const TURN_BYTES = 1024 * 1024;

/** Sends a number of messages, as often as it is told to. */
export class Burst {
  readonly #socket: Push | Publisher;
  readonly #bodies: readonly Buffer[];
  readonly #turnMessages: number;
  #count = 0;
  #sent = 0;
  #isFull = false;
  #whenSent: () => void = () => {};

  /** @param bodies are sent in turn. */
  constructor(socket: Push | Publisher, bodies: readonly Buffer[]) {
    this.#socket = socket;
    this.#bodies = bodies;
    const bytes = bodies[0]?.length ?? 0;
    this.#turnMessages = Math.max(1, Math.min(TURN_MESSAGES, Math.floor(TURN_BYTES / bytes)));
    socket.watch({ readable() {}, writable: () => this.#writable() });
  }

  /** Sends so many messages. Not before the last ones were sent. @param whenSent is called when all are queued. */
  send(count: number, whenSent: () => void = () => {}): void {
    this.#count = count;
    this.#sent = 0;
    this.#whenSent = whenSent;
    this.#send();
  }

  #writable(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#send();
  }

  #send(): void {
    const bodies = this.#bodies;
    const amount = bodies.length;
    const end = Math.min(this.#count, this.#sent + this.#turnMessages);
    let sent = this.#sent;
    let next = sent % amount;
    while (sent < end && this.#socket.trySend([bodies[next] as Buffer])) {
      // next < amount
      sent += 1;
      next = next + 1 === amount ? 0 : next + 1;
    }
    this.#sent = sent;
    if (sent === this.#count) this.#whenSent();
    else if (sent < end) this.#isFull = true;
    else setImmediate(() => this.#send());
  }
}
