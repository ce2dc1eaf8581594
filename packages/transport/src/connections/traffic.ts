/**
 * Between the corridor, where everything is a message, and the frames of one connection after its handshake.
 *
 * Two things differ on the wire. A subscription, which above is the message `[01 topic]` or `[00 topic]`, is a command for peers
 * of ZMTP 3.1 (RFC 37, "The publish-subscribe pattern"; JOIN and LEAVE of RFC 48 likewise). And a mechanism that encrypts makes
 * each frame the body of one that says nothing about itself. Where neither applies, messages are encoded as they are.
 */

import type { Mechanism } from '../mechanisms/mechanism.ts';
import type { Message } from '../message.ts';
import type { SocketType } from '../socket-type.ts';
import { type Command, encodeCommand } from '../wire/command.ts';
import { encodeBatch, encodedLength, encodeFrame } from '../wire/encoder.ts';
import { FLAG_COMMAND, FLAG_MORE } from '../wire/frame.ts';

/** What a subscription is called on the wire, by the first byte of the message above. */
interface CommandNames {
  readonly on: string;
  readonly off: string;
}

const SUBSCRIBE: CommandNames = { on: 'SUBSCRIBE', off: 'CANCEL' };
const JOIN: CommandNames = { on: 'JOIN', off: 'LEAVE' };

const SENDS: Partial<Record<SocketType, CommandNames>> = {
  SUB: SUBSCRIBE,
  XSUB: SUBSCRIBE,
  DISH: JOIN,
};
const TAKES: Partial<Record<SocketType, CommandNames>> = {
  PUB: SUBSCRIBE,
  XPUB: SUBSCRIBE,
  RADIO: JOIN,
};

const OFF = 0;
const ON = 1;

/** Whether a socket of this type is sent subscriptions. */
export function takesSubscriptions(type: SocketType): boolean {
  return TAKES[type] !== undefined;
}

/** The subscription in a command to a publisher, as a message; undefined for any other command, and for other socket types. */
export function subscriptionOf(type: SocketType, command: Command): Message | undefined {
  const names = TAKES[type];
  if (names === undefined) return undefined;
  if (command.name !== names.on && command.name !== names.off) return undefined;
  const subscription = Buffer.allocUnsafe(1 + command.data.length);
  subscription[0] = command.name === names.on ? ON : OFF;
  command.data.copy(subscription, 1);
  return [subscription];
}

/** Encodes the messages of one connection. */
export class Traffic {
  readonly #mechanism: Mechanism | undefined;
  readonly #commands: CommandNames | undefined;

  /**
   * @param mechanism the one of the handshake where it encrypts; else undefined.
   * @param takesCommands whether the peer knows subscriptions as commands: 3.1 peers do.
   */
  constructor(type: SocketType, mechanism: Mechanism | undefined, takesCommands: boolean) {
    this.#mechanism = mechanism;
    this.#commands = takesCommands ? SENDS[type] : undefined;
  }

  /** Buffers to be written one after the other; see {@link encodeBatch}. */
  encode(batch: readonly Message[], count: number, bytes: number): Buffer[] {
    if (this.#commands !== undefined) return this.#encodeWithCommands(batch, count, this.#commands);
    return this.#mechanism === undefined
      ? encodeBatch(batch, count, bytes)
      : encodeEach(encrypted(batch, count, this.#mechanism));
  }

  /** The frame of a command. */
  encodeCommand(body: Buffer): Buffer {
    return this.#mechanism === undefined
      ? encodeFrame(body, FLAG_COMMAND)
      : encodeFrame(this.#mechanism.encrypt(body, FLAG_COMMAND), 0);
  }

  #encodeWithCommands(batch: readonly Message[], count: number, names: CommandNames): Buffer[] {
    const chunks: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const message = batch[i] as Message; // i < count
      const kind = message.length === 1 ? message[0]?.[0] : undefined;
      if (kind === ON || kind === OFF) {
        const topic = (message[0] as Buffer).subarray(1); // length 1
        chunks.push(this.encodeCommand(encodeCommand(kind === ON ? names.on : names.off, topic)));
      } else if (this.#mechanism === undefined) {
        chunks.push(...encodeEach([message]));
      } else {
        chunks.push(...encodeEach(encrypted([message], 1, this.#mechanism)));
      }
    }
    return chunks;
  }
}

function encodeEach(messages: readonly Message[]): Buffer[] {
  let bytes = 0;
  for (let i = 0; i < messages.length; i++) bytes += encodedLength(messages[i] as Message); // i < length
  return encodeBatch(messages, messages.length, bytes);
}

/** Each frame as a message of its own: on the wire they show neither MORE nor COMMAND. */
function encrypted(batch: readonly Message[], count: number, mechanism: Mechanism): Message[] {
  const frames: Message[] = [];
  for (let m = 0; m < count; m++) {
    const message = batch[m] as Message; // m < count
    const last = message.length - 1;
    for (let i = 0; i <= last; i++) {
      frames.push([mechanism.encrypt(message[i] as Buffer, i < last ? FLAG_MORE : 0)]); // i <= last
    }
  }
  return frames;
}
