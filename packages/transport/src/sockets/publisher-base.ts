/**
 * What PUB and XPUB share (RFC 29): who subscribed to what, and sending to all whom a message matches.
 *
 * Subscriptions are read from the peers' pipes as soon as they are there, whether anybody sends or receives: a *set* of topics
 * per connection, since the subscriber keeps the count. Messages go out by prefix of the first frame, one copy to each peer, and
 * `send` does not wait: a full peer misses the message and nobody gets what nobody subscribed to. A peer whose topics pass
 * {@link TOPICS_MAX} or {@link TOPIC_BYTES_MAX} is disconnected.
 */

import type { Message } from '../message.ts';
import type { OptionName } from '../options.ts';
import { Distributor } from '../pipes/distributor.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { isSubscription, SUBSCRIBE, topicOf } from '../pipes/subscription-message.ts';
import {
  SubscriptionTrie,
  type TopicAdded,
  type TopicRemoved,
} from '../pipes/subscription-trie.ts';
import { Socket } from './socket.ts';

/** Topics one peer may hold. Each takes a few hundred bytes of memory beside its own. */
export const TOPICS_MAX = 100_000;
/** Topics that all peers together may hold; who asks for one more is disconnected. */
export const TOPICS_TOTAL_MAX = 2_000_000;
/** Bytes that the topics of one peer may have together. */
export const TOPIC_BYTES_MAX: number = 16 * 1024 * 1024;

/** Messages read from one peer in a row; then others get their turn. */
const FAIRNESS_MESSAGES = 4096;
/** The same in bytes. */
const FAIRNESS_BYTES = 1024 * 1024;

/** Sends to subscribers. */
export abstract class PublisherBase extends Socket {
  readonly #distributor = new Distributor();
  readonly #subscriptions: SubscriptionTrie<Pipe> = newTopicTable();
  #expelled = 0;

  /** Always: a message that nobody takes is dropped. With `noDrop`, `send` may wait all the same. */
  override get writable(): boolean {
    return true;
  }

  /** Messages that were not delivered to a subscriber because its pipe was full, counted for each such subscriber. */
  get dropped(): number {
    return this.#distributor.dropped;
  }

  /** Peers that were disconnected because they subscribed to too much. */
  get expelled(): number {
    return this.#expelled;
  }

  /** False only with `noDrop`, when a subscriber whom the message matches is full; then nobody got it. */
  override trySend(message: Message): boolean {
    const topic = message[0];
    if (topic === undefined) return true;
    const distributor = this.#distributor;
    const { invertMatching, noDrop } = this.options;
    if (invertMatching) distributor.selectOthers(this.#subscriptions, topic);
    else distributor.selectMatching(this.#subscriptions, topic);
    if (noDrop && !distributor.hasRoom) return false;
    distributor.send(message);
    return true;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    pipe.keepAll('in');
    this.#distributor.attach(pipe);
  }

  /** A new peer: on a pipe that was connected before, the topics of the old one count no more. */
  override pipeConnected(pipe: Pipe): void {
    this.#readRest(pipe);
    this.forget(pipe);
    this.wakeSenders();
  }

  override pipeReadable(pipe: Pipe): void {
    this.readFrom(pipe);
  }

  override pipeWritable(_pipe: Pipe): void {
    this.wakeSenders();
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#readRest(pipe);
    this.forget(pipe);
    this.#distributor.detach(pipe);
    this.wakeSenders();
  }

  /** Reads what a peer sent, as far as {@link mayRead} allows. */
  protected readFrom(pipe: Pipe): void {
    let messages = 0;
    let bytes = 0;
    while (this.mayRead(pipe)) {
      if (messages === FAIRNESS_MESSAGES || bytes > FAIRNESS_BYTES) {
        setImmediate(() => this.readFrom(pipe));
        break;
      }
      const message = pipe.read();
      if (message === undefined) break;
      messages += 1;
      bytes += message[0]?.length ?? 0;
      this.#receive(pipe, message);
    }
    this.wakeSenders(); // with `noDrop`, those who waited for a peer that has cancelled
  }

  /** Whether more may be read from this peer now; XPUB says no when its program does not keep up. */
  protected mayRead(_pipe: Pipe): boolean {
    return true;
  }

  /** A frame that starts with 01 or 00, from a peer that is there. */
  protected receiveSubscription(pipe: Pipe, frame: Buffer): void {
    this.apply(pipe, frame);
  }

  /** A message that is no subscription: PUB has nobody to give it to. */
  protected receiveOther(_pipe: Pipe, _message: Message): void {}

  /** A peer is gone, with its subscriptions. */
  protected forget(pipe: Pipe): void {
    this.#subscriptions.removeAll(pipe);
  }

  /** For XPUB: as {@link forget}, and tells of each topic. */
  protected forgetEach(pipe: Pipe, each: (topic: Buffer, isLast: boolean) => void): void {
    this.#subscriptions.removeAll(pipe, each);
  }

  /** Enters a subscription, or takes it out. A peer that has too many is disconnected. */
  protected apply(pipe: Pipe, frame: Buffer): TopicAdded | TopicRemoved {
    const topic = topicOf(frame);
    if (frame[0] !== SUBSCRIBE) return this.#subscriptions.remove(topic, pipe);
    const added = this.#subscriptions.add(topic, pipe);
    if (added === 'refused') this.expel(pipe);
    return added;
  }

  /** Disconnects a peer for good and counts it. */
  protected expel(pipe: Pipe): void {
    if (pipe.isClosed) return;
    this.#expelled += 1;
    pipe.close(0);
  }

  /** `noDrop` and `invertMatching` work at once. */
  protected override setOption(name: OptionName, value: unknown): void {
    super.setOption(name, value);
    this.wakeSenders();
  }

  /** The first frame says what a message is: a subscription, and then each frame by itself, or something else as a whole. */
  #receive(pipe: Pipe, message: Message): void {
    if (!isSubscription(message[0])) {
      this.receiveOther(pipe, message);
      return;
    }
    let rest: Message | undefined;
    for (let i = 0; i < message.length; i++) {
      const frame = message[i] as Buffer; // i < length
      if (!isSubscription(frame)) {
        if (rest === undefined) rest = [frame];
        else rest.push(frame);
      } else if (!pipe.isClosed) {
        this.receiveSubscription(pipe, frame); // of a peer that is gone none counts any more
      }
    }
    if (rest !== undefined) this.receiveOther(pipe, rest);
  }

  /** What a peer that is gone had still sent. */
  #readRest(pipe: Pipe): void {
    for (let message = pipe.read(); message !== undefined; message = pipe.read()) {
      this.#receive(pipe, message);
    }
  }
}

/** Topics of peers, as many as each may have. */
export function newTopicTable(): SubscriptionTrie<Pipe> {
  return new SubscriptionTrie<Pipe>({
    topics: TOPICS_MAX,
    bytes: TOPIC_BYTES_MAX,
    total: TOPICS_TOTAL_MAX,
  });
}
