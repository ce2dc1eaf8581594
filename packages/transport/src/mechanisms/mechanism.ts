/**
 * The seam of a security mechanism: commands in, commands out, until both sides are ready.
 *
 * A mechanism starts after the greeting, sees command bodies and never a socket, and may answer later (an authenticator
 * may be asked first), which is why its output is a sink and not a return value.
 */

import type { Authenticator } from '../authenticator.ts';
import type { ResolvedSocketOptions } from '../options.ts';

/** Where a mechanism puts what it has to say. Implemented by the connection. */
export interface MechanismOutput {
  /** Sends a command body in a frame of its own. */
  sendCommand(body: Buffer): void;
  /** The handshake is done: the peer's properties by name. Called once; not after `fail`. */
  ready(metadata: ReadonlyMap<string, Buffer>): void;
  /** The handshake failed: a ProtocolError or AuthError, or a TransportError for our own part. Called once; the connection ends. */
  fail(error: Error): void;
}

/** What a mechanism is made with. */
export interface MechanismSetup {
  /** Of the socket at the time of bind or connect: keys, names and the ZAP domain are read from here. */
  readonly options: ResolvedSocketOptions;
  /** Our own properties, encoded. */
  readonly metadata: Buffer;
  readonly authenticator: Authenticator;
  /** Where the peer is, as a ZAP handler is told: `127.0.0.1`, `::1`; empty for ipc. */
  readonly peerAddress: string;
}

/** One mechanism on one connection. */
export interface Mechanism {
  readonly name: 'NULL' | 'PLAIN' | 'CURVE';
  /** Whether this side is the server, for the greeting. */
  readonly asServer: boolean;
  /** Whether traffic passes through `encrypt` and `decrypt`. */
  readonly encrypts: boolean;
  /** Whether peers of ZMTP 2.0, which know no handshake, may come in: NULL without a ZAP domain. */
  readonly allowsVersion2: boolean;
  /** The greetings agree: say the first word, if it is ours. */
  start(): void;
  /** A frame of the peer during the handshake. May throw a ProtocolError, which counts as `fail`. */
  receiveCommand(body: Buffer): void;
  /** One traffic frame to the body of a frame on the wire. `flags` has MORE and COMMAND as in `wire/frame.ts`. Only called where `encrypts`. */
  encrypt(body: Buffer, flags: number): Buffer;
  /** By how many bytes `encrypt` makes a frame longer. */
  readonly overheadBytes: number;
  /** As `encrypt`, written into `target` from `offset` on: as many bytes as the body has, and the overhead. */
  encryptInto(body: Buffer, flags: number, target: Buffer, offset: number): void;
  /**
   * The reverse: a byte of flags (MORE and COMMAND as in `wire/frame.ts`) and the frame's body behind it. Throws a ProtocolError for
   * anything that was not made by the peer for this place in the conversation. Only called where `encrypts`.
   */
  decrypt(body: Buffer): Buffer;
  /** The connection ended: withdraws what was asked and forgets keys. Idempotent. */
  close(): void;
}
