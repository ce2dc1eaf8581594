/**
 * The socket of one command of the knife, from its endpoints to its end: who is there, what is waited for, why it went wrong.
 *
 *     open --> work --> close: what is unsent still goes, for `linger`
 *       \________\____> fail: a peer that can never fit, a reply that cannot come any more
 *        \________\___> SIGINT, SIGTERM, SIGHUP: at once, with what is unsent dropped
 *
 * What is waited for too long is told on stderr, once.
 */
import { type CurvePeerOptions, checkKey, readOwnKeys, ZscaleError } from '@zscale/core';
import { curveKeyPair, type Event, type Socket, TransportError } from '@zscale/transport';
import { EXIT_CODES, NotRunningError } from '../failure.ts';
import { withoutControls } from '../frame-forms.ts';
import type { KnifeInvocation, KnifeVerb } from '../invocation.ts';
import type { Output } from '../output.ts';

/** When a person is told what is waited for. */
const PATIENCE_MS = 1_000;

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What each command waits for, as it is told when that does not come. */
const AWAITED: Readonly<Record<KnifeVerb, string>> = {
  req: 'no reply came',
  rep: 'no request came',
  pub: 'not so many subscribed, or one of them does not read',
  sub: 'no message came',
  push: 'nobody took a message',
  pull: 'no message came',
};

/** Options that every socket of the knife has. */
export interface LinkOptions {
  readonly maxMessageSize: number;
  readonly curveServer?: boolean;
  readonly curvePublicKey?: string;
  readonly curveSecretKey?: string;
  readonly curveServerKey?: string;
}

/**
 * Options for the socket of a command.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for keys that are none, or cannot be read
 */
export function linkOptions({ maxMessageSize, curve, bind }: KnifeInvocation): LinkOptions {
  return {
    maxMessageSize: unlessEndless(maxMessageSize, -1),
    ...(curve !== undefined && keysOf(curve, bind)),
  };
}

/** The high-water mark and the patience of a socket that sends. */
export function sendOptions(invocation: KnifeInvocation): {
  readonly sendHighWaterMark: number;
  readonly sendTimeout: number;
} {
  return {
    sendHighWaterMark: unlessEndless(invocation.highWaterMark, 0),
    sendTimeout: unlessEndless(invocation.timeout, -1),
  };
}

/** The high-water mark and the patience of a socket that receives. */
export function receiveOptions(invocation: KnifeInvocation): {
  readonly receiveHighWaterMark: number;
  readonly receiveTimeout: number;
} {
  return {
    receiveHighWaterMark: unlessEndless(invocation.highWaterMark, 0),
    receiveTimeout: unlessEndless(invocation.timeout, -1),
  };
}

/** One socket, in use. */
export class KnifeLink {
  readonly #socket: Socket;
  readonly #invocation: KnifeInvocation;
  readonly #output: Output;
  readonly #failed = new AbortController();
  /** Endpoints, as connected to, at which a peer is now. */
  readonly #present = new Set<string>();
  /** Endpoints that were given up: their peers can never fit. */
  readonly #refused = new Set<string>();
  /** Kinds of trouble that were told. */
  readonly #told = new Set<string>();
  #wasReached = false;
  /** Why nobody was reached, as the system says it last. */
  #reason = '';
  #awaitsReply = false;

  constructor(socket: Socket, invocation: KnifeInvocation, output: Output) {
    this.#socket = socket;
    this.#invocation = invocation;
    this.#output = output;
  }

  /** Aborts when the link has failed: for those who wait for something else than the socket. */
  get signal(): AbortSignal {
    return this.#failed.signal;
  }

  /** A request was sent: until its reply came, the loss of every peer is a failure, because none can come any more. */
  requestSent(): void {
    this.#awaitsReply = true;
  }

  /** See `requestSent`. */
  replyCame(): void {
    this.#awaitsReply = false;
  }

  /**
   * Opens the endpoints, does the work, and closes the socket. Resolves with the exit code.
   *
   * @throws NotRunningError when time was up and nobody was there; ZscaleError `ZSCALE_ERR_TIMEOUT` when somebody was; what
   *   the endpoints, the peers and the work throw
   */
  async use(work: () => Promise<void>): Promise<number> {
    const end = (signal: NodeJS.Signals): void => this.#endBy(signal, end);
    for (const signal of END_SIGNALS) process.on(signal, end);
    const patience = setTimeout(() => this.#tellWaiting(), PATIENCE_MS);
    let fault: unknown;
    try {
      this.#listen();
      await this.#open();
      await work();
      this.signal.throwIfAborted(); // input that was cut off may look as if it had ended
    } catch (error) {
      fault = this.#explain(error);
    }
    clearTimeout(patience);
    const isSent = await this.#close();
    for (const signal of END_SIGNALS) process.off(signal, end);
    if (fault !== undefined) throw fault;
    if (!isSent) {
      const { linger } = this.#invocation;
      throw new ZscaleError(
        'ZSCALE_ERR_TIMEOUT',
        `not everything was sent to ${this.#places} within ${linger} ms, and the rest is dropped (--linger).`,
      );
    }
    return EXIT_CODES.ok;
  }

  async #open(): Promise<void> {
    const { endpoints, bind } = this.#invocation;
    for (const endpoint of endpoints) {
      if (!bind) this.#socket.connect(endpoint);
      else {
        await this.#socket.bind(endpoint);
        this.#output.complain(`zscale: bound ${this.#socket.lastEndpoint ?? endpoint}`);
      }
    }
  }

