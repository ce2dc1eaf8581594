/**
 * One exchange in the worker: what came of its request and is not begun, the windows of both directions, and its one end.
 *
 *     kept --> open --> begun --> over          kept: read, and the handler not called yet
 *       |       |                  ^            begun: the head of the reply was sent, more follows
 *       +-------+------------------+
 *
 * A reply that is not larger than a window goes out as one message. A larger one, and one that is written bit by bit, goes out in parts
 * where the client takes them; where it does not, it is collected here and goes out when it has ended. It is over when the reply
 * has ended, also when the request has not: the rest of that is dropped.
 */

import type { Frames as Message } from '@zscale/transport';
import { ZscaleError } from '../errors.ts';
import type { Exchange, ExchangeSink } from '../handlers/exchange.ts';
import type { RequestHandler } from '../handlers/handler.ts';
import type { RequestContext } from '../handlers/request-context.ts';
import {
  type Control,
  encodeControl,
  INTERIM,
  LAST_PART,
  MORE,
  PART,
} from '../messages/control.ts';
import { bytesOf, sizeOf } from '../messages/frames.ts';
import { PartSender, type PartSink } from '../messages/part-sender.ts';
import {
  countedBytes,
  PART_OVERHEAD_BYTES,
  partLimit,
  ReceiveWindow,
  roomBeside,
  WINDOW_BYTES,
} from '../messages/streams.ts';
import type { QueueIntake, TicketedExchange } from './queue-intake.ts';

/** The socket that an exchange goes through. */
export interface ExchangePort {
  /** Largest message sent, in bytes; Infinity for no limit. */
  readonly messageLimit: number;
  /** The head of its reply was sent, and more follows. */
  exchangeBegun(exchange: WorkerExchange): void;
  /** It has ended, one way or another. @param was where it was before. */
  exchangeOver(exchange: WorkerExchange, was: 'kept' | 'open' | 'begun'): void;
  /** Sends an error reply. */
  replyError(queue: QueueIntake, envelope: Message, error: unknown): void;
}

type State = 'kept' | 'open' | 'begun' | 'over';

const NOTHING: Buffer = Buffer.alloc(0);

