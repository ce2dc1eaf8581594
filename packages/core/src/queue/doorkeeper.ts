/**
 * Who may come in by CURVE: peers whose public key is on the list, and nobody else.
 *
 * It stands where a socket would ask the ZAP handler of its context (RFC 27), so that a service brings its own list and no other
 * socket of the process is asked by it.
 */

import { type Authenticator, encodeZ85, type Frames as Message } from '@zscale/transport';

/** Where the frames of a ZAP request are, without the delimiter. */
const MECHANISM = 5;
const PUBLIC_KEY = 6;

const VERSION: Buffer = Buffer.from('1.0');
const ADMITTED: readonly Buffer[] = [Buffer.from('200'), Buffer.from('OK')];
const REFUSED: readonly Buffer[] = [Buffer.from('400'), Buffer.from('This key is not allowed')];
const NOTHING: Buffer = Buffer.alloc(0);

/** An authenticator with a list of public keys, 40 characters of Z85 each. */
export class Doorkeeper implements Authenticator {
  readonly present = true;
  readonly #allowed: ReadonlySet<string>;

  constructor(allowed: Iterable<string>) {
    this.#allowed = new Set(allowed);
  }

  ask(request: Message, answered: (reply: Message | undefined) => void): () => void {
    let isWithdrawn = false;
    process.nextTick(() => {
      if (!isWithdrawn) answered(this.#replyTo(request));
    });
    return () => {
      isWithdrawn = true;
    };
  }

  #replyTo(request: Message): Message {
    const id = request[1] ?? NOTHING;
    const key =
      request[MECHANISM]?.toString('latin1') === 'CURVE' ? request[PUBLIC_KEY] : undefined;
    const name = key?.length === 32 ? encodeZ85(key) : '';
    const isAllowed = this.#allowed.has(name);
    const verdict = isAllowed ? ADMITTED : REFUSED;
    return [VERSION, id, ...verdict, Buffer.from(isAllowed ? name : ''), NOTHING];
  }
}
