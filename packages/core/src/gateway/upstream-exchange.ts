/**
 * One exchange as a gateway has it: the windows of both directions, what is told of it in order, and its one end.
 *
 *   open --> (interim heads) --> begun --> over          over at any time: refused, failed, lost, cancelled
 *
 * It checks what comes as the queue did: a service that breaks the rules of streams ends the exchange and nothing else.
 */

import type { Frames as Message, Pipe } from '@zscale/transport';
import type { ZscaleErrorCode } from '../errors.ts';
import { type Control, encodeControl, LAST_PART, PART } from '../messages/control.ts';
import { bytesOf } from '../messages/frames.ts';
import { PartSender, type PartSink } from '../messages/part-sender.ts';
import {
  countedBytes,
  partLimit,
  ReceiveWindow,
  roomBeside,
  WINDOW_BYTES,
} from '../messages/streams.ts';

/** A request as a gateway opens it. */
export interface UpstreamRequest {
  /** The body frames of the first message: a head and, where there are any, bytes. They belong to the upstream from here on. */
  readonly frames: Buffer[];
  /** Whether parts follow. */
  readonly more: boolean;
  /**
   * What is said of it: `id`, `key`, `route`, `trace`, `state`, `idempotent`, `deadline`. An `id` is one for logs, and need not be
   * unique. Default: nothing.
   */
  readonly control?: Control | undefined;
}

/**
 * What the one who opened an exchange is told. Called from the event loop, never from inside a call to the upstream or the exchange;
 * but `Upstream.close` ends what is open there and then. Buffers are views that belong to the one told. After an end (`ended`,
 * `onEnd`, `onError`) nothing more comes.
 */
export interface UpstreamSink {
  /** A head that comes before the reply's (HTTP: status 1xx); any number of them. */
  onInterim(head: Buffer): void;
  /**
   * The head of the reply, with what came with it.
   *
   * @param frames `[head][bytes?][trailers?]`, or the body frames of a whole reply in whatever form the codec has
   */
  onHead(frames: Buffer[], ended: boolean): void;
  /** More of the reply. The worker may go on when as many bytes are granted. */
  onPart(bytes: Buffer): void;
  /** The reply has ended. */
  onEnd(trailers: Buffer | undefined): void;
  /** What was sent was taken: `send` may go on after it returned false. */
  onWindow(): void;
  /** The exchange is over without an end: refused, failed, timed out, or lost with its worker or queue. */
  onError(code: string, message: string): void;
}

/** An open exchange. Its methods do nothing once it is over. */
export interface UpstreamExchange {
  /**
   * Sends a part of the request.
   *
   * @param bytes belong to the upstream from here on; may be empty
   * @param more whether further parts follow
   * @param trailers with the last part alone
   * @returns false when the window is used up: send nothing before `onWindow`
   */
  send(bytes: Buffer, more: boolean, trailers?: Buffer): boolean;
  /** Bytes of the reply that its reader has consumed, so that the worker may send as many more. 0 or more. */
  grant(bytes: number): void;
  /** Nobody waits for it any more; the sink hears nothing after it. */
  cancel(): void;
}

/** Why an exchange is not opened. */
export interface Refusal {
  readonly code: ZscaleErrorCode;
  readonly text: string;
}

/** Who keeps the exchanges that are open. */
export interface ExchangeOwner {
  /** It has ended, one way or another. */
  exchangeOver(exchange: OpenExchange): void;
  /** It ends because the service broke the rules of streams. */
  exchangeFaulted(): void;
}

/** The bytes of an id. */
export const ID_BYTES = 6;

const NOTHING: Buffer = Buffer.alloc(0);
const CANCEL: Buffer = encodeControl({ cancel: true });
/** With a request of which there is nothing else to say. */
const STREAMS: Buffer = encodeControl({ streams: true });
const STREAMS_MORE: Buffer = encodeControl({ streams: true, more: true });

/** An exchange in the upstream's hands. */
export class OpenExchange implements UpstreamExchange, PartSink {
  readonly id: Buffer;
  readonly number: number;
  readonly pipe: Pipe;
  readonly sink: UpstreamSink;
  readonly #owner: ExchangeOwner;
  readonly #outgoing: PartSender;
  readonly #incoming: ReceiveWindow;
  #hasBegun = false;
  /** The last of the reply came: nothing need be granted. */
  #hasCome = false;
  #isOver = false;

  /** Sends the request. @param maxMessageSize in bytes; Infinity for no limit. */
  constructor(
    owner: ExchangeOwner,
    number: number,
    pipe: Pipe,
    request: UpstreamRequest,
    sink: UpstreamSink,
    maxMessageSize: number,
  ) {
    this.id = Buffer.allocUnsafe(ID_BYTES);
    this.id.writeUIntBE(number, 0, ID_BYTES);
    this.number = number;
    this.pipe = pipe;
    this.sink = sink;
    this.#owner = owner;
    this.#outgoing = new PartSender(this, partLimit(maxMessageSize));
    this.#incoming = new ReceiveWindow();
    this.#open(request, maxMessageSize);
  }

