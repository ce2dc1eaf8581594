/**
 * Inproc names across the threads of a process: who has which name, and how a connect in one thread reaches a bind in another.
 * It does not move messages (inproc-thread-link.ts) and does not know the names of its own thread (it asks them of `ThreadNames`).
 *
 * Threads know each other only by a BroadcastChannel. Nobody keeps a table of all names: one asks.
 *
 *   hello/here   who is there                        claim/claimed   may I bind this name?
 *   seek/bound   who has this name? I do             dial            connect me; answered on the wire of the two threads
 *   whose/owner  do you have this name? yes or no
 *   gone/dead    I end; that thread has ended
 *
 * Opening costs about 1 ms once, at the first inproc bind or connect of the default context; nothing of it holds a process.
 */

import { randomBytes } from 'node:crypto';
import { BroadcastChannel, threadId } from 'node:worker_threads';
import type { BusyPoll } from '../../busy-poll.ts';
import type { PeerInfo } from '../../peer-info.ts';
import { InprocClaim, ROLL_CALL_MS } from './inproc-claim.ts';
import type { LinkOwner } from './inproc-link.ts';
import type { InprocPipe } from './inproc-pipe.ts';
import { LINK_MEMORY_BYTES, ThreadLink } from './inproc-thread-link.ts';
import { fromThreadPeer, ThreadPair, type ThreadPeer, toThreadPeer } from './inproc-thread-pair.ts';
import {
  isTaskAlive,
  markedTasks,
  ownTask,
  type ThreadWatch,
  watchThreads,
} from './inproc-thread-watch.ts';

/** Every thread of a process, and every copy of this package that speaks this version, meets here. */
const CHANNEL_NAME = 'zscale.inproc.1';
/** A thread that is not busy for longer than this has answered. */
const SEARCH_MS = 1000;
/** In front of the task of an owner that is not known by its key yet. */
const MARKED_TASK = 'task ';
/** How often the threads we are connected to are looked after. */
const WATCH_MS = 1000;

/** A pipe that came to be by a dial of another thread, for its listener. */
export interface Incoming {
  /** The connecter. */
  readonly peer: PeerInfo;
  /** Makes the link under a new pipe. */
  link(pipe: InprocPipe, owner: LinkOwner): ThreadLink;
}

/** The names of this thread. */
export interface ThreadNames {
  /** Whether a socket of this thread is bound to the name. */
  has(name: string): boolean;
  /** Somebody else has bound the name: dial for those who wait for it. */
  boundElsewhere(name: string, dial: (dialer: ThreadDialer) => void): void;
  /** Somebody else connects. Gives what the listener is, and whether it took the connection; undefined without a listener. */
  accept(
    name: string,
    incoming: Incoming,
  ): { readonly accepted: boolean; readonly peer: PeerInfo } | undefined;
}

/** A connecter, as this room needs it. It owns the link until `linkEnded`, which may come before any answer. */
export interface ThreadDialer extends LinkOwner {
  readonly endpoint: string;
  readonly pipe: InprocPipe;
  /** What it is to its peer. */
  readonly self: PeerInfo;
  /** A link was made; its dial is on the way. */
  dialled(link: ThreadLink): void;
  /** The listener took the connection: plug the link in. */
  answered(link: ThreadLink, peer: PeerInfo): void;
  /** The listener is of a type that this socket cannot talk to. */
  mismatched(link: ThreadLink, peer: PeerInfo): void;
}

/** One copy of this module in one thread. */
interface Member {
  readonly key: string;
  readonly threadId: number;
  readonly task: number;
}

type ThreadMessage = { readonly from: Member } & (
  | { readonly type: 'hello' | 'gone' }
  | { readonly type: 'here'; readonly to: string }
  | { readonly type: 'dead'; readonly threadId: number }
  | { readonly type: 'claim'; readonly name: string; readonly since: bigint }
  | { readonly type: 'seek' | 'bound' | 'whose'; readonly name: string }
  | {
      readonly type: 'owner';
      readonly to: string;
      readonly name: string;
      readonly isOwner: boolean;
    }
  | {
      readonly type: 'claimed';
      readonly to: string;
      readonly name: string;
      readonly isTaken: boolean;
    }
  | {
      readonly type: 'dial';
      readonly to: string;
      readonly name: string;
      readonly id: number;
      readonly memory: SharedArrayBuffer;
      readonly peer: ThreadPeer;
    }
);

/** What is known of a name that somebody here wants to know about. */
interface Trace {
  /** Threads that have bound it. */
  readonly owners: Set<string>;
  /** Settled when all have answered. */
  readonly question: InprocClaim;
  /** Who waits for that; undefined afterwards. */
  waiting: Array<() => void> | undefined;
}

/** A message without its sender, distributed over the union. */
type Unsigned<M> = M extends unknown ? Omit<M, 'from'> : never;

