/**
 * Between the corridor, where everything is a message, and the frames of one connection after its handshake.
 *
 * Two things differ on the wire. A subscription, which above is the message `[01 topic]` or `[00 topic]`, is a command for peers
 * of ZMTP 3.1 (RFC 37, "The publish-subscribe pattern"; JOIN and LEAVE of RFC 48 likewise). And a mechanism that encrypts makes
 * each frame the body of one that says nothing about itself. Where neither applies, messages are encoded as they are.
 */

import type { Mechanism } from '../mechanisms/mechanism.ts';
import type { Message } from '../message.ts';
import { wholeFrame } from '../rope.ts';
import type { SocketType } from '../socket-type.ts';
import { type Command, encodeCommand } from '../wire/command.ts';
import { type Encoder, encodeFrame, REFERENCE_BYTES } from '../wire/encoder.ts';
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
  /** Messages go on the wire as they are. */
  readonly #isPlain: boolean;

  /**
   * @param mechanism the one of the handshake where it encrypts; else undefined.
   * @param takesCommands whether the peer knows subscriptions as commands: 3.1 peers do.
   */
  constructor(type: SocketType, mechanism: Mechanism | undefined, takesCommands: boolean) {
    this.#mechanism = mechanism;
    this.#commands = takesCommands ? SENDS[type] : undefined;
    this.#isPlain = mechanism === undefined && this.#commands === undefined;
  }

  /** Adds a message to the encoder's batch. */
  encode(message: Message, encoder: Encoder): void {
    if (this.#isPlain) encoder.add(message);
    else this.#encode(message, encoder);
  }

  /** The frame of a command. */
  encodeCommand(body: Buffer): Buffer {
    return this.#mechanism === undefined
      ? encodeFrame(body, FLAG_COMMAND)
      : encodeFrame(this.#mechanism.encrypt(body, FLAG_COMMAND), 0);
  }

  #encode(message: Message, encoder: Encoder): void {
    const kind = message.length === 1 ? message[0]?.[0] : undefined;
    if (this.#commands !== undefined && (kind === ON || kind === OFF)) {
      const name = kind === ON ? this.#commands.on : this.#commands.off;
      const topic = (message[0] as Buffer).subarray(1); // length 1
      this.#addFrame(encodeCommand(name, topic), FLAG_COMMAND, encoder);
      return;
    }
    const last = message.length - 1;
    for (let i = 0; i <= last; i++) {
      this.#addFrame(message[i] as Buffer, i < last ? FLAG_MORE : 0, encoder); // i <= last
    }
  }

  /** What is encrypted is a frame of its own, which on the wire shows neither MORE nor COMMAND. */
  #addFrame(body: Buffer, flags: number, encoder: Encoder): void {
    const mechanism = this.#mechanism;
    if (mechanism === undefined) {
      encoder.addFrame(body, flags);
      return;
    }
    const length = body.length + mechanism.overheadBytes;
    if (length < REFERENCE_BYTES) {
      const offset = encoder.room(length);
      mechanism.encryptInto(body, flags, encoder.memory, offset);
      encoder.addWritten(length, 0);
    } else {
      encoder.addFrame(mechanism.encrypt(wholeFrame(body), flags), 0);
    }
  }
}