  /** True when all was sent in time. */
  async #close(): Promise<boolean> {
    const { linger } = this.#invocation;
    const socket = this.#socket;
    if (!socket.closed) {
      socket.linger = unlessEndless(linger, -1);
      socket.close();
    }
    const patience = setTimeout(() => {
      this.#output.complain('zscale: some messages wait for their peers; Ctrl-C drops them.');
    }, PATIENCE_MS);
    const start = performance.now();
    await socket.ended;
    clearTimeout(patience);
    return this.signal.aborted || linger === 0 || performance.now() - start < linger;
  }

  #listen(): void {
    const { bind } = this.#invocation;
    this.#socket.events
      .on('handshake', ({ address }) => {
        this.#wasReached = true;
        if (!bind) this.#present.add(address);
      })
      .on('disconnect', ({ address }) => {
        this.#present.delete(address);
        if (bind || !this.#awaitsReply || this.#present.size > 0) return;
        this.#fail(
          new ZscaleError('ZSCALE_ERR_CONNECTION_LOST', `${address} is gone, and no reply came.`),
        );
      })
      .on('connect:retry', () => {
        this.#reason = 'nobody listens there, or the connection ends at once';
      })
      .on('handshake:error:protocol', (event) => this.#refuse(event))
      .on('handshake:error:auth', (event) => this.#refuse(event))
      .on('handshake:error:other', ({ type, address, error }) =>
        this.#tellOnce(type, address, error),
      );
  }

  /** A peer that can never fit: its endpoint is given up, as ZeroMQ does. The last one ends the command. */
  #refuse({
    type,
    address,
    error,
  }: Extract<Event, { type: 'handshake:error:protocol' | 'handshake:error:auth' }>): void {
    if (!this.#invocation.bind) this.#refused.add(address);
    if (this.#invocation.bind || this.#refused.size < this.#invocation.endpoints.length) {
      this.#tellOnce(type, address, error);
    } else {
      this.#fail(
        new ZscaleError(
          'ZSCALE_ERR_CONNECTION_LOST',
          `no ${this.#verb} with ${address}: ${toldBy(error)}`,
        ),
      );
    }
  }

  #fail(error: Error): void {
    if (this.signal.aborted) return;
    this.#failed.abort(error);
    this.#drop();
  }

  /** At once: nothing more is sent. */
  #drop(): void {
    if (this.#socket.closed) return;
    this.#socket.linger = 0;
    this.#socket.close();
  }

  /** Lets go of the addresses, then ends as whoever does not know the signal. */
  #endBy(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): void {
    for (const each of END_SIGNALS) process.off(each, listener);
    const end = (): void => {
      process.kill(process.pid, signal);
    };
    if (this.#socket.closed) end();
    else {
      this.#drop();
      this.#socket.ended.then(end, end);
    }
  }

  #explain(error: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (!(error instanceof TransportError) || error.code !== 'EAGAIN') return error;
    const { timeout, bind } = this.#invocation;
    if (this.#wasReached) {
      return new ZscaleError(
        'ZSCALE_ERR_TIMEOUT',
        `${AWAITED[this.#verb]} at ${this.#places} within ${timeout} ms.`,
      );
    }
    const why = this.#reason === '' ? '' : ` (${this.#reason})`;
    return new NotRunningError(
      bind
        ? `nobody came to ${this.#places} within ${timeout} ms.`
        : `nobody was reached at ${this.#places} within ${timeout} ms${why}.`,
    );
  }

  #tellWaiting(): void {
    if (this.#wasReached) return;
    this.#output.complain(
      this.#invocation.bind
        ? `zscale: nobody has come to ${this.#places} yet; waiting, Ctrl-C ends it.`
        : `zscale: nobody is at ${this.#places} yet; waiting, Ctrl-C ends it.`,
    );
  }

  /** Peers may be hostile and many; each kind of trouble is told once. */
  #tellOnce(kind: string, address: string, error: Error): void {
    this.#reason = withoutControls(error.message);
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#output.complain(`zscale: ${address}: ${toldBy(error)}`);
  }

  get #verb(): KnifeVerb {
    return this.#invocation.command;
  }

  get #places(): string {
    return this.#invocation.endpoints.join(', ');
  }
}

/** What the transport says about a peer, in the words of this command. The peer may have put into it what it likes. */
function toldBy(error: Error): string {
  return withoutControls(error.message).replace('maxMessageSize', '--max-message-size');
}

function unlessEndless(value: number, endless: number): number {
  return value === Number.POSITIVE_INFINITY ? endless : value;
}

function keysOf(curve: CurvePeerOptions, bind: boolean): Omit<LinkOptions, 'maxMessageSize'> {
  const { publicKey, secretKey } = readOwnKeys(curve) ?? curveKeyPair();
  const own = { curvePublicKey: publicKey, curveSecretKey: secretKey };
  if (bind) return { ...own, curveServer: true };
  return { ...own, curveServerKey: checkKey('serverKey', curve.serverKey ?? '') };
}
