/**
 * SUB (RFC 29): receives what its publishers send under the topics it subscribed to. It filters again itself, so that taking a
 * subscription back works at once, also for messages that were there already.
 */

import { fail } from '../errors.ts';
import type { Message } from '../message.ts';
import { type OptionName, type PatternOptions, READABLE_OPTION_NAMES } from '../options.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { SubscriptionTrie } from '../pipes/subscription-trie.ts';
import {
  defineOptionProperties,
  defineReadable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
} from './socket.ts';
import { SubscriberBase } from './subscriber-base.ts';
import { toTopics } from './topics.ts';

type Own = Pick<PatternOptions, 'conflate' | 'invertMatching'>;

const OWN: readonly OptionName[] = ['conflate', 'invertMatching'];
const TRAITS: SocketTraits = {
  socketType: 'SUB',
  options: [...READABLE_OPTION_NAMES, ...OWN],
  defaults: { linger: 0 },
  connectsOnce: true,
};

export interface Subscriber extends Readable, Required<Own> {}

/** Receives by topic; nothing at all before the first `subscribe`. */
export class Subscriber extends SubscriberBase {
  /** The topics of the base, for matching. This socket holds each of them. */
  readonly #filter = new SubscriptionTrie<Subscriber>();
  /** A message that matched, received to see whether there is one. */
  #next: Message | undefined = undefined;
  #nextPipe: Pipe | undefined = undefined;

  constructor(options: SocketOptions<Subscriber> = {}) {
    super(TRAITS, options);
  }

  override get readable(): boolean {
    if (this.#next === undefined) {
      this.#next = this.#receiveMatching();
      this.#nextPipe = this.lastPipe;
    }
    return this.#next !== undefined;
  }

  override tryReceive(): Message | undefined {
    const next = this.#next;
    this.#next = undefined;
    const isOutdated = this.options.conflate && (this.#nextPipe?.unread ?? 0) > 0;
    return next === undefined || isOutdated ? this.#receiveMatching() : next;
  }

  /**
   * Receives messages whose first frame starts with one of these; without arguments, all. Each call counts: as many calls of
   * {@link unsubscribe} take it back.
   *
   * @throws TransportError `EBADF` on a closed socket. @throws TypeError for what is no topic.
   */
  subscribe(...prefixes: Array<Buffer | string>): void {
    if (this.closed) fail('EBADF', 'Socket is closed');
    for (const topic of toTopics(prefixes)) {
      if (this.addTopic(topic)) this.#filter.add(topic, this);
    }
    this.#reconsider();
  }

  /**
   * Takes subscriptions back; without arguments, the one to everything. It works at once, also for messages that are there and
   * not yet received. What was not subscribed to is ignored.
   *
   * @throws TransportError `EBADF` on a closed socket. @throws TypeError for what is no topic.
   */
  unsubscribe(...prefixes: Array<Buffer | string>): void {
    if (this.closed) fail('EBADF', 'Socket is closed');
    for (const topic of toTopics(prefixes)) {
      if (this.removeTopic(topic)) this.#filter.remove(topic, this);
    }
    this.#reconsider();
  }

  #receiveMatching(): Message | undefined {
    for (;;) {
      const message = super.tryReceive();
      if (message === undefined || this.#accepts(message)) return message;
    }
  }

  #accepts(message: Message): boolean {
    const topic = message[0];
    return topic !== undefined && this.#filter.matches(topic) !== this.options.invertMatching;
  }

  /** The message in hand passed an older filter. */
  #reconsider(): void {
    if (this.#next !== undefined && !this.#accepts(this.#next)) this.#next = undefined;
  }
}

defineReadable(Subscriber.prototype);
defineOptionProperties(Subscriber.prototype, OWN);
