/**
 * RADIO (draft; RFC 48): sends a message to every DISH that has joined its group.
 *
 *   trySend and on the wire   [group][frame]
 */

import { fail } from '../errors.ts';
import { type Message, type MessageLike, toMessage } from '../message.ts';
import { WRITABLE_OPTION_NAMES } from '../options.ts';
import { GroupTable } from '../pipes/group-table.ts';
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

/** Commands of one peer that are taken in one go. */
const FAIRNESS_MESSAGES = 10_000;

/** Whom a message is for. */
export interface RadioGroupOptions {
  /** 0 to 255 bytes, none of which is zero. */
  group: Buffer | string;
}

export interface Radio extends Writable<MessageLike, [RadioGroupOptions]> {}

/** Sends to groups. It never waits: a peer that is full misses the message. */
export class Radio extends Socket {
  readonly #table = new GroupTable();
  #dropped = 0;
  #expelled = 0;
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

  /** Peers that were disconnected because they joined too many groups. */
  get expelled(): number {
    return this.#expelled;
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
    const members = this.#table.membersOf(groupKey(group));
    if (members === undefined) return true;
    for (const pipe of members) {
      if (!pipe.writable) pipe.flush();
      if (!pipe.write([group, frame]) && !pipe.isClosed) this.#dropped += 1;
    }
    return true;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
  }

  override pipeReadable(pipe: Pipe): void {
    for (let count = 0; ; count++) {
      if (count === FAIRNESS_MESSAGES) {
        setImmediate(() => this.pipeReadable(pipe));
        return;
      }
      const message = pipe.read();
      if (message === undefined) return;
      const [frame] = message;
      const said =
        message.length === 1 && frame !== undefined ? decodeMembership(frame) : undefined;
      if (said === undefined) this.#discarded += 1;
      else if (!said.isMember) this.#table.leave(said.key, pipe);
      else if (!pipe.isClosed && !this.#table.join(said.key, pipe)) this.#expel(pipe);
    }
  }

  /** Nobody waits for room. */
  override pipeWritable(_pipe: Pipe): void {}

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#table.leaveAll(pipe);
  }

  #expel(pipe: Pipe): void {
    this.#expelled += 1;
    pipe.close(0);
  }
}

defineOptionProperties(Radio.prototype, WRITABLE_OPTION_NAMES);
