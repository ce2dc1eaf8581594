/**
 * What clients get: a worker's reply, or an error in the service's codec. Counts both.
 *
 * To a client that announced `X-Zscale` an error reply is marked by a control frame in place of the delimiter; any other client
 * must look at the body.
 */

import type { Frames as Message } from '@zscale/transport';
import { encodeControl } from '../messages/control.ts';
import { sizeOf } from '../messages/frames.ts';
import type { Codec } from '../messages/payload.ts';
import type { FrontEnd } from './front-end.ts';
import type { Client } from './queued-request.ts';
import { type Refusal, replyTooLarge } from './refusals.ts';

const FAILED: Buffer = encodeControl({ error: true });

/** Writes answers to the front end. */
export class Answers {
  readonly #frontEnd: FrontEnd;
  /** Of error replies: the one that clients of this service read. */
  codec: Codec;
  readonly #errors: Record<string, number> = {};
  #replies = 0;

  constructor(frontEnd: FrontEnd, codec: Codec) {
    this.#frontEnd = frontEnd;
    this.codec = codec;
  }

  /** Replies of workers, error replies among them. */
  get replies(): number {
    return this.#replies;
  }

  /** Error replies by code; those that a zscale worker sent under `handler`. */
  get errors(): Readonly<Record<string, number>> {
    return { ...this.#errors };
  }

  /**
   * Passes a worker's reply on.
   *
   * @param envelope what stands in front, with its delimiter; the reply is appended to it.
   * @param reply `[ticket][empty or control][body...]`
   * @param failed whether the worker marked it as an error.
   * @returns the code of the error that the client got in its place; undefined when it was passed on.
   */
  reply(client: Client, envelope: Message, reply: Message, failed: boolean): string | undefined {
    this.#replies += 1;
    const limit = client.maxMessageSize;
    if (!failed && limit < Infinity && sizeOf(reply, 2) > limit) {
      const refusal = replyTooLarge(sizeOf(reply, 2), limit);
      this.refuse(client, envelope, refusal);
      return refusal.code;
    }
    if (failed) {
      this.count('handler');
      if (client.speaksZscale) envelope[envelope.length - 1] = FAILED;
    }
    for (let i = 2; i < reply.length; i++) envelope.push(reply[i] as Buffer); // i < length
    this.#frontEnd.answer(client, envelope);
    return undefined;
  }

  /** Passes a message on that is no answer, or a part of one. `message` has all that its client gets. */
  relay(client: Client, message: Message): void {
    this.#frontEnd.answer(client, message);
  }

  /** The last part of a worker's reply was passed on. */
  relayed(): void {
    this.#replies += 1;
  }

  /** Answers with an error of the queue's own. `envelope` as in {@link reply}. */
  refuse(client: Client, envelope: Message, refusal: Refusal): void {
    if (client.speaksZscale) envelope[envelope.length - 1] = FAILED;
    this.refuseBare(client, envelope, refusal);
  }

  /** The same for a peer whose message had no delimiter, and which gets none. */
  refuseBare(client: Client, envelope: Message, { code, text }: Refusal): void {
    this.count(code);
    envelope.push(...this.codec.encodeError(code, text));
    this.#frontEnd.answer(client, envelope);
  }

  /** Counts an error that nobody could be answered with. */
  count(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }
}
