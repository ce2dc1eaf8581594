/**
 * The seam of a security mechanism: commands in, commands out, until both sides are ready.
 *
 * A mechanism starts after the greeting, sees command bodies and never a socket, and may answer later (an authenticator
 * may be asked first), which is why its output is a sink and not a return value.
 */

/** Where a mechanism puts what it has to say. Implemented by the connection. */
export interface MechanismOutput {
  /** Sends a command body in a frame of its own. */
  sendCommand(body: Buffer): void;
  /** The handshake is done: the peer's properties by name. Called once; not after `fail`. */
  ready(metadata: ReadonlyMap<string, Buffer>): void;
  /** The handshake failed: a ProtocolError or AuthError. Called once; the connection ends. */
  fail(error: Error): void;
}

/** One mechanism on one connection. */
export interface Mechanism {
  readonly name: 'NULL' | 'PLAIN' | 'CURVE';
  /** Whether traffic passes through `encrypt` and `decrypt`. */
  readonly encrypts: boolean;
  /** The greetings agree: say the first word, if it is ours. */
  start(): void;
  /** A frame of the peer during the handshake. May throw a ProtocolError, which counts as `fail`. */
  receiveCommand(body: Buffer): void;
  /** One traffic frame (body and flags) to what goes on the wire. Only called where `encrypts`. */
  encrypt(frame: Buffer, flags: number): Buffer;
  /** The reverse. Throws a ProtocolError for anything that was not made by the peer. Only called where `encrypts`. */
  decrypt(frame: Buffer): Buffer;
}
