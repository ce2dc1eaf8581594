/**
 * The connect side of inproc: one pipe, and at most one connection in its life.
 *
 *   WAITING -> DIALLING -> JOINED -> DONE        DIALLING: a listener in another thread was asked
 *      ^----------/                              DONE from any of them, through `#finish`
 *
 * While it waits for somebody to bind the name it is the link under its own pipe, as a stream's dialer is. Messages that wait do
 * not hold the process for long, since whoever could still bind the name is in the same one: just until other threads have had
 * time to say that they have it. A listener that was asked is there, and will answer or be known to be gone: for that they wait as
 * for a stream to take them.
 */

import type { ResolvedSocketOptions } from '../../options.ts';
import type { PeerInfo } from '../../peer-info.ts';
import type { PipeLink } from '../../pipes/pipe.ts';
import type { Dialer, PipeHost } from '../transport.ts';
import { InprocPipe } from './inproc-pipe.ts';
import type { ThreadLink } from './inproc-thread-link.ts';
import type { ThreadDialer } from './inproc-threads.ts';

/** The longest delay of a Node timer, in ms. */
const TIMER_MAX_MS = 0x7fff_ffff;

/** Where dialers wait. */
export interface WaitingRoom {
  /** How long another thread may take to say that it has a name, ms; 0 when there is no other. */
  readonly searchTime: number;
  /** The listener was gone when we came: wait for the next. */
  dialerWaits(dialer: InprocDialer): void;
  /** It will never connect any more. */
  dialerDone(dialer: InprocDialer): void;
  /** The listener is of a type that its socket cannot talk to. */
  dialerMismatched(dialer: InprocDialer, peer: PeerInfo): void;
}

/** One connect(). */
export class InprocDialer implements Dialer, PipeLink, ThreadDialer {
  readonly endpoint: string;
  readonly name: string;
  readonly host: PipeHost;
  readonly self: PeerInfo;
  readonly pipe: InprocPipe;
  readonly #room: WaitingRoom;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};
  /** Asked for, but not yet under the pipe. */
  #dialled: ThreadLink | undefined = undefined;
  #joined = false;
  #closing = false;
  /** When lingering is over, on the clock of `performance`; Infinity for never. */
  #deadline: number = Number.POSITIVE_INFINITY;
  #linger: NodeJS.Timeout | undefined = undefined;
  /** Holds the thread while messages wait. */
  #search: NodeJS.Timeout | undefined = undefined;
  #done = false;

  constructor(
    endpoint: string,
    name: string,
    host: PipeHost,
    options: ResolvedSocketOptions,
    self: PeerInfo,
    room: WaitingRoom,
  ) {
    this.endpoint = endpoint;
    this.name = name;
    this.host = host;
    this.self = self;
    this.#room = room;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.pipe = new InprocPipe(host, options);
    host.attach(this.pipe);
    this.pipe.plug(this);
  }

  get isDone(): boolean {
    return this.#done;
  }

  /** Also called by the pipe, as its link, when a pattern closes it. */
  close(linger: number): Promise<void> {
    if (this.#closing || this.#done) return this.#ended;
    this.#closing = true;
    if (linger > 0) this.#deadline = performance.now() + linger;
    this.pipe.close(linger);
    if (!this.#joined) {
      if (this.pipe.unsent === 0) this.#finish();
      else if (linger > 0) this.#linger = setTimeout(finish, linger, this).unref();
    }
    return this.#ended;
  }

  // The pipe's link while nobody has the name.

  wake(): void {
    // From the next turn on: answers come only when the event loop gets its turn, and this one may be long.
    if (this.#room.searchTime > 0) setImmediate(hold, this);
  }

  pause(): void {}

  resume(): void {}

  /** For the tick above: somebody may still say that the name is bound. */
  hold(): void {
    if (this.#joined || this.#done || this.pipe.unsent === 0) return;
    clearTimeout(this.#search);
    const isAsked = this.#dialled !== undefined;
    this.#search = setTimeout(noop, isAsked ? TIMER_MAX_MS : this.#room.searchTime);
  }

  // From the names.

  /** A connection is there: puts it under the pipe. */
  join(link: PipeLink, peer: PeerInfo): void {
    this.#joined = true;
    this.#dialled = undefined;
    clearTimeout(this.#linger);
    clearTimeout(this.#search);
    this.pipe.plug(link);
    // The socket is closed already: only what was unsent goes out.
    if (this.pipe.isClosed) link.close(this.#remainingLinger());
    else this.pipe.connected(peer);
  }

  /** Ends now, whatever is unsent. */
  finish(): void {
    this.#finish();
  }

  // From the threads.

  dialled(link: ThreadLink): void {
    this.#dialled = link;
    this.hold();
  }

  answered(link: ThreadLink, peer: PeerInfo): void {
    link.start();
    this.join(link, peer);
  }

  mismatched(_link: ThreadLink, peer: PeerInfo): void {
    this.#room.dialerMismatched(this, peer);
  }

  // From the link.

  linkEnded(_link: PipeLink): void {
    if (this.#done) return;
    this.#dialled = undefined;
    if (this.#joined) {
      this.#finish();
      return;
    }
    this.hold();
    this.#room.dialerWaits(this);
  }

  #remainingLinger(): number {
    if (this.#deadline === Number.POSITIVE_INFINITY) return -1;
    return Math.max(1, Math.round(this.#deadline - performance.now()));
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#linger);
    clearTimeout(this.#search);
    this.#dialled?.abort();
    this.#room.dialerDone(this);
    this.pipe.end();
    this.#resolveEnded();
  }
}

function hold(dialer: InprocDialer): void {
  dialer.hold();
}

function finish(dialer: InprocDialer): void {
  dialer.finish();
}

function noop(): void {}
