/**
 * Requests and replies that come in several messages: what is relayed between a gateway and a worker, in order and within the
 * windows of both directions, and what is kept of a request that waits for a worker while its parts come already.
 *
 *   gateway  [id][more][head][bytes]  [id][part, more][bytes] ...  [id][part][bytes][trailers]  -> worker, by ticket
 *   gateway  [id][more][head][bytes]  [id][part, more][bytes] ...  [id][part][bytes][trailers]  <- worker, by ticket
 *   both     [id or ticket][grant]                                                              <-> end to end
 *
 * Heads and bytes are not looked at, they are counted: who sends what was not granted to it, or in the wrong order, breaks the
 * rules, and its exchange ends. It owns no request: that is the queue's, which is told what to end. A message whose exchange has
 * ended is late, and dropped: the other side may not know yet.
 */

import type { Frames as Message } from '@zscale/transport';
import {
  type Control,
  encodeControl,
  INTERIM,
  LAST_PART,
  MORE,
  PART,
} from '../messages/control.ts';
import { bytesOf } from '../messages/frames.ts';
import {
  countedBytes,
  PART_OVERHEAD_BYTES,
  SendWindow,
  WINDOW_BYTES,
} from '../messages/streams.ts';
import type { Answers } from './answers.ts';
import type { Client, QueuedRequest, Stream } from './queued-request.ts';
import { brokeStream, type Refusal } from './refusals.ts';

/** The queue that the requests belong to. */
export interface StreamsHost {
  /** Ends a request that is open: its client gets this answer, and its worker, if it has one, hears that nobody waits. */
  breakOff(request: QueuedRequest, refusal: Refusal): void;
  /** A waiting request takes up so many bytes more. Why not, where there is no room. */
  growWaiting(request: QueuedRequest, bytes: number): Refusal | undefined;
}

const NOTHING: Buffer = Buffer.alloc(0);
const SAME_ID = 'two open requests have the same id';
const TAKES_NO_PARTS = 'it answered in parts a client that takes whole replies';

/** Whether the reply to a request may come in several messages. */
export function takesParts({ client, control }: QueuedRequest): boolean {
  return client.isGateway && control?.streams === true;
}

/** Whether a control frame is about a stream. */
export function isAboutStream({ more, part, grant, error }: Control): boolean {
  return error !== true && (more === true || part === true || grant !== undefined);
}

/** Relays what belongs to streams. */
export class Streams {
  readonly #host: StreamsHost;
  readonly #answers: Answers;
  #open = 0;
  #begun = 0;
  #parts = 0;
  #lateParts = 0;
  #faults = 0;

  constructor(host: StreamsHost, answers: Answers) {
    this.#host = host;
    this.#answers = answers;
  }

  /** Requests that come or are answered in several messages, and are not over. */
  get open(): number {
    return this.#open;
  }

  /** Those of them whose reply has begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Messages behind the first of a request or a reply that were relayed. */
  get parts(): number {
    return this.#parts;
  }

  /** Messages whose exchange was over. */
  get lateParts(): number {
    return this.#lateParts;
  }

  /** Exchanges that were ended because somebody broke the rules, and messages of those who may not stream. */
  get faults(): number {
    return this.#faults;
  }

  /** A request came of which further messages follow, open at its gateway. Why it cannot be, where it cannot. */
  came(request: QueuedRequest): Refusal | undefined {
    const { client, message } = request;
    if (client.streams.has(keyOf(request.envelope))) {
      this.#faults += 1;
      return brokeStream('gateway', SAME_ID);
    }
    const stream = this.#start(request, false);
    if (stream.request.spend(bytesOf(message, 3))) return undefined;
    this.#faults += 1;
    return brokeStream('gateway', tooMuch());
  }

  /** A part or a grant from a client: `[id][control][bytes?][trailers?]`. */
  fromClient(client: Client, message: Message, control: Control): void {
    if (!client.isGateway) {
      this.#faults += 1;
      return;
    }
    const request = client.streams.get(keyOf(message));
    const stream = request?.stream;
    if (request === undefined || stream === undefined) this.#lateParts += 1;
    else this.#advance(request, stream, message, control);
  }

  /** A worker has the request now: it gets what came meanwhile. */
  given(request: QueuedRequest): void {
    const { stream, worker, ticket } = request;
    if (stream === undefined) return;
    for (const message of stream.kept) {
      message[0] = Buffer.from(ticket); // it may leave after the request has ended
      worker?.pipe.writeBeyondMark(message);
    }
    stream.kept = [];
  }

  /**
   * A message of a worker about a request that it has and that somebody waits for: `[ticket][control][frames...]`.
   *
   * @returns how the worker broke the rules, if it did: then nothing was passed on.
   */
  fromWorker(request: QueuedRequest, message: Message, control: Control): Refusal | undefined {
    let fault: string | undefined;
    if (!takesParts(request) && request.stream === undefined) {
      fault = TAKES_NO_PARTS;
    } else if (
      request.stream === undefined &&
      request.client.streams.has(keyOf(request.envelope))
    ) {
      this.#faults += 1;
      return brokeStream('gateway', SAME_ID);
    } else {
      const stream = request.stream ?? this.#start(request, true);
      fault =
        control.grant === undefined
          ? this.#relayReply(request, stream, message, control)
          : this.#relayGrant(request, stream, control.grant);
    }
    if (fault === undefined) return undefined;
    this.#faults += 1;
    return brokeStream('worker', fault);
  }

