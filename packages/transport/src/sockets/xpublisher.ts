/**
 * XPUB (RFC 29): a PUB whose program reads the subscriptions, as messages `[01 topic]` and `[00 topic]`, between whatever else
 * XSUB peers send.
 *
 *   verbosity           subscribe is shown              unsubscribe is shown
 *   null                for the first subscriber        when the last subscriber of a topic cancels or is gone
 *   'allSubs'           always                          the same
 *   'allSubsUnsubs'     always                          always, also for each topic of a peer that is gone
 *   `manual`            always, and it has no effect    always; for a peer that is gone, each topic it had asked for
 *
 * What is not read waits. Messages that are no subscriptions wait up to the receive high-water mark of each peer, which is then
 * read no further. Subscriptions cannot: they take effect at once, read or not. So they wait up to a limit for all peers
 * together, and beyond it they are not shown.
 */

import { fail } from '../errors.ts';
import { Fifo } from '../fifo.ts';
import type { Message } from '../message.ts';
import {
  type OptionName,
  type PatternOptions,
  READABLE_OPTION_NAMES,
  WRITABLE_OPTION_NAMES,
} from '../options.ts';
import type { Pipe } from '../pipes/pipe.ts';
import {
  CANCEL,
  encodeSubscription,
  isSubscription,
  SUBSCRIBE,
  topicOf,
} from '../pipes/subscription-message.ts';
import { newTopicTable, PublisherBase } from './publisher-base.ts';
import {
  defineOptionProperties,
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';
import { toTopics } from './topics.ts';

type Own = Pick<
  PatternOptions,
  'noDrop' | 'invertMatching' | 'manual' | 'welcomeMessage' | 'verbosity'
>;

const OWN: readonly OptionName[] = [
  'noDrop',
  'invertMatching',
  'manual',
  'welcomeMessage',
  'verbosity',
];
const TRAITS: SocketTraits = {
  socketType: 'XPUB',
  options: [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

/** Subscriptions that may wait to be read. */
const UNREAD_SUBSCRIPTIONS_MAX = 1_000_000;
/** The same in bytes. */
const UNREAD_SUBSCRIPTION_BYTES_MAX = 64 * 1024 * 1024;

/** A message for the program. */
interface Unread {
  readonly message: Message;
  /** Whose it is; undefined when that peer is gone, and for what we say about it. */
  readonly pipe: Pipe | undefined;
}

export interface XPublisher extends Readable, Writable, Required<Own> {}

/** Distributes messages and sees who subscribes to what. */
export class XPublisher extends PublisherBase {
  readonly #unread = new Fifo<Unread>();
  #unreadSubscriptions = 0;
  #unreadSubscriptionBytes = 0;
  #unshown = 0;
  /** Unread messages that are no subscriptions, by peer; no entry for none. */
  readonly #unreadOthers = new Map<Pipe, number>();
  /** `manual`: what peers asked for, whatever was made of it. */
  readonly #requested = newTopicTable();
  /** `manual`: the peer of the message that was read last. */
  #lastPipe: Pipe | undefined = undefined;

  constructor(options: SocketOptions<XPublisher> = {}) {
    super(TRAITS, options);
  }

  override get readable(): boolean {
    return this.#unread.length > 0;
  }

  /** Subscriptions that were not shown because a million of them (or 64 MiB) waited to be read. */
  get unshown(): number {
    return this.#unshown;
  }

  override tryReceive(): Message | undefined {
    const next = this.#unread.shift();
    if (next === undefined) return undefined;
    const { message, pipe } = next;
    this.#lastPipe = pipe?.isClosed === true ? undefined : pipe;
    if (isSubscription(message[0])) {
      this.#unreadSubscriptions -= 1;
      this.#unreadSubscriptionBytes -= message[0]?.length ?? 0;
    } else if (pipe !== undefined) {
      this.#otherWasRead(pipe);
    }
    return message;
  }

  /**
   * With `manual`: subscribes the peer whose message was read last, whatever it asked for; without arguments, to everything. If
   * that peer is gone, nothing happens. `ZMQ_SUBSCRIBE` on XPUB.
   *
   * @throws TransportError `EINVAL` without `manual`; `EBADF` on a closed socket. @throws TypeError for what is no topic.
   */
  subscribe(...prefixes: Array<Buffer | string>): void {
    this.#applyToLast(SUBSCRIBE, prefixes);
  }

  /** With `manual`: takes subscriptions of the peer whose message was read last back. As {@link subscribe}. `ZMQ_UNSUBSCRIBE` on XPUB. */
  unsubscribe(...prefixes: Array<Buffer | string>): void {
    this.#applyToLast(CANCEL, prefixes);
  }

  override pipeConnected(pipe: Pipe): void {
    const { welcomeMessage: welcome } = this.options;
    if (welcome !== null) pipe.write([Buffer.from(welcome as string)]); // or a Buffer: from() takes both
    super.pipeConnected(pipe);
    this.wakeReceivers();
  }

  override pipeClosed(pipe: Pipe): void {
    super.pipeClosed(pipe);
    this.#unreadOthers.delete(pipe);
    this.wakeReceivers();
  }

  protected override readFrom(pipe: Pipe): void {
    super.readFrom(pipe);
    this.wakeReceivers();
  }

  protected override mayRead(pipe: Pipe): boolean {
    const mark = this.options.receiveHighWaterMark;
    return mark === 0 || (this.#unreadOthers.get(pipe) ?? 0) < mark;
  }

  protected override receiveSubscription(pipe: Pipe, frame: Buffer): void {
    if (this.#changes(pipe, frame)) this.#show(Buffer.from(frame), pipe);
  }

  protected override receiveOther(pipe: Pipe, message: Message): void {
    this.#unreadOthers.set(pipe, (this.#unreadOthers.get(pipe) ?? 0) + 1);
    this.#unread.push({ message, pipe });
  }

  protected override forget(pipe: Pipe): void {
    if (this.options.manual) {
      super.forget(pipe);
      this.#requested.removeAll(pipe, (topic) => this.#showCancelled(topic));
      return;
    }
    this.#requested.removeAll(pipe);
    const showsAll = this.options.verbosity === 'allSubsUnsubs';
    this.forgetEach(pipe, (topic, isLast) => {
      if (isLast || showsAll) this.#showCancelled(topic);
    });
  }

  /** Does what a subscription asks for; true when the program is to see it. */
  #changes(pipe: Pipe, frame: Buffer): boolean {
    const { manual, verbosity } = this.options;
    if (manual) {
      const topic = topicOf(frame);
      if (frame[0] !== SUBSCRIBE) this.#requested.remove(topic, pipe);
      else if (this.#requested.add(topic, pipe) === 'refused') {
        this.expel(pipe);
        return false;
      }
      return true;
    }
    const change = this.apply(pipe, frame);
    if (change === 'refused') return false;
    return frame[0] === SUBSCRIBE
      ? change === 'first' || verbosity !== null
      : change === 'last' || verbosity === 'allSubsUnsubs';
  }

  #showCancelled(topic: Buffer): void {
    this.#show(encodeSubscription(CANCEL, topic), undefined);
  }

  #show(frame: Buffer, pipe: Pipe | undefined): void {
    if (
      this.#unreadSubscriptions >= UNREAD_SUBSCRIPTIONS_MAX ||
      this.#unreadSubscriptionBytes + frame.length > UNREAD_SUBSCRIPTION_BYTES_MAX
    ) {
      this.#unshown += 1;
      return;
    }
    this.#unreadSubscriptions += 1;
    this.#unreadSubscriptionBytes += frame.length;
    this.#unread.push({ message: [frame], pipe });
  }

  /** Goes on reading from a peer once half of what waited is read; not now, for the caller has a message in hand. */
  #otherWasRead(pipe: Pipe): void {
    const unread = this.#unreadOthers.get(pipe);
    if (unread === undefined) return; // that peer is gone
    if (unread === 1) this.#unreadOthers.delete(pipe);
    else this.#unreadOthers.set(pipe, unread - 1);
    const mark = this.options.receiveHighWaterMark;
    if (pipe.unread > 0 && unread - 1 <= mark / 2) process.nextTick(() => this.readFrom(pipe));
  }

  #applyToLast(kind: typeof SUBSCRIBE | typeof CANCEL, prefixes: Array<Buffer | string>): void {
    const verb = kind === SUBSCRIBE ? 'subscribe' : 'unsubscribe';
    if (this.closed) fail('EBADF', 'Socket is closed');
    if (!this.options.manual) {
      fail('EINVAL', `Invalid argument: ${verb}() on an XPublisher needs the option manual: true.`);
    }
    const topics = toTopics(prefixes);
    const pipe = this.#lastPipe;
    if (pipe === undefined || pipe.isClosed) return;
    for (const topic of topics) this.apply(pipe, encodeSubscription(kind, topic));
    this.wakeSendersLater();
  }
}

defineWritable(XPublisher.prototype);
defineReadable(XPublisher.prototype);
defineOptionProperties(XPublisher.prototype, OWN);
