/**
 * The gateway's socket: DEALER on the wire; each exchange belongs to the connection that it was opened on, and what comes is told
 * apart by connection and id. It chooses the connection with the fewest exchanges, and sends nothing by itself.
 */

import {
  type AnySocketOptions,
  type Frames as Message,
  type Pipe,
  Socket,
  wholeFrame,
} from '@zscale/transport';
import { ZscaleError } from '../errors.ts';
import { speaksZscale } from '../messages/announcement.ts';
import { decodeControl } from '../messages/control.ts';
import type { Codec } from '../messages/payload.ts';
import { type ExchangeOwner, ID_BYTES, type OpenExchange } from './upstream-exchange.ts';

/** A DEALER that tells its queues apart. */
export class UpstreamSocket extends Socket implements ExchangeOwner {
  readonly #codec: Codec;
  /** Exchanges by the connection to their queue. */
  readonly #queues = new Map<Pipe, Set<OpenExchange>>();
  readonly #exchanges = new Map<number, OpenExchange>();
  readonly #onChange: () => void;
  late = 0;
  faults = 0;

  /** @param onChange called when a queue is connected, and when an exchange is over. */
  constructor(codec: Codec, options: AnySocketOptions, onChange: () => void) {
    super({ socketType: 'DEALER', connectsOnce: true, redialsAfterFaults: true }, options);
    this.#codec = codec;
    this.#onChange = onChange;
  }

  /** Exchanges that are not over. */
  get open(): number {
    return this.#exchanges.size;
  }

  /** The connected queue that has the fewest exchanges; undefined when there is none. */
  nextQueue(): Pipe | undefined {
    let chosen: Pipe | undefined;
    let fewest = Infinity;
    for (const [pipe, { size }] of this.#queues) {
      if (size >= fewest) continue;
      chosen = pipe;
      fewest = size;
    }
    return chosen;
  }

  /** It is open from here on. */
  opened(exchange: OpenExchange): void {
    this.#exchanges.set(exchange.number, exchange);
    this.#queues.get(exchange.pipe)?.add(exchange);
  }

  exchangeOver(exchange: OpenExchange): void {
    this.#exchanges.delete(exchange.number);
    this.#queues.get(exchange.pipe)?.delete(exchange);
    this.#onChange();
  }

  exchangeFaulted(): void {
    this.faults += 1;
  }

  /** Ends all that is open. */
  failAll(code: string, text: string): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.fail(code, text);
  }

  override get writable(): boolean {
    return this.#queues.size > 0;
  }

  override trySend(_message: Message): boolean {
    throw new ZscaleError('ENOTSUP', 'An upstream sends with open().');
  }

  /** Never: replies go to their exchange. */
  override tryReceive(): Message | undefined {
    return undefined;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
  }

  override pipeConnected(pipe: Pipe): void {
    if (!speaksZscale(pipe.peer?.metadata)) {
      pipe.close(0);
      return;
    }
    this.#queues.set(pipe, new Set());
    this.#onChange();
  }

  override pipeReadable(pipe: Pipe): void {
    for (let message = pipe.read(); message !== undefined; message = pipe.read()) {
      this.#take(pipe, message);
    }
  }

  override pipeWritable(_pipe: Pipe): void {}

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.pipeReadable(pipe); // what came is still good
    const exchanges = this.#queues.get(pipe) ?? [];
    this.#queues.delete(pipe);
    for (const exchange of [...exchanges]) {
      exchange.fail(
        'ZSCALE_ERR_CONNECTION_LOST',
        'The connection to the service broke before the reply had ended. The work may be done or not.',
      );
    }
  }

  #take(pipe: Pipe, message: Message): void {
    const [id, mark] = message;
    const exchange =
      id?.length === ID_BYTES ? this.#exchanges.get(id.readUIntBE(0, ID_BYTES)) : undefined;
    if (exchange === undefined || exchange.pipe !== pipe || mark === undefined) {
      this.late += 1;
      return;
    }
    // The queue forwards a large frame in the pieces that it came in, and inproc hands over what it has.
    for (let i = 2; i < message.length; i++) message[i] = wholeFrame(message[i] as Buffer); // i < length
    const control = mark.length === 0 ? undefined : decodeControl(mark);
    if (mark.length > 0 && control === undefined) {
      exchange.breaksRules('a control frame came that cannot be read');
      return;
    }
    if (control?.error === true) {
      const error = this.#codec.decodeError(message.slice(2));
      exchange.fail(
        error?.code ?? 'ZSCALE_ERR_DECODE',
        error?.message ?? 'The service answered with an error that cannot be read.',
      );
      return;
    }
    exchange.take(message, control);
  }
}
