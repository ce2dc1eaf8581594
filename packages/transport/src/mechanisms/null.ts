/**
 * The NULL mechanism (RFC 37): each side sends READY with its properties and waits for the other's. Neither waits for
 * the other to go first, as libzmq does not either. No authentication, no encryption.
 */

import { AuthError, ProtocolError } from '../errors.ts';
import { decodeCommand, encodeCommand } from '../wire/command.ts';
import { decodeMetadata } from '../wire/metadata.ts';
import type { Mechanism, MechanismOutput } from './mechanism.ts';

/** NULL on one connection. */
export class NullMechanism implements Mechanism {
  readonly name = 'NULL';
  readonly encrypts = false;
  readonly #output: MechanismOutput;
  readonly #metadata: Buffer;

  /** @param metadata our own properties, encoded. */
  constructor(output: MechanismOutput, metadata: Buffer) {
    this.#output = output;
    this.#metadata = metadata;
  }

  start(): void {
    this.#output.sendCommand(encodeCommand('READY', this.#metadata));
  }

  receiveCommand(body: Buffer): void {
    const command = decodeCommand(body);
    if (command?.name === 'READY') this.#output.ready(decodeMetadata(command.data));
    else if (command?.name === 'ERROR') this.#output.fail(decodeErrorReason(command.data));
    else {
      const got = command === undefined ? 'no command' : JSON.stringify(command.name);
      throw new ProtocolError(
        'ERR_ZMTP_UNEXPECTED_COMMAND',
        `Expected READY or ERROR as the first command of the NULL handshake; got ${got}.`,
      );
    }
  }

  encrypt(frame: Buffer): Buffer {
    return frame;
  }

  decrypt(frame: Buffer): Buffer {
    return frame;
  }
}

/**
 * What an ERROR command means (RFC 37): reason-length(1) reason. The reasons 300, 400 and 500 are ZAP statuses.
 *
 * @throws ProtocolError `ERR_ZMTP_MALFORMED_COMMAND_ERROR` when the reason is missing or runs past the end.
 */
export function decodeErrorReason(data: Buffer): Error {
  const length = data[0];
  if (length === undefined || 1 + length > data.length) {
    throw new ProtocolError(
      'ERR_ZMTP_MALFORMED_COMMAND_ERROR',
      `An ERROR command holds a reason and its length; got ${data.length} bytes.`,
    );
  }
  const reason = data.toString('latin1', 1, 1 + length);
  if (reason === '300') return new AuthError(300);
  if (reason === '400') return new AuthError(400);
  if (reason === '500') return new AuthError(500);
  return new ProtocolError(
    'ERR_ZMTP_UNSPECIFIED',
    `The peer refused the connection with the reason ${JSON.stringify(reason)}.`,
  );
}