/** An exchange, from its first message to its end. */
export class WorkerExchange implements Exchange, TicketedExchange, PartSink {
  readonly frames: readonly Buffer[];
  readonly isWhole: boolean;
  readonly context: RequestContext;
  readonly queue: QueueIntake;
  sink: ExchangeSink | undefined;
  readonly #port: ExchangePort;
  /** What stands in front of a whole reply, with the delimiter. */
  readonly #envelope: Message;
  readonly #takesParts: boolean;
  readonly #incoming: ReceiveWindow;
  readonly #outgoing: PartSender;
  /** Parts that came before the handler was called. */
  #early: Array<{
    readonly bytes: Buffer;
    readonly end: boolean;
    readonly trailers: Buffer | undefined;
  }>;
  /** The frames of a reply that is collected. */
  #collected: { readonly head: Buffer; readonly chunks: Buffer[]; bytes: number } | undefined;
  #hasEnded: boolean;
  #state: State;

  /**
   * @param envelope what stands in front of the reply, with an empty delimiter
   * @param frames the body of the first message
   */
  constructor(
    port: ExchangePort,
    queue: QueueIntake,
    envelope: Message,
    frames: Message,
    context: RequestContext,
    control: Control | undefined,
  ) {
    this.frames = frames;
    this.isWhole = control?.more !== true;
    this.context = context;
    this.queue = queue;
    this.sink = undefined;
    this.#port = port;
    this.#envelope = envelope;
    this.#takesParts = control?.streams === true && queue.speaksZscale;
    this.#incoming = new ReceiveWindow();
    this.#outgoing = new PartSender(this, partLimit(port.messageLimit));
    this.#early = [];
    this.#collected = undefined;
    this.#hasEnded = this.isWhole;
    this.#state = 'kept';
  }

  get head(): Buffer {
    return this.frames[0] ?? NOTHING;
  }

  get body(): Buffer | undefined {
    const body = this.frames[1];
    return body === undefined || body.length === 0 ? undefined : body;
  }

  get ticket(): Buffer {
    return this.#envelope[0] ?? NOTHING;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  // For the socket.

  open(handler: RequestHandler): void {
    this.#state = 'open';
    if (!this.isWhole && !this.#incoming.came(bytesOf(this.frames, 1))) {
      this.#breaksRules('its first message is larger than a window');
      return;
    }
    try {
      handler.accept?.(this);
      if (this.sink === undefined && !this.isOver) {
        throw new Error('accept() must set exchange.sink, or end the exchange, before it returns.');
      }
    } catch (error) {
      this.#abort(asError(error), error);
      return;
    }
    for (const { bytes, end, trailers } of this.#early.splice(0))
      this.#deliver(bytes, end, trailers);
  }

  partCame(message: Message, more: boolean): void {
    if (this.isOver) return;
    const bytes = message[2] ?? NOTHING;
    this.context.renew();
    if (this.#hasEnded) {
      this.#breaksRules('a part came behind the last one');
    } else if (!this.#incoming.came(countedBytes(message, 2, more))) {
      this.#breaksRules(`more than ${WINDOW_BYTES} bytes came that were not granted`);
    } else {
      this.#hasEnded = !more;
      const part = { bytes, end: !more, trailers: more ? undefined : message[3] };
      if (this.#state === 'kept') this.#early.push(part);
      else this.#deliver(part.bytes, part.end, part.trailers);
    }
  }

  granted(bytes: number): void {
    if (this.isOver) return;
    const verdict = this.#outgoing.granted(bytes);
    if (verdict === 'fault') this.#breaksRules('more was granted than was sent');
    if (verdict !== 'go on' || this.isOver) return;
    try {
      this.sink?.onWindow();
    } catch (error) {
      throwLater(error);
    }
  }

  /** The queue counts it as held until it is answered, so it is. */
  cancelled(): void {
    this.context.cancel();
    const reason = this.context.reason;
    if (reason !== undefined) this.#abort(reason, reason);
  }

  lost(): void {
    this.context.cancel();
    const reason = this.context.reason;
    if (this.isOver || reason === undefined) return;
    this.#finish();
    this.#tellAbort(reason);
  }

  // For the handler.

  grant(bytes: number): void {
    if (this.isWhole || this.#hasEnded || this.isOver) return;
    const grant = this.#incoming.consumed(bytes);
    if (grant === 0) return;
    this.context.renew();
    this.queue.pipe.write([this.ticket, encodeControl({ grant })]);
  }

  interim(head: Buffer): void {
    if (this.#state !== 'open' || !this.#takesParts) return;
    // The head of the reply is not to wait: room for it is left.
    if (head.length + PART_OVERHEAD_BYTES > this.#outgoing.room) return;
    this.#outgoing.spend(head.length);
    this.queue.pipe.write([this.ticket, INTERIM, head]);
  }

  reply(frames: Buffer[], isPart: boolean, more: boolean): boolean {
    if (this.isOver) return true;
    const hasHead = this.#state === 'begun' || this.#collected !== undefined;
    if (isPart !== hasHead || this.#outgoing.isEnding) {
      throw new Error(
        this.#outgoing.isEnding
          ? 'The reply has ended already; nothing may be sent behind its last message.'
          : `Expected ${hasHead ? 'a part (isPart true): the head was sent' : 'a head (isPart false) before any part'}.`,
      );
    }
    if (isPart) {
      const [bytes = NOTHING, trailers] = frames;
      return this.#collected === undefined
        ? this.#outgoing.send(bytes, more, trailers)
        : this.#collect(this.#collected, bytes, more, trailers);
    }
    const isSmall = bytesOf(frames, 1) + PART_OVERHEAD_BYTES <= WINDOW_BYTES;
    if (!more && (!this.#takesParts || (isSmall && sizeOf(frames) <= this.#port.messageLimit))) {
      return this.#replyWhole(frames);
    }
    const [head = NOTHING, bytes = NOTHING, trailers] = frames;
    if (this.#takesParts) return this.#begin(head, bytes, more, trailers);
    this.#collected = { head, chunks: [], bytes: head.length };
    return this.#collect(this.#collected, bytes, more, trailers);
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    this.#finish();
    this.#port.replyError(this.queue, this.#envelope, error);
  }

  // For the sender.

  writePart(bytes: Buffer, more: boolean, trailers: Buffer | undefined): void {
    const message = [this.ticket, more ? PART : LAST_PART, bytes];
    if (trailers !== undefined) message.push(trailers);
    this.queue.pipe.write(message);
    if (!more) this.#finish();
  }

  #deliver(bytes: Buffer, end: boolean, trailers: Buffer | undefined): void {
    if (this.isOver) return;
    try {
      if (bytes.length > 0) this.sink?.onPart(bytes);
      else if (!end) this.grant(0);
      if (end && !this.isOver) this.sink?.onEnd(trailers);
    } catch (error) {
      throwLater(error);
    }
  }

  /** The head, with as much of the bytes as may go along. */
  #begin(head: Buffer, bytes: Buffer, more: boolean, trailers: Buffer | undefined): boolean {
    const limit = this.#port.messageLimit;
    if (head.length > limit) return this.#refuse(head.length);
    const size = Math.min(bytes.length, this.#outgoing.room, roomBeside(head.length, limit));
    const message = [this.ticket, MORE, head];
    if (size > 0) message.push(bytes.subarray(0, size));
    this.#outgoing.spend(size);
    this.queue.pipe.write(message);
    this.#state = 'begun';
    this.context.openEnded();
    this.#port.exchangeBegun(this);
    return this.#outgoing.send(bytes.subarray(size), more, trailers);
  }

  #replyWhole(frames: Message): boolean {
    const limit = this.#port.messageLimit;
    const size = sizeOf(frames);
    if (size > limit) return this.#refuse(size);
    const message = this.#envelope;
    for (let i = 0; i < frames.length; i++) message.push(frames[i] as Buffer); // i < length
    this.#outgoing.end();
    this.#finish();
    this.queue.pipe.write(message);
    return true;
  }

  #collect(
    collected: { readonly head: Buffer; readonly chunks: Buffer[]; bytes: number },
    bytes: Buffer,
    more: boolean,
    trailers: Buffer | undefined,
  ): boolean {
    const limit = this.#port.messageLimit;
    collected.chunks.push(bytes);
    collected.bytes += bytes.length;
    if (collected.bytes > limit) return this.#refuse(collected.bytes);
    if (more) return true;
    const frames = [collected.head, Buffer.concat(collected.chunks)];
    if (trailers !== undefined) frames.push(trailers);
    return this.#replyWhole(frames);
  }

  /** The reply has too many bytes; its handler is the caller, and hears of it later. */
  #refuse(bytes: number): true {
    const limit = this.#port.messageLimit;
    const reason = new ZscaleError(
      'EMSGSIZE',
      `A reply may have ${limit} bytes (maxMessageSize); the handler's has ${bytes}. Return less, or raise maxMessageSize.`,
    );
    this.fail(reason);
    setImmediate(() => this.#tellAbort(reason));
    return true;
  }

  #breaksRules(what: string): void {
    const text = `The other side of this exchange broke the rules of streams: ${what}. Use the same version of zscale everywhere.`;
    const error = new ZscaleError('ZSCALE_ERR_STREAM', text);
    this.context.cancel();
    this.#abort(error, error);
  }

  #abort(reason: Error, answer: unknown): void {
    if (this.isOver) return;
    this.fail(answer);
    this.#tellAbort(reason);
  }

  #tellAbort(reason: Error): void {
    try {
      this.sink?.onAbort(reason);
    } catch (error) {
      throwLater(error);
    }
  }

  #finish(): void {
    const was = this.#state;
    if (was === 'over') return;
    this.#state = 'over';
    this.#early = [];
    this.context.end();
    this.#port.exchangeOver(this, was);
  }
}

/** An error in a handler's own calls is nobody's to catch, as one in a listener; but others must have their turn before it. */
function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
