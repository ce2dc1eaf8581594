/**
 * What clients get: a worker's reply, or an error in the service's codec. Counts both.
 *
 * To a client that announced `X-Zscale` an error reply is marked by a control frame in place of the delimiter; any other client
 * must look at the body.
 */

import { EMPTY_FRAME, type Frames as Message } from '@zscale/transport';
import { maxMessageSizeOf, speaksZscale } from '../messages/announcement.ts';
import { encodeControl } from '../messages/control.ts';
import { sizeOf } from '../messages/frames.ts';
import type { Codec } from '../messages/payload.ts';
import type { FrontEnd } from './front-end.ts';
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
   */
  reply(envelope: Message, reply: Message, failed: boolean): void {
    this.#replies += 1;
    const limit = maxMessageSizeOf(this.#frontEnd.peerInfo(envelope[0] ?? EMPTY_FRAME)?.metadata);
    if (!failed && limit < Infinity && sizeOf(reply, 2) > limit) {
      this.refuse(envelope, replyTooLarge(sizeOf(reply, 2), limit));
      return;
    }
    if (failed) {
      this.#count('handler');
      this.#markFailed(envelope);
    }
    for (let i = 2; i < reply.length; i++) envelope.push(reply[i] as Buffer); // i < length
    this.#frontEnd.answer(envelope);
  }

  /** Answers with an error of the queue's own. `envelope` as in {@link reply}. */
  refuse(envelope: Message, refusal: Refusal): void {
    this.#markFailed(envelope);
    this.refuseBare(envelope, refusal);
  }

  /** The same for a peer whose message had no delimiter, and which gets none. */
  refuseBare(envelope: Message, { code, text }: Refusal): void {
    this.#count(code);
    envelope.push(...this.codec.encodeError(code, text));
    this.#frontEnd.answer(envelope);
  }

  #markFailed(envelope: Message): void {
    const peer = this.#frontEnd.peerInfo(envelope[0] ?? EMPTY_FRAME);
    if (speaksZscale(peer?.metadata)) envelope[envelope.length - 1] = FAILED;
  }

  #count(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }
}