  /** A worker answered in one message what it has answered in part before. */
  answeredTwice(): Refusal {
    this.#faults += 1;
    return brokeStream('worker', 'a whole reply came behind the head of another');
  }

  /** A message came whose exchange is over. */
  wasLate(): void {
    this.#lateParts += 1;
  }

  /** The request has come to its end for its client. */
  closed({ client, envelope, stream }: QueuedRequest): void {
    if (stream === undefined || !client.streams.delete(keyOf(envelope))) return;
    stream.kept = [];
    this.#open -= 1;
    if (stream.hasBegun) this.#begun -= 1;
  }

  /** @param isWhole nothing more of the request follows. */
  #start(request: QueuedRequest, isWhole: boolean): Stream {
    const stream: Stream = {
      request: new SendWindow(),
      reply: new SendWindow(),
      limit: request.expires - request.arrived,
      hasCome: isWhole,
      hasBegun: false,
      kept: [],
    };
    request.stream = stream;
    request.client.streams.set(keyOf(request.envelope), request);
    this.#open += 1;
    return stream;
  }

  #advance(request: QueuedRequest, stream: Stream, message: Message, control: Control): void {
    const { state, worker, ticket } = request;
    let fault: string | undefined;
    if (control.grant !== undefined) {
      if (!stream.reply.granted(control.grant)) fault = 'it granted more than it got';
      else if (state === 'given') {
        worker?.pipe.writeBeyondMark([
          Buffer.from(ticket),
          encodeControl({ grant: control.grant }),
        ]);
      }
    } else if (stream.hasCome) {
      fault = 'a part came behind the last one';
    } else if (!stream.request.spend(countedBytes(message, 2, control.more === true))) {
      fault = tooMuch();
    } else {
      this.#parts += 1;
      stream.hasCome = control.more !== true;
      message[1] = stream.hasCome ? LAST_PART : PART;
      if (message.length < 3) message.push(NOTHING);
      if (state === 'given') {
        message[0] = Buffer.from(ticket); // it may leave after the request has ended
        worker?.pipe.writeBeyondMark(message);
      } else {
        stream.kept.push(message);
        const refusal = this.#host.growWaiting(request, bytesOf(message) + PART_OVERHEAD_BYTES);
        if (refusal !== undefined) this.#host.breakOff(request, refusal);
      }
    }
    if (fault === undefined) {
      if (state === 'given') renew(request, stream);
      return;
    }
    this.#faults += 1;
    this.#host.breakOff(request, brokeStream('gateway', fault));
  }

  #relayGrant(request: QueuedRequest, stream: Stream, grant: number): string | undefined {
    if (!stream.request.granted(grant)) return 'it granted more than it got';
    renew(request, stream);
    this.#answers.relay(request.client, [idOf(request), encodeControl({ grant })]);
    return undefined;
  }

  #relayReply(
    request: QueuedRequest,
    stream: Stream,
    message: Message,
    { part = false, interim = false, more = false }: Control,
  ): string | undefined {
    if (!takesParts(request)) return TAKES_NO_PARTS;
    if (part !== stream.hasBegun) return part ? 'a part came before a head' : 'a second head came';
    if (interim && !more) return 'an interim head was the last';
    const start = part || interim ? 2 : 3;
    if (!stream.reply.spend(countedBytes(message, start, more))) return tooMuch();
    if (!part && !interim) this.#begin(request, stream);
    else renew(request, stream);
    if (part) this.#parts += 1;
    message[0] = idOf(request);
    if (part) message[1] = more ? PART : LAST_PART;
    else message[1] = interim ? INTERIM : MORE;
    this.#answers.relay(request.client, message);
    return undefined;
  }

  /** From here on it may take as long as it likes, and takes no place from others. */
  #begin(request: QueuedRequest, stream: Stream): void {
    const { worker } = request;
    stream.hasBegun = true;
    this.#begun += 1;
    request.expires = Infinity;
    if (worker === undefined) return;
    worker.held -= 1;
    worker.streams += 1;
  }
}

/** Something was heard of it: what is limited is silence. */
function renew(request: QueuedRequest, stream: Stream): void {
  if (request.expires !== Infinity) request.expires = performance.now() + stream.limit;
}

function idOf({ envelope }: QueuedRequest): Buffer {
  return envelope[0] ?? NOTHING;
}

/** The id stands in front of an envelope, and of a message. */
function keyOf(frames: Message): string {
  return frames[0]?.toString('latin1') ?? '';
}

function tooMuch(): string {
  return `more than ${WINDOW_BYTES} bytes came that were not granted`;
}
