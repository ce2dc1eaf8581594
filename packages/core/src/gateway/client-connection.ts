/**
 * One connection of a client of HTTP: what is open on it, in which order it is worked on, and when the client is too slow.
 *
 * A client is waited for where something is expected of it: the rest of a body, or that it takes an answer. That it is silent
 * otherwise is its own business (an answer that has no end, a tunnel), or that of Node's server (a head that does not come, a
 * connection that is kept for the next request).
 */

import type { Socket } from 'node:net';
import { ConnectionTurns, type TurnTaker } from './connection-turns.ts';

/** What is open on a connection. */
export interface OpenExchange {
  /** The client is gone. */
  clientGone(): void;
  /** Whether something is expected of the client. */
  readonly awaitsClient: boolean;
  /** The client has not sent all of it. */
  readonly isIncoming: boolean;
  /** The rest of what the client sends does not come, or is nonsense. @returns whether it was answered with this */
  clientFailed(status: number, code: string, message: string): boolean;
  /** It has no end, and the service has one: ends it in a way that its protocol has. @returns false where there is none */
  farewell(): boolean;
}

const CONNECTION = Symbol('connection');

/** See the top of the file. */
export class ClientConnection {
  readonly turns: ConnectionTurns;
  /** An answer was given that says that the connection ends behind it. */
  isEnding: boolean;
  readonly #socket: Socket;
  readonly #patience: number;
  readonly #open: Set<OpenExchange>;
  /** Nothing that comes is read any more. */
  #isFailed: boolean;

  /** @param patience how long a client may be silent where something is expected of it, in ms */
  constructor(socket: Socket, patience: number) {
    this.turns = new ConnectionTurns();
    this.isEnding = false;
    this.#socket = socket;
    this.#patience = patience;
    this.#open = new Set();
    this.#isFailed = false;
    Reflect.set(socket, CONNECTION, this);
    socket.on('close', onClose);
  }

  /** The one that was made for a socket. */
  static of(socket: Socket): ClientConnection | undefined {
    const connection: unknown = Reflect.get(socket, CONNECTION);
    return connection instanceof ClientConnection ? connection : undefined;
  }

  /** Exchanges that are open. */
  get open(): number {
    return this.#open.size;
  }

  /** Enters an exchange. @returns false when the client sends too many without waiting for answers */
  begin(exchange: OpenExchange & TurnTaker): boolean {
    this.#open.add(exchange);
    return this.turns.take(exchange);
  }

  /** Enters one that has the connection to itself. */
  take(exchange: OpenExchange): void {
    this.#open.add(exchange);
  }

  /** It is over, and its client has all of it. */
  left(exchange: OpenExchange): void {
    this.#open.delete(exchange);
    if (this.#isFailed && this.#open.size === 0) this.#socket.destroySoon();
  }

  /** Starts or stops the clock, by whether something is expected of the client. */
  watch(): void {
    let isAwaited = false;
    for (const exchange of this.#open) isAwaited ||= exchange.awaitsClient;
    this.#socket.setTimeout(isAwaited && this.#patience !== Infinity ? this.#patience : 0);
  }

  /** The clock ran out. Ends the connection. */
  timedOut(): void {
    this.fail(
      408,
      'ZSCALE_ERR_TIMEOUT',
      `Nothing more came for ${this.#patience} ms (bodyTimeout).`,
    );
  }

  /**
   * Nothing sound comes from the client any more. Ends the connection, behind the answers to what came whole; else behind
   * an answer if there is one exchange that can have it: where several are open, it could be taken for that of another.
   */
  fail(status: number, code: string, message: string): void {
    const [exchange] = this.#open;
    if (this.#open.size > 0 && ![...this.#open].some(isUnfinished)) {
      this.#isFailed = true; // those have come whole, and are answered; then it ends
      return;
    }
    const isTold = this.#open.size === 1 && exchange?.clientFailed(status, code, message);
    if (isTold || this.isEnding) this.#socket.destroySoon();
    else this.#socket.destroy();
  }

  /** Ends what is open in a way that the client understands. @returns false where there is none */
  farewell(): boolean {
    const [exchange] = this.#open;
    return this.#open.size === 1 && exchange?.farewell() === true;
  }

  /** The last came first: what waits for its turn must not get it now. */
  closed(): void {
    for (const exchange of [...this.#open].reverse()) exchange.clientGone();
  }
}

/** Something of it is to come from the client, or to be taken by it. */
function isUnfinished({ isIncoming, awaitsClient }: OpenExchange): boolean {
  return isIncoming || awaitsClient;
}

function onClose(this: Socket): void {
  ClientConnection.of(this)?.closed();
}
