/**
 * The inproc transport (zmq_inproc(7)): sockets of one context by name, in one thread or in several.
 *
 * Names belong to a `Context` and are bound and connected in any order. Two sockets of one thread are joined directly
 * (inproc-link.ts). The sockets of the default context find each other across the worker_threads of the process, too
 * (inproc-threads.ts): whoever binds or connects there may be in any thread, and no thread has to help the others. There is
 * no handshake on a wire: what a peer would learn from READY it is told, and socket types must fit as anywhere else. Security,
 * heartbeats, `immediate` and reconnecting do not apply; a monitor is told of mismatched types only.
 */

import { type Context, context as defaultContext } from '../../context.ts';
import { fail, ProtocolError } from '../../errors.ts';
import type { ResolvedSocketOptions } from '../../options.ts';
import type { PeerInfo } from '../../peer-info.ts';
import { announcesRoutingId, compatiblePeers, isCompatible } from '../../socket-type.ts';
import { parseEndpoint } from '../endpoint.ts';
import type { Dialer, Listener, PipeHost, Transport } from '../transport.ts';
import { InprocDialer, type WaitingRoom } from './inproc-dialer.ts';
import { linkPipes } from './inproc-link.ts';
import { InprocListener } from './inproc-listener.ts';
import { markThread } from './inproc-thread-watch.ts';
import {
  type Incoming,
  InprocThreads,
  type ThreadDialer,
  type ThreadNames,
} from './inproc-threads.ts';

/** zmq_inproc(7). */
const NAME_MAX = 256;
/** The ZAP handler's (RFC 27). It must be found also in a thread that is too busy to answer. */
const MARKED_NAME = 'zeromq.zap.01';

/** What is bound and connected in a context, on the part of this thread. */
class InprocNames implements WaitingRoom, ThreadNames {
  readonly #listeners = new Map<string, InprocListener>();
  /** Names that other threads are being asked about. */
  readonly #claims = new Set<string>();
  readonly #waiting = new Map<string, Set<InprocDialer>>();
  readonly #threads: InprocThreads | undefined;

  constructor(context: Context) {
    this.#threads = context === defaultContext ? new InprocThreads(this, context.poll) : undefined;
  }

  async bind(
    endpoint: string,
    host: PipeHost,
    options: ResolvedSocketOptions,
  ): Promise<InprocListener> {
    const name = nameOf(endpoint);
    this.#refuseTaken(name, endpoint);
    if (this.#threads !== undefined) {
      this.#claims.add(name);
      const isFree = await this.#threads.claim(name);
      this.#claims.delete(name);
      if (!isFree) refuseInUse(endpoint, 'in another thread');
    }
    return this.#listen(name, endpoint, host, options);
  }

  bindSync(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): InprocListener {
    const name = nameOf(endpoint);
    this.#refuseTaken(name, endpoint);
    return this.#listen(name, endpoint, host, options);
  }

  /** Whether a socket of this context is bound to the name: certain in this thread, and in others once {@link whenKnown} said so. */
  isBound(name: string): boolean {
    return this.#listeners.has(name) || (this.#threads?.isBound(name) ?? false);
  }

  whenKnown(name: string, known: () => void): void {
    if (this.#threads === undefined || this.#listeners.has(name)) known();
    else this.#threads.lookFor(name, known);
  }

  connect(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): InprocDialer {
    const name = nameOf(endpoint);
    const self = describe(endpoint, host, options);
    const dialer = new InprocDialer(endpoint, name, host, options, self, this);
    const listener = this.#listeners.get(name);
    if (listener !== undefined) joinSoon(dialer, listener);
    else this.dialerWaits(dialer);
    return dialer;
  }

  // For dialers.

  get searchTime(): number {
    return this.#threads?.searchTime ?? 0;
  }

  dialerWaits(dialer: InprocDialer): void {
    const listener = this.#listeners.get(dialer.name);
    if (listener !== undefined) {
      joinSoon(dialer, listener);
      return;
    }
    const others = this.#waiting.get(dialer.name);
    if (others === undefined) this.#waiting.set(dialer.name, new Set([dialer]));
    else others.add(dialer);
    this.#threads?.seek(dialer.name);
  }

  dialerDone(dialer: InprocDialer): void {
    const others = this.#waiting.get(dialer.name);
    others?.delete(dialer);
    if (others?.size === 0) this.#waiting.delete(dialer.name);
  }

  dialerMismatched(dialer: InprocDialer, peer: PeerInfo): void {
    reportMismatch(dialer.host, dialer.endpoint, peer);
    dialer.finish();
  }

  // For the other threads.

  has(name: string): boolean {
    return this.#listeners.has(name);
  }

  boundElsewhere(name: string, dial: (dialer: ThreadDialer) => void): void {
    const dialers = this.#waiting.get(name);
    if (dialers === undefined) return;
    this.#waiting.delete(name);
    for (const dialer of dialers) dial(dialer);
  }

  accept(
    name: string,
    incoming: Incoming,
  ): { readonly accepted: boolean; readonly peer: PeerInfo } | undefined {
    const listener = this.#listeners.get(name);
    if (listener === undefined) return undefined;
    const { host, self } = listener;
    const { peer } = incoming;
    if (!isCompatible(host.socketType, peer.socketType)) {
      reportMismatch(host, listener.endpoint, peer);
      return { accepted: false, peer: self };
    }
    const pipe = listener.open(peer);
    const link = incoming.link(pipe, listener);
    link.start();
    listener.plug(pipe, link, peer);
    return { accepted: true, peer: self };
  }

  #listen(
    name: string,
    endpoint: string,
    host: PipeHost,
    options: ResolvedSocketOptions,
  ): InprocListener {
    const self = describe(endpoint, host, options);
    const unmark = name === MARKED_NAME && this.#threads !== undefined ? markThread() : undefined;
    const listener = new InprocListener(endpoint, host, options, self, (released) => {
      if (this.#listeners.get(name) !== released) return;
      this.#listeners.delete(name);
      unmark?.();
    });
    this.#listeners.set(name, listener);
    const dialers = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    for (const dialer of dialers) joinSoon(dialer, listener);
    this.#threads?.announce(name);
    return listener;
  }

  #refuseTaken(name: string, endpoint: string): void {
    if (this.#listeners.has(name) || this.#claims.has(name)) {
      refuseInUse(endpoint, 'in this context');
    }
  }
}

