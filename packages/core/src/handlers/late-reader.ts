/**
 * A program that has answered and reads on: a body that is still coming goes to it as before, as it does in Node alone.
 *
 * Whoever has answered and takes nothing of what is there for a while does not read on: its body is dropped, for a client that sends
 * may not hold a worker for nothing. A client that is slow is no such thing; for how long it may be the gateway has limits.
 */

import type { IncomingMessage } from 'node:http';

/** For so long bytes may be there that nobody takes, in ms. */
const PATIENCE_MS = 5000;

/** Whether anybody reads this body, which is still coming. */
export function isBeingRead(req: IncomingMessage): boolean {
  return (
    req.readableFlowing === true ||
    req.listenerCount('data') > 0 ||
    req.listenerCount('readable') > 0
  );
}

/** Watches over one of them. */
export class LateReader {
  readonly #req: IncomingMessage;
  readonly #onGivenUp: () => void;
  readonly #timer: NodeJS.Timeout;
  /** Bytes that came since it is watched. */
  #came: number;
  /** When it was last looked at: how many were taken of those, and whether some waited. */
  #takenBefore: number;
  #hadWaiting: boolean;

  /** @param onGivenUp called once, when it takes nothing any more */
  constructor(req: IncomingMessage, onGivenUp: () => void) {
    this.#req = req;
    this.#onGivenUp = onGivenUp;
    this.#came = 0;
    this.#takenBefore = -req.readableLength;
    this.#hadWaiting = false;
    this.#timer = setInterval(look, PATIENCE_MS, this).unref();
  }

  /** More came for it. */
  came(bytes: number): void {
    this.#came += bytes;
  }

  /** Called by its own schedule only. */
  look(): void {
    const { readableLength } = this.#req;
    const taken = this.#came - readableLength;
    const isIdle = this.#hadWaiting && readableLength > 0 && taken === this.#takenBefore;
    this.#hadWaiting = readableLength > 0;
    this.#takenBefore = taken;
    if (!isIdle) return;
    this.stop();
    this.#onGivenUp();
  }

  /** It is over. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
  }
}

function look(reader: LateReader): void {
  reader.look();
}
