/**
 * The wire between two threads: one BroadcastChannel of which they are the only members, for all connections between them. It
 * carries wake-ups (a bare number: the connection), large messages and the answers to dials. It is open while there are
 * connections, and holds no process.
 *
 * `Atomics.waitAsync` wakes no faster (measured: the same within the noise) and carries nothing; one channel for both keeps the order.
 */

import { BroadcastChannel } from 'node:worker_threads';
import type { PeerInfo } from '../../peer-info.ts';
import type { CarriedMessages } from './inproc-carried.ts';
import type { LinkWire, ThreadLink } from './inproc-thread-link.ts';

/** What a peer says of itself across threads: of {@link PeerInfo} what can be cloned. */
export interface ThreadPeer {
  readonly socketType: string;
  readonly routingId: Uint8Array;
  readonly metadata: ReadonlyMap<string, Uint8Array>;
}

/** The answer to a dial: the listener's peer info when it took it; null when it is not there any more. */
export interface DialAnswer {
  readonly accepted: boolean;
  readonly peer: ThreadPeer | null;
}

/** Whoever dialled, while it waits for the answer. */
export type AnswerTaker = (answer: DialAnswer) => void;

type PairMessage =
  | number
  | { readonly id: number; readonly answer: DialAnswer }
  | { readonly id: number; readonly carried: CarriedMessages };

/** This thread's end of the wire to one other thread. */
export class ThreadPair implements LinkWire {
  readonly #name: string;
  readonly #onEmpty: () => void;
  readonly #links = new Map<number, ThreadLink>();
  readonly #dials = new Map<number, AnswerTaker>();
  readonly #channel: BroadcastChannel;

  /**
   * @param name the same on both sides, and nowhere else.
   * @param onEmpty the last link is gone, and the channel closed.
   */
  constructor(name: string, onEmpty: () => void) {
    this.#name = name;
    this.#onEmpty = onEmpty;
    this.#channel = new BroadcastChannel(this.#name);
    // What Node passes is a MessageEvent.
    this.#channel.onmessage = (event) => this.#receive((event as { data: PairMessage }).data);
    this.#channel.unref();
  }

  /** The links that there are, also those whose dial was not answered yet. */
  get links(): readonly ThreadLink[] {
    return [...this.#links.values()];
  }

  /** A new connection. @param onAnswer for the side that dialled. */
  add(link: ThreadLink, onAnswer?: AnswerTaker): void {
    this.#links.set(link.id, link);
    if (onAnswer !== undefined) this.#dials.set(link.id, onAnswer);
  }

  /** Answers a dial of the other side. */
  answer(id: number, answer: DialAnswer): void {
    this.#post({ id, answer });
  }

  wake(link: ThreadLink): void {
    this.#post(link.id);
  }

  carry(link: ThreadLink, carried: CarriedMessages): void {
    this.#post({ id: link.id, carried });
  }

  remove(link: ThreadLink): void {
    this.#links.delete(link.id);
    this.#dials.delete(link.id);
    this.closeIfEmpty();
  }

  /** Lets go of the channel when nobody needs it. */
  closeIfEmpty(): void {
    if (this.#links.size > 0) return;
    this.#channel.close();
    this.#onEmpty();
  }

  #post(message: PairMessage): void {
    this.#channel.postMessage(message);
  }

  #receive(message: PairMessage): void {
    if (typeof message === 'number') {
      this.#links.get(message)?.receiveWake();
    } else if ('carried' in message) {
      this.#links.get(message.id)?.receiveCarried(message.carried);
    } else {
      const take = this.#dials.get(message.id);
      this.#dials.delete(message.id);
      take?.(message.answer);
    }
  }
}

/** A peer as it can be cloned. Views are copied: a clone of a view would take its whole chunk along. */
export function toThreadPeer({ socketType, routingId, metadata }: PeerInfo): ThreadPeer {
  const copies = new Map<string, Uint8Array>();
  for (const [name, value] of metadata) copies.set(name, new Uint8Array(value));
  return { socketType, routingId: new Uint8Array(routingId), metadata: copies };
}

/** A peer of another thread as patterns see it. */
export function fromThreadPeer(peer: ThreadPeer, address: string): PeerInfo {
  const metadata = new Map<string, Buffer>();
  for (const [name, value] of peer.metadata) metadata.set(name, Buffer.from(value));
  return {
    socketType: peer.socketType,
    routingId: Buffer.from(peer.routingId),
    metadata,
    version: '3.1',
    address,
  };
}