  send(bytes: Buffer, more: boolean, trailers?: Buffer): boolean {
    if (this.#isOver || this.#outgoing.isEnding) return true;
    return this.#outgoing.send(bytes, more, trailers);
  }

  grant(bytes: number): void {
    if (this.#isOver || this.#hasCome) return;
    const grant = this.#incoming.consumed(bytes);
    if (grant > 0) this.pipe.writeBeyondMark([this.id, encodeControl({ grant })]);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#finish();
    this.pipe.writeBeyondMark([this.id, CANCEL]);
  }

  writePart(bytes: Buffer, more: boolean, trailers: Buffer | undefined): void {
    const message = [this.id, more ? PART : LAST_PART, bytes];
    if (trailers !== undefined) message.push(trailers);
    this.pipe.writeBeyondMark(message);
  }

  /** `[id][empty or control][frames...]` from the queue. */
  take(message: Message, control: Control | undefined): void {
    const { part = false, interim = false, more = false } = control ?? {};
    if (control?.grant !== undefined) {
      const verdict = this.#outgoing.granted(control.grant);
      if (verdict === 'fault') this.breaksRules('more was granted than was sent');
      else if (verdict === 'go on') this.sink.onWindow();
    } else if (part !== this.#hasBegun) {
      this.breaksRules(part ? 'a part came before a head' : 'a second head came');
    } else if (
      control !== undefined &&
      !this.#incoming.came(countedBytes(message, part || interim ? 2 : 3, more))
    ) {
      this.breaksRules(`more than ${WINDOW_BYTES} bytes came that were not granted`);
    } else if (interim) {
      const head = message[2] ?? NOTHING;
      this.grant(head.length);
      this.sink.onInterim(head);
    } else if (!part) {
      this.#hasBegun = true;
      if (!more) this.#finish();
      const frames = message.slice(2);
      if (bytesOf(frames, 1) === 0 && more) this.grant(0);
      this.sink.onHead(frames, !more);
    } else {
      this.#takePart(message[2] ?? NOTHING, more, message[3]);
    }
  }

  /** It is over, and its sink is told so. */
  fail(code: string, text: string): void {
    if (this.#isOver) return;
    this.#finish();
    this.sink.onError(code, text);
  }

  #finish(): void {
    this.#isOver = true;
    this.#owner.exchangeOver(this);
  }

  #takePart(bytes: Buffer, more: boolean, trailers: Buffer | undefined): void {
    this.#hasCome = !more;
    if (bytes.length > 0) this.sink.onPart(bytes);
    else this.grant(0);
    if (more || this.#isOver) return; // the sink may have cancelled it
    this.#finish();
    this.sink.onEnd(trailers);
  }

  #open({ frames, more, control }: UpstreamRequest, maxMessageSize: number): void {
    const plain = more ? STREAMS_MORE : STREAMS;
    const mark =
      control === undefined
        ? plain
        : encodeControl(more ? { ...control, streams: true, more } : { ...control, streams: true });
    const message = [this.id, mark];
    if (!more) {
      this.#outgoing.end();
      for (let i = 0; i < frames.length; i++) message.push(frames[i] as Buffer); // i < length
      this.pipe.writeBeyondMark(message);
      return;
    }
    const [head = NOTHING, bytes = NOTHING] = frames;
    const room = Math.min(this.#outgoing.room, roomBeside(head.length, maxMessageSize));
    const size = Math.min(bytes.length, room);
    message.push(head);
    if (size > 0) message.push(bytes.subarray(0, size));
    this.#outgoing.spend(size);
    this.pipe.writeBeyondMark(message);
    if (size < bytes.length) this.#outgoing.send(bytes.subarray(size), true, undefined);
  }

  /** Nothing that comes for it is good any more. */
  breaksRules(what: string): void {
    const text = `The service broke the rules of streams: ${what}. Use the same version of zscale everywhere.`;
    this.#owner.exchangeFaulted();
    this.pipe.writeBeyondMark([this.id, CANCEL]);
    this.fail('ZSCALE_ERR_STREAM', text);
  }
}

/** An exchange that could not be opened: its sink hears why when the caller's turn is over. */
export class RefusedExchange implements UpstreamExchange {
  #isOver = false;

  constructor(sink: UpstreamSink, { code, text }: Refusal) {
    process.nextTick(() => {
      if (!this.#isOver) sink.onError(code, text);
      this.#isOver = true;
    });
  }

  send(): boolean {
    return true;
  }

  grant(): void {}

  cancel(): void {
    this.#isOver = true;
  }
}
