/**
 * What clients send, made into requests: where the envelope ends, what is said beside the body, which pool and which worker it
 * is for. What is no request, is too large, or comes when the service ends is answered here. It keeps nothing: whoever calls it
 * owns the request from then on.
 *
 *   any client       [envelope...][empty][body...]
 *   zscale's own     [id][empty or control][body...], and [id][control] to take a request back
 *   gateways         also parts of requests, and grants: see streams.ts
 */

import { EMPTY_FRAME, type Frames as Message } from '@zscale/transport';
import { type Control, decodeControl } from '../messages/control.ts';
import { bytesOf, FRAME_OVERHEAD_BYTES, findDelimiter, sizeOf } from '../messages/frames.ts';
import type { Codec } from '../messages/payload.ts';
import type { Balance } from '../options.ts';
import type { Answers } from './answers.ts';
import type { FaultLog } from './fault-log.ts';
import { PoolRouter } from './pool-router.ts';
import type { PoolPlan } from './pools.ts';
import type { Client, QueuedRequest } from './queued-request.ts';
import { BAD_CONTROL, NO_DELIMITER, NO_GATEWAY, STOPPING, tooLarge } from './refusals.ts';
import { type KeyFunction, Stickiness } from './stickiness.ts';
import type { Streams } from './streams.ts';

/** What requests are made by. Durations are ms, sizes bytes; no limit is Infinity. */
export interface IntakeOptions {
  readonly codec: Codec;
  readonly timeout: number;
  readonly maxMessageSize: number;
  readonly balance: Balance;
  readonly pools: readonly PoolPlan[];
  /** With `balance: 'hash'`: finds what pins a request. */
  readonly key: KeyFunction | undefined;
}

/** Before a worker was chosen: in place of its ticket. */
const NO_TICKET: Buffer = Buffer.alloc(8);

/** Reads what clients send. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #answers: Answers;
  readonly #cancel: (request: QueuedRequest) => void;
  readonly #streams: Streams;
  readonly #router: PoolRouter | undefined;
  readonly #stickiness: Stickiness | undefined;
  #requests = 0;
  #orphans = 0;
  #isStopping = false;

  /**
   * @param streams is given what is no request but belongs to one.
   * @param cancel is given the open request that its client takes back.
   */
  constructor(
    options: IntakeOptions,
    answers: Answers,
    faults: FaultLog,
    streams: Streams,
    cancel: (request: QueuedRequest) => void,
  ) {
    const { balance, codec, key, pools } = options;
    this.#options = options;
    this.#answers = answers;
    this.#streams = streams;
    this.#cancel = cancel;
    const patterns = pools.map(({ routes }) => routes);
    this.#router = patterns.length > 0 ? new PoolRouter(codec, patterns) : undefined;
    this.#stickiness = balance === 'hash' ? new Stickiness(codec, key, faults) : undefined;
  }

  /** Requests that came. */
  get requests(): number {
    return this.#requests;
  }

  /** Requests whose client was gone before they were read. */
  get orphans(): number {
    return this.#orphans;
  }

  /** From now on every request is answered with ZSCALE_ERR_STOPPING. */
  stop(): void {
    this.#isStopping = true;
  }

  /**
   * Reads a message.
   *
   * @param now in ms of `performance.now()`.
   * @returns the request, open at its client; undefined when there is none, or when it was answered.
   */
  read(client: Client, message: Message, now: number): QueuedRequest | undefined {
    const mark = message[1];
    if (client.speaksZscale && mark !== undefined && mark.length > 0 && message[0]?.length !== 0) {
      return this.#readMarked(client, message, mark, now);
    }
    this.#requests += 1;
    const delimiter = findDelimiter(message, 0);
    if (delimiter >= 0) return this.#accept(client, message, delimiter, undefined, now);
    if (client.isGone) this.#orphans += 1;
    else this.#answers.refuseBare(client, [], NO_DELIMITER);
    return undefined;
  }

  #readMarked(
    client: Client,
    message: Message,
    mark: Buffer,
    now: number,
  ): QueuedRequest | undefined {
    const control = decodeControl(mark);
    message[1] = EMPTY_FRAME; // the reply's
    if (control?.cancel === true) {
      const request = client.find(message[0] ?? EMPTY_FRAME);
      if (request !== undefined) this.#cancel(request); // else its answer is on the way
      return undefined;
    }
    if (control?.part === true || control?.grant !== undefined) {
      this.#streams.fromClient(client, message, control);
      return undefined;
    }
    this.#requests += 1;
    const isBad = control === undefined || message.length < 3;
    if (!isBad && (control.more !== true || client.isGateway)) {
      return this.#accept(client, message, 1, control, now, client.isGateway ? mark : undefined);
    }
    message.length = 2;
    this.#answers.refuse(client, message, isBad ? BAD_CONTROL : NO_GATEWAY);
    return undefined;
  }

  #accept(
    client: Client,
    message: Message,
    delimiter: number,
    control: Control | undefined,
    now: number,
    mark?: Buffer,
  ): QueuedRequest | undefined {
    if (client.isGone) {
      this.#orphans += 1;
      return undefined;
    }
    const toWorker: Message = [NO_TICKET, EMPTY_FRAME];
    for (let i = delimiter + 1; i < message.length; i++) toWorker.push(message[i] as Buffer); // i < length
    message.length = delimiter + 1;
    const bytes = sizeOf(toWorker, 2);
    const { timeout, maxMessageSize } = this.#options;
    if (this.#isStopping || bytes > maxMessageSize) {
      const refusal = this.#isStopping ? STOPPING : tooLarge(bytes, maxMessageSize);
      this.#answers.refuse(client, message, refusal);
      return undefined;
    }
    const pin = this.#stickiness?.pinOf(client, control, toWorker.slice(2)) ?? 0;
    if (typeof pin !== 'number') {
      this.#answers.refuse(client, message, pin);
      return undefined;
    }
    const request: QueuedRequest = {
      state: 'queued',
      client,
      envelope: message,
      message: toWorker,
      bytes,
      memory:
        bytesOf(message) +
        bytesOf(toWorker) +
        FRAME_OVERHEAD_BYTES * (message.length + toWorker.length),
      number: this.#requests,
      arrived: now,
      given: now,
      expires: now + Math.min(timeout, control?.deadline ?? Infinity),
      isHurried: control?.deadline !== undefined,
      control,
      mark,
      pool: this.#router?.poolOf(control, toWorker.slice(2)) ?? 0,
      pin,
      attempts: 0,
      isKept: false,
      isIdempotent: false,
      worker: undefined,
      ticket: NO_TICKET,
      stream: undefined,
      line: undefined,
      ahead: undefined,
      behind: undefined,
      older: undefined,
      newer: undefined,
    };
    client.opened(request);
    if (control?.more !== true) return request;
    const fault = this.#streams.came(request);
    if (fault === undefined) return request;
    client.closed(request);
    this.#streams.closed(request);
    this.#answers.refuse(client, message, fault);
    return undefined;
  }
}