/** The one table of the module: contexts to their names. A context that nobody holds any more takes its names along. */
const NAMES = new WeakMap<Context, InprocNames>();

function namesOf(context: Context): InprocNames {
  let names = NAMES.get(context);
  if (names === undefined) {
    names = new InprocNames(context);
    NAMES.set(context, names);
  }
  return names;
}

/**
 * inproc://
 *
 * `bind` in the default context asks the other threads for the name, which takes up to 20 ms at a thread's first bind and as long
 * as the slowest thread takes to answer, at most 1 s, later; `bindSync` looks in this thread only.
 */
export const inprocTransport: Transport = {
  async bind(endpoint, host, options): Promise<Listener> {
    return namesOf(host.context).bind(endpoint, host, options);
  },

  bindSync(endpoint, host, options): Listener {
    return namesOf(host.context).bindSync(endpoint, host, options);
  },

  connect(endpoint, host, options): Dialer {
    return namesOf(host.context).connect(endpoint, host, options);
  },
};

/**
 * Calls back once {@link isInprocBound} knows about the other threads, too: at once, or when they have answered, which takes
 * 20 ms the first time and at most 1 s where one is busy.
 *
 * @throws TransportError `EINVAL` for what is no endpoint.
 */
export function whenInprocKnown(context: Context, endpoint: string, known: () => void): void {
  namesOf(context).whenKnown(parseEndpoint(endpoint).address, known);
}

/**
 * Whether a socket is bound to an inproc endpoint in this context. False for endpoints of other transports. See
 * {@link whenInprocKnown} for those of other threads.
 *
 * @throws TransportError `EINVAL` for what is no endpoint.
 */
export function isInprocBound(context: Context, endpoint: string): boolean {
  const { transport, address } = parseEndpoint(endpoint);
  return transport === 'inproc' && (NAMES.get(context)?.isBound(address) ?? false);
}

/** @throws TransportError `EINVAL` */
function nameOf(endpoint: string): string {
  const { address } = parseEndpoint(endpoint);
  if (address.length > NAME_MAX) {
    fail(
      'EINVAL',
      `An inproc name has 1 to ${NAME_MAX} characters; got ${address.length}. Choose a shorter one.`,
      { endpoint },
    );
  }
  return address;
}

/** Joins them when the caller's turn is over. What the dialer writes until then already counts with both marks. */
function joinSoon(dialer: InprocDialer, listener: InprocListener): void {
  dialer.pipe.allow(listener.options.receiveHighWaterMark || Number.POSITIVE_INFINITY);
  process.nextTick(join, dialer, listener);
}

function join(dialer: InprocDialer, listener: InprocListener): void {
  if (dialer.isDone) return;
  if (listener.isClosed) {
    dialer.finish(); // no reconnect: a bind that was there counts as the one connection
    return;
  }
  if (!isCompatible(listener.host.socketType, dialer.host.socketType)) {
    reportMismatch(listener.host, listener.endpoint, dialer.self);
    reportMismatch(dialer.host, dialer.endpoint, listener.self);
    dialer.finish();
    return;
  }
  const pipe = listener.open(dialer.self);
  const [near, far] = linkPipes(dialer.pipe, dialer, pipe, listener);
  listener.plug(pipe, far, dialer.self);
  dialer.join(near, listener.self);
}

/** What a READY of this socket would say. */
function describe(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): PeerInfo {
  const { socketType } = host;
  const routingId = Buffer.from(announcesRoutingId(socketType) ? (options.routingId ?? '') : '');
  const metadata = new Map([['Socket-Type', Buffer.from(socketType)]]);
  if (announcesRoutingId(socketType)) metadata.set('Identity', routingId);
  for (const [name, value] of Object.entries(options.metadata)) {
    metadata.set(name, Buffer.from(value));
  }
  return { socketType, routingId, metadata, version: '3.1', address: endpoint };
}

function reportMismatch(host: PipeHost, endpoint: string, peer: PeerInfo): void {
  const error = new ProtocolError(
    'ERR_ZMTP_INVALID_METADATA',
    `A ${host.socketType} talks to ${compatiblePeers(host.socketType).join(', ')}; the peer is ${JSON.stringify(peer.socketType)}.`,
  );
  host.report({
    type: 'handshake:error:protocol',
    address: endpoint,
    remoteAddress: peer.address,
    error,
  });
}

function refuseInUse(endpoint: string, where: string): never {
  fail('EADDRINUSE', `${endpoint} is bound already, ${where}. Choose another name, or unbind it.`, {
    endpoint,
  });
}
