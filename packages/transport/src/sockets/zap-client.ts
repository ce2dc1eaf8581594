/**
 * The way from a socket's connections to the ZAP handler of its context (RFC 27).
 *
 * Each question has a connection of its own to the handler, so a reply is the peer's whose it is, in whatever order and with
 * whatever id it comes, and a handler sees clients that ask once and go. There are never more of them than connections that are
 * shaking hands. A question that nobody answers, also since the handler is gone, stays unanswered: the handshake's limit of time ends it.
 */

import type { Authenticator } from '../authenticator.ts';
import type { Context } from '../context.ts';
import { EMPTY_FRAME } from '../message.ts';
import { type ResolvedSocketOptions, resolveSocketOptions } from '../options.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { inprocTransport, isInprocBound, whenInprocKnown } from '../transports/inproc/inproc.ts';
import type { Dialer, PipeHost } from '../transports/transport.ts';

/** Where handlers are bound (RFC 27). */
const ZAP_ENDPOINT = 'inproc://zeromq.zap.01';

const OPTIONS: ResolvedSocketOptions = resolveSocketOptions({ linger: 0 }, { options: [] });

/** What a question needs no authenticator for: inproc lets everybody in. */
const NOBODY: Authenticator = { present: false, ask: () => () => {} };

/** Asks the handler that is bound to `inproc://zeromq.zap.01`. */
export class ZapClient implements Authenticator {
  readonly #context: Context;
  readonly #questions = new Set<Question>();

  constructor(context: Context) {
    this.#context = context;
  }

  get present(): boolean {
    return isInprocBound(this.#context, ZAP_ENDPOINT);
  }

  whenKnown(known: () => void): void {
    whenInprocKnown(this.#context, ZAP_ENDPOINT, known);
  }

  ask(request: Buffer[], answered: (reply: Buffer[] | undefined) => void): () => void {
    const question = new Question(this.#context, request, answered, this.#questions);
    question.put();
    return () => question.end();
  }

  /** Forgets every question. */
  close(): void {
    for (const question of [...this.#questions]) question.end();
  }
}

/** One question: a DEALER that sends one message and takes one. */
class Question implements PipeHost {
  readonly socketType = 'DEALER';
  readonly redialsAfterFaults = false;
  readonly context: Context;
  readonly authenticator: Authenticator = NOBODY;
  readonly #request: Buffer[];
  readonly #answered: (reply: Buffer[] | undefined) => void;
  readonly #open: Set<Question>;
  #dialer: Dialer | undefined = undefined;

  /** @param open where it stands from `put` until it is answered or let go. */
  constructor(
    context: Context,
    request: Buffer[],
    answered: (reply: Buffer[] | undefined) => void,
    open: Set<Question>,
  ) {
    this.context = context;
    this.#request = request;
    this.#answered = answered;
    this.#open = open;
  }

  /** Sends it. */
  put(): void {
    this.#open.add(this);
    this.#dialer = inprocTransport.connect(ZAP_ENDPOINT, this, OPTIONS);
  }

  /** Lets it go unanswered. Idempotent. */
  end(): void {
    if (!this.#open.delete(this)) return;
    void this.#dialer?.close(0); // never rejects
  }

  attach(pipe: Pipe): void {
    pipe.write([EMPTY_FRAME, ...this.#request]);
  }

  pipeReadable(pipe: Pipe): void {
    const reply = pipe.read();
    if (reply === undefined || !this.#open.has(this)) return;
    this.end();
    this.#answered(reply[0]?.length === 0 ? reply.slice(1) : undefined);
  }

  /** The handler is gone. */
  pipeClosed(): void {
    this.end();
  }

  pipeWritable(): void {}

  pipeConnected(): void {}

  /** A handler of a type that is none is not ours to tell of: the inproc transport tells its own socket. */
  report(): void {}
}
