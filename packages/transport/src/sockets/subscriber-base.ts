/**
 * What SUB and XSUB share (RFC 29): the topics they subscribed to, told to every peer, and receiving from all of them in turn.
 *
 * The count of each topic is kept here: a peer is told SUBSCRIBE each time and CANCEL when the last one is taken back. A peer that
 * connects, or connects again, is told every topic once; what waits in a pipe without a connection is not added to. A peer that
 * is full is told later what became of the topics it missed, so that none is lost and what waits has at most one message per topic.
 */

import type { Message } from '../message.ts';
import { Distributor } from '../pipes/distributor.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import type { Pipe } from '../pipes/pipe.ts';
import {
  CANCEL,
  encodeSubscription,
  isSubscription,
  SUBSCRIBE,
} from '../pipes/subscription-message.ts';
import { Socket } from './socket.ts';

/** Subscribes and receives. */
export abstract class SubscriberBase extends Socket {
  readonly #fairQueue = new FairQueue();
  readonly #distributor = new Distributor();
  /** How often each topic (latin1) was subscribed to. */
  readonly #counts = new Map<string, number>();
  /** Topics that changed while their peer was full. */
  readonly #late = new Map<Pipe, Set<string>>();

  override get readable(): boolean {
    return this.#fairQueue.readable;
  }

  override tryReceive(): Message | undefined {
    return this.#fairQueue.receive();
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    pipe.keepAll('out');
    this.#fairQueue.attach(pipe);
    this.#distributor.attach(pipe);
  }

  override pipeConnected(pipe: Pipe): void {
    this.#late.delete(pipe);
    const waiting = withdraw(pipe);
    for (const topic of this.#counts.keys()) {
      pipe.writeBeyondMark([encodeSubscription(SUBSCRIBE, topic)]);
    }
    // Behind the subscriptions: what they ask for may be answered by a message.
    for (const message of waiting) pipe.writeBeyondMark(message);
  }

  override pipeReadable(pipe: Pipe): void {
    this.#fairQueue.activate(pipe);
    this.wakeReceivers();
  }

  override pipeWritable(pipe: Pipe): void {
    const topics = this.#late.get(pipe);
    if (topics === undefined) return;
    this.#late.delete(pipe);
    for (const topic of topics) {
      const kind = this.#counts.has(topic) ? SUBSCRIBE : CANCEL;
      pipe.writeBeyondMark([encodeSubscription(kind, topic)]);
    }
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#fairQueue.retire(pipe);
    this.#distributor.detach(pipe);
    this.#late.delete(pipe);
  }

  /** Counts a topic up and tells every peer. True when it is new. */
  protected addTopic(topic: Buffer): boolean {
    const key = topic.toString('latin1');
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    this.#tell(SUBSCRIBE, key);
    return count === 0;
  }

  /** Counts a topic down; true when that was the last, and then every peer was told. */
  protected removeTopic(topic: Buffer): boolean {
    const key = topic.toString('latin1');
    const count = this.#counts.get(key);
    if (count === undefined) return false;
    if (count > 1) {
      this.#counts.set(key, count - 1);
      return false;
    }
    this.#counts.delete(key);
    this.#tell(CANCEL, key);
    return true;
  }

  /** For XSUB: sends a message that is no subscription to every peer. Who is full misses it. */
  protected sendUpstream(message: Message): void {
    this.#distributor.selectAll();
    this.#distributor.send(message);
  }

  /** For XSUB: messages that full peers missed. */
  protected get droppedUpstream(): number {
    return this.#distributor.dropped;
  }

  /** For SUB: where the last received message came from. */
  protected get lastPipe(): Pipe | undefined {
    return this.#fairQueue.lastPipe;
  }

  #tell(kind: typeof SUBSCRIBE | typeof CANCEL, topic: string): void {
    const frame = encodeSubscription(kind, topic);
    for (const pipe of this.#distributor.pipes) {
      if (!pipe.isConnected || pipe.isClosed) continue; // it is told when it is connected
      const late = this.#late.get(pipe);
      if (late !== undefined) late.add(topic);
      else if (!pipe.write([frame])) this.#late.set(pipe, new Set([topic]));
    }
  }
}

/**
 * Takes everything that waits out of a pipe. What was said to the last peer about subscriptions is dropped, for its successor is
 * told everything anew; the rest is given back.
 */
function withdraw(pipe: Pipe): Message[] {
  const kept: Message[] = [];
  if (pipe.unsent === 0) return kept;
  for (let message = pipe.take(); message !== undefined; message = pipe.take()) {
    if (!isSubscription(message[0])) kept.push(message);
  }
  pipe.taken();
  return kept;
}
