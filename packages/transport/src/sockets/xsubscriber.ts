/**
 * XSUB (RFC 29): a SUB that subscribes by sending messages `[01 topic]` and `[00 topic]`, and that receives whatever its publishers
 * send, without a filter of its own. Any other message goes to every publisher, where an XPUB gives it to its program.
 *
 * A subscription that is repeated is passed on; one that is taken back more often than it was made, is not. In a message that
 * starts with a subscription each frame that starts with 01 or 00 is one, and the other frames are sent as a message of their own.
 */

import type { Message } from '../message.ts';
import { isSubscription, SUBSCRIBE, topicOf } from '../pipes/subscription-message.ts';
import {
  defineReadable,
  defineWritable,
  type Readable,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';
import { SubscriberBase } from './subscriber-base.ts';

const TRAITS: SocketTraits = {
  socketType: 'XSUB',
  defaults: { linger: 0 },
  connectsOnce: false,
};

export interface XSubscriber extends Readable, Writable {}

/** Receives by topic, and speaks to its publishers. `send` never waits. */
export class XSubscriber extends SubscriberBase {
  constructor(options: SocketOptions<XSubscriber> = {}) {
    super(TRAITS, options);
  }

  /** Always: a subscription is never lost, and another message is dropped for a publisher that is full. */
  override get writable(): boolean {
    return true;
  }

  /** Messages, other than subscriptions, that were not sent to a publisher because its pipe was full, counted for each of these. */
  get dropped(): number {
    return this.droppedUpstream;
  }

  override trySend(message: Message): boolean {
    if (!isSubscription(message[0])) {
      this.sendUpstream(message);
      return true;
    }
    let rest: Message | undefined;
    for (let i = 0; i < message.length; i++) {
      const frame = message[i] as Buffer; // i < length
      if (isSubscription(frame)) this.#apply(frame);
      else if (rest === undefined) rest = [frame];
      else rest.push(frame);
    }
    if (rest !== undefined) this.sendUpstream(rest);
    return true;
  }

  #apply(frame: Buffer): void {
    if (frame[0] === SUBSCRIBE) this.addTopic(topicOf(frame));
    else this.removeTopic(topicOf(frame));
  }
}

defineWritable(XSubscriber.prototype);
defineReadable(XSubscriber.prototype);
