/**
 * RADIO (draft; RFC 48): sends a message to every DISH that has joined its group.
 *
 *   trySend and on the wire   [group][frame]
 */

import { fail } from '../errors.ts';
import { type Message, type MessageLike, toMessage } from '../message.ts';
import { WRITABLE_OPTION_NAMES } from '../options.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { decodeMembership, groupKey, isGroup, toGroup } from './group.ts';
import { refuseMultipart } from './sieve.ts';
import {
  defineOptionProperties,
  Socket,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

const TRAITS: SocketTraits = {
  socketType: 'RADIO',
  options: WRITABLE_OPTION_NAMES,
  connectsOnce: false,
};

/** Whom a message is for. */
export interface RadioGroupOptions {
  /** 0 to 255 bytes, none of which is zero. */
  group: Buffer | string;
}

export interface Radio extends Writable<MessageLike, [RadioGroupOptions]> {}

/** Sends to groups. It never waits: a peer that is full misses the message. */
export class Radio extends Socket {
  readonly #members = new Map<string, Set<Pipe>>();
  #dropped = 0;
  #discarded = 0;

  constructor(options: SocketOptions<Radio> = {}) {
    super(TRAITS, options);
  }

  /** Always. */
  override get writable(): boolean {
    return true;
  }

  /** Messages that a peer missed because it was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Received messages that say nothing about groups. */
  get discarded(): number {
    return this.#discarded;
  }

  /**
   * As {@link Writable.send}, to all who have joined the group; to nobody, when there is none.
   *
   * @throws (rejects) TransportError `EINVAL` for more than one frame and for what is no group; as `Writable.send` does.
   */
  send(message: MessageLike, options: RadioGroupOptions): Promise<void> {
    try {
      const frames = toMessage(message);
      refuseMultipart(this.socketType, frames.length);
      frames.unshift(toGroup(options?.group));
      return this.sendFrames(frames);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Always true. @throws TransportError `EINVAL` for a message of another form. */
  override trySend(message: Message): boolean {
    const [group, frame] = message;
    if (message.length !== 2 || group === undefined || frame === undefined || !isGroup(group)) {
      return fail('EINVAL', 'Invalid argument: a RADIO socket sends [group][frame].');
    }
    const members = this.#members.get(groupKey(group));
    if (members === undefined) return true;
    for (const pipe of members) {
      if (!pipe.writable) pipe.flush();
      if (!pipe.write([group, frame])) this.#dropped += 1;
    }
    return true;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
  }

  override pipeReadable(pipe: Pipe): void {
    for (let message = pipe.read(); message !== undefined; message = pipe.read()) {
      const [frame] = message;
      const said =
        message.length === 1 && frame !== undefined ? decodeMembership(frame) : undefined;
      if (said === undefined) this.#discarded += 1;
      else if (said.isMember) this.#join(said.key, pipe);
      else this.#leave(said.key, pipe);
    }
  }

  /** Nobody waits for room. */
  override pipeWritable(_pipe: Pipe): void {}

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    for (const key of this.#members.keys()) this.#leave(key, pipe);
  }

  #join(key: string, pipe: Pipe): void {
    const members = this.#members.get(key);
    if (members === undefined) this.#members.set(key, new Set([pipe]));
    else members.add(pipe);
  }

  #leave(key: string, pipe: Pipe): void {
    const members = this.#members.get(key);
    if (members?.delete(pipe) && members.size === 0) this.#members.delete(key);
  }
}

defineOptionProperties(Radio.prototype, WRITABLE_OPTION_NAMES);
