/**
 * The load of a chaos run: clients that keep requests in flight, each with a name of its own, and check every reply: that it is the
 * one for this request, whole, and the only one.
 *
 *   message   [name(8)][empty][kind(1) ms(1) name(8) filling]       a DEALER per client
 *   reply     [name(8)][empty][the body turned around, or -CODE text]
 */

import { Dealer, EMPTY_FRAME, type Frames } from '@zscale/transport';

const NAME_BYTES = 8;
const HEAD_BYTES = 2;
const KINDS = 4;
/** Most requests are short, so that many pass; few are long, so that something is always in progress. */
const SHORT_MS = 2;
const LONG_MS = 30;
const LONG_PART = 0.02;
const FILLING_MAX_BYTES = 2000;
const LARGE_PART = 0.005;
const LARGE_BYTES = 200_000;

/** What a run counted. */
export interface Tally {
  readonly sent: number;
  /** Answered with the right reply. */
  readonly replied: number;
  /** Answered with an error, by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** Replies whose bytes are not those of their request. */
  readonly wrong: number;
  /** Replies to requests that were answered already, or never sent by this client. */
  readonly duplicated: number;
  /** Requests without any answer when the run was over. */
  readonly unanswered: number;
  /** The longest time in which no client got an answer, in ms. */
  readonly longestStall: number;
  /** The longest any request took, in ms. */
  readonly slowest: number;
}

/** What the load is made of. */
export interface LoadOptions {
  readonly clients: number;
  /** Requests each client keeps in flight. */
  readonly inFlight: number;
  readonly random: () => number;
  /** Called when a client is told that a request was lost with its worker. */
  readonly onLost: () => void;
}

interface Asked {
  readonly body: Buffer;
  readonly at: number;
}

/** Clients at work, from `start()` until `stop()`. */
export class Load {
  readonly #options: LoadOptions;
  readonly #clients: Client[];
  readonly #failed: Record<string, number> = {};
  #replied = 0;
  #wrong = 0;
  #duplicated = 0;
  #longestStall = 0;
  #slowest = 0;
  #lastAnswer = 0;
  #isStopping = false;

  constructor(endpoint: string, options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clients }, () => new Client(endpoint, this));
  }

  /** Begins to ask. */
  start(): void {
    this.#lastAnswer = performance.now();
    for (const client of this.#clients) client.ask();
  }

  /** Asks nothing more, and resolves when all is answered, or nothing has come for `patience` ms. */
  async stop(patience: number): Promise<Tally> {
    this.#isStopping = true;
    const isOver = (): boolean =>
      this.#clients.every(({ open }) => open === 0) ||
      performance.now() - this.#lastAnswer > patience;
    while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 20));
    // A second answer to a request would come about now.
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const client of this.#clients) client.close();
    return this.#tally();
  }

  /** Answers so far, errors among them. */
  get answers(): number {
    return this.#replied + Object.values(this.#failed).reduce((sum, count) => sum + count, 0);
  }

  // From the clients.

  get inFlight(): number {
    return this.#isStopping ? 0 : this.#options.inFlight;
  }

  makeBody(name: Buffer): Buffer {
    const { random } = this.#options;
    const isLarge = random() < LARGE_PART;
    const filling = Math.floor(random() * (isLarge ? LARGE_BYTES : FILLING_MAX_BYTES));
    const body = Buffer.alloc(HEAD_BYTES + NAME_BYTES + filling, Math.floor(random() * 256));
    body[0] = Math.floor(random() * KINDS);
    body[1] = Math.floor(random() * (random() < LONG_PART ? LONG_MS : SHORT_MS));
    name.copy(body, HEAD_BYTES);
    return body;
  }

  answered(asked: Asked | undefined, reply: Buffer): void {
    const now = performance.now();
    this.#longestStall = Math.max(this.#longestStall, now - this.#lastAnswer);
    this.#lastAnswer = now;
    if (asked === undefined) {
      this.#duplicated += 1;
      return;
    }
    this.#slowest = Math.max(this.#slowest, now - asked.at);
    const code = errorCode(reply);
    if (code === 'ZSCALE_ERR_WORKER_LOST') this.#options.onLost();
    if (code !== undefined) this.#failed[code] = (this.#failed[code] ?? 0) + 1;
    else if (Buffer.from(reply).reverse().equals(asked.body)) this.#replied += 1;
    else this.#wrong += 1;
  }

  #tally(): Tally {
    return {
      sent: this.#clients.reduce((sum, { sent }) => sum + sent, 0),
      replied: this.#replied,
      failed: { ...this.#failed },
      wrong: this.#wrong,
      duplicated: this.#duplicated,
      unanswered: this.#clients.reduce((sum, { open }) => sum + open, 0),
      longestStall: Math.round(this.#longestStall),
      slowest: Math.round(this.#slowest),
    };
  }
}

/** One client with a socket of its own. */
class Client {
  readonly #load: Load;
  readonly #socket: Dealer;
  readonly #asked = new Map<string, Asked>();
  #sent = 0;

  constructor(endpoint: string, load: Load) {
    this.#load = load;
    this.#socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
    this.#socket.connect(endpoint);
    this.#socket.watch({ readable: () => this.#receive(), writable: () => {} });
  }

  get sent(): number {
    return this.#sent;
  }

  /** Requests without an answer. */
  get open(): number {
    return this.#asked.size;
  }

  ask(): void {
    while (this.#asked.size < this.#load.inFlight) {
      const name = Buffer.alloc(NAME_BYTES);
      name.writeUInt32BE(this.#sent, 4);
      const body = this.#load.makeBody(name);
      this.#asked.set(name.toString('hex'), { body, at: performance.now() });
      this.#socket.trySend([name, EMPTY_FRAME, body]);
      this.#sent += 1;
    }
  }

  close(): void {
    this.#socket.close();
  }

  #receive(): void {
    for (let m = this.#socket.tryReceive(); m !== undefined; m = this.#socket.tryReceive()) {
      this.#take(m);
    }
    this.ask();
  }

  #take([name, , reply]: Frames): void {
    const key = name?.toString('hex') ?? '';
    this.#load.answered(this.#asked.get(key), reply ?? EMPTY_FRAME);
    this.#asked.delete(key);
  }
}

/** The code of an error reply of codec raw, `-CODE text`. */
function errorCode(reply: Buffer): string | undefined {
  if (reply[0] !== 0x2d) return undefined;
  return /^-([A-Z][A-Z0-9_]{2,63}) /.exec(reply.toString('latin1', 0, 80))?.[1];
}