/** The other threads. One per default context; it lives as long as its thread. */
export class InprocThreads {
  readonly #names: ThreadNames;
  readonly #poll: BusyPoll;
  readonly #self: Member;
  readonly #channel: BroadcastChannel;
  readonly #openedAt: number = performance.now();
  readonly #others: ThreadWatch;
  readonly #members = new Map<string, Member>();
  readonly #claims = new Map<string, InprocClaim>();
  readonly #traces = new Map<string, Trace>();
  readonly #pairs = new Map<string, ThreadPair>();
  #watch: NodeJS.Timeout | undefined = undefined;
  #dials = 0;

  /** @param poll what keeps this thread awake. */
  constructor(names: ThreadNames, poll: BusyPoll) {
    this.#names = names;
    this.#poll = poll;
    this.#self = { key: randomBytes(8).toString('hex'), threadId, task: ownTask() };
    this.#channel = new BroadcastChannel(CHANNEL_NAME);
    // What Node passes is a MessageEvent.
    this.#channel.onmessage = (event) => this.#receive((event as { data: ThreadMessage }).data);
    this.#channel.unref();
    this.#others = watchThreads(
      () => this.#exit(),
      (id) => this.#childExited(id),
    );
    this.#post({ type: 'hello' });
  }

  /**
   * Asks every thread whether it has the name. When two ask at once, one of them is refused. A thread that is too busy to
   * answer within a second, or to say within 20 ms that it is there at all, is taken not to have it.
   *
   * @returns whether the name is free.
   */
  async claim(name: string): Promise<boolean> {
    const claim = this.#question();
    this.#claims.set(name, claim);
    this.#post({ type: 'claim', name, since: claim.since });
    const isFree = await claim.isFree;
    this.#claims.delete(name);
    return isFree;
  }

  /** Whether another thread has bound the name, as far as is known: see {@link lookFor}. */
  isBound(name: string): boolean {
    const owners = this.#traces.get(name)?.owners;
    if (owners === undefined || owners.size === 0) return false;
    this.#forgetDead(); // a thread that was ended says no word
    return owners.size > 0;
  }

  /** Follows a name from now on, and calls back when every thread has said whether it has it, or is too busy to. */
  lookFor(name: string, known: () => void): void {
    let trace = this.#traces.get(name);
    if (trace === undefined) {
      trace = { owners: new Set(), question: this.#question(), waiting: [] };
      // Seen, though perhaps too busy to say so: what they have bound is known by what they answer, in the end.
      for (const task of markedTasks()) trace.owners.add(`${MARKED_TASK}${task}`);
      this.#traces.set(name, trace);
      void trace.question.isFree.then(() => this.#traced(name)); // never rejects
      this.#post({ type: 'whose', name });
    }
    if (trace.waiting === undefined) known();
    else trace.waiting.push(known);
  }

  /** How long it may take until somebody says that it has a name, counted from when the event loop gets its turn, ms. */
  get searchTime(): number {
    return this.#members.size > 0 || this.#others.hasOthers ? SEARCH_MS : ROLL_CALL_MS;
  }

  /** A socket of this thread is bound now: those who wait elsewhere may come. */
  announce(name: string): void {
    this.#post({ type: 'bound', name });
  }

  /** A socket of this thread looks for a name. */
  seek(name: string): void {
    this.#post({ type: 'seek', name });
  }

  #receive(message: ThreadMessage): void {
    const { from } = message;
    if ('to' in message && message.to !== this.#self.key) return;
    if (message.type !== 'gone') this.#members.set(from.key, from);
    switch (message.type) {
      case 'hello':
        this.#post({ type: 'here', to: from.key });
        break;
      case 'here':
        // They follow our hello, and what we asked since.
        for (const claim of this.#claims.values()) claim.add(from.key);
        for (const { question } of this.#traces.values()) question.add(from.key);
        break;
      case 'gone':
        this.#memberGone(from.key);
        break;
      case 'dead':
        this.#threadGone(message.threadId);
        break;
      case 'claim':
        this.#answerClaim(message.name, message.since, from.key);
        break;
      case 'claimed':
        if (message.isTaken) this.#claims.get(message.name)?.settle(false);
        else this.#claims.get(message.name)?.answered(from.key);
        break;
      case 'seek':
        if (this.#names.has(message.name)) this.announce(message.name);
        break;
      case 'whose':
        this.#post({
          type: 'owner',
          to: from.key,
          name: message.name,
          isOwner: this.#names.has(message.name),
        });
        break;
      case 'owner':
        this.#traces.get(message.name)?.owners.delete(`${MARKED_TASK}${from.task}`);
        if (message.isOwner) this.#traces.get(message.name)?.owners.add(from.key);
        this.#traces.get(message.name)?.question.answered(from.key);
        break;
      case 'bound':
        this.#traces.get(message.name)?.owners.add(from.key);
        this.#names.boundElsewhere(message.name, (dialer) =>
          this.#dial(from, message.name, dialer),
        );
        break;
      case 'dial':
        this.#accept(message);
        break;
    }
  }

  /** To all who are there, and to those who will have said so in a moment. */
  #question(): InprocClaim {
    this.#forgetDead();
    return new InprocClaim(this.#members.keys(), this.#openedAt + ROLL_CALL_MS - performance.now());
  }

  #forgetDead(): void {
    for (const { owners } of this.#traces.values()) {
      for (const owner of owners) {
        if (!owner.startsWith(MARKED_TASK)) continue;
        if (!isTaskAlive(Number(owner.slice(MARKED_TASK.length)))) owners.delete(owner);
      }
    }
    for (const { key, task } of [...this.#members.values()]) {
      if (!isTaskAlive(task)) this.#forget(key);
    }
  }

  #traced(name: string): void {
    const trace = this.#traces.get(name);
    const waiting = trace?.waiting ?? [];
    if (trace !== undefined) trace.waiting = undefined;
    for (const known of waiting) known();
  }

  /** Of two who ask at the same time the one who asked first gets the name: one clock goes for all threads. */
  #answerClaim(name: string, since: bigint, to: string): void {
    const own = this.#claims.get(name);
    const isFirst =
      own !== undefined && (own.since < since || (own.since === since && this.#self.key < to));
    this.#post({ type: 'claimed', to, name, isTaken: isFirst || this.#names.has(name) });
  }

  #dial(to: Member, name: string, dialer: ThreadDialer): void {
    const pair = this.#pairWith(to.key);
    // Both threads may dial each other over one wire: one has the even numbers, the other the odd ones.
    const id = this.#dials * 2 + (this.#self.key < to.key ? 0 : 1);
    this.#dials += 1;
    const memory = new SharedArrayBuffer(LINK_MEMORY_BYTES);
    const link = new ThreadLink(id, 'dialer', memory, dialer.pipe, dialer, pair, this.#poll);
    pair.add(link, ({ accepted, peer }) => {
      if (peer === null) link.abort();
      else if (accepted) dialer.answered(link, fromThreadPeer(peer, dialer.endpoint));
      else dialer.mismatched(link, fromThreadPeer(peer, dialer.endpoint));
    });
    dialer.dialled(link);
    this.#post({ type: 'dial', to: to.key, name, id, memory, peer: toThreadPeer(dialer.self) });
  }

  #accept(dial: ThreadMessage & { readonly type: 'dial' }): void {
    const { name, id, memory } = dial;
    const pair = this.#pairWith(dial.from.key);
    const answer = this.#names.accept(name, {
      peer: fromThreadPeer(dial.peer, `inproc://${name}`),
      link: (pipe, owner) => {
        const link = new ThreadLink(id, 'listener', memory, pipe, owner, pair, this.#poll);
        pair.add(link);
        return link;
      },
    });
    // Before any tick: the answer is ahead of every wake-up.
    pair.answer(
      id,
      answer === undefined
        ? { accepted: false, peer: null }
        : { accepted: answer.accepted, peer: toThreadPeer(answer.peer) },
    );
    pair.closeIfEmpty();
  }

  #pairWith(key: string): ThreadPair {
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const [first, second] = [this.#self.key, key].sort();
    const pair = new ThreadPair(`${CHANNEL_NAME}.${first}.${second}`, () => {
      this.#pairs.delete(key);
      if (this.#pairs.size === 0) clearInterval(this.#watch);
    });
    if (this.#pairs.size === 0) this.#watch = setInterval(lookAfter, WATCH_MS, this).unref();
    this.#pairs.set(key, pair);
    return pair;
  }

  /** For the interval: finds the threads that ended without a word. */
  lookAfterMembers(): void {
    for (const key of [...this.#pairs.keys()]) {
      const member = this.#members.get(key);
      if (member !== undefined && !isTaskAlive(member.task)) this.#memberGone(key);
    }
  }

  /** A Worker that this thread had started is gone: nobody else may have noticed. */
  #childExited(id: number): void {
    this.#post({ type: 'dead', threadId: id });
    this.#threadGone(id);
  }

  #threadGone(id: number): void {
    for (const { key, threadId: memberThread } of [...this.#members.values()]) {
      if (memberThread === id) this.#memberGone(key);
    }
  }

  #memberGone(key: string): void {
    this.#forget(key);
    for (const link of this.#pairs.get(key)?.links ?? []) link.peerGone();
  }

  #forget(key: string): void {
    this.#members.delete(key);
    for (const claim of this.#claims.values()) claim.answered(key);
    for (const { owners, question } of this.#traces.values()) {
      owners.delete(key);
      question.answered(key);
    }
  }

  #exit(): void {
    for (const pair of [...this.#pairs.values()]) for (const link of pair.links) link.exit();
    this.#post({ type: 'gone' });
  }

  #post(message: Unsigned<ThreadMessage>): void {
    this.#channel.postMessage({ ...message, from: this.#self });
  }
}

function lookAfter(threads: InprocThreads): void {
  threads.lookAfterMembers();
}
